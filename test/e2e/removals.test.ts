// Owns the proof that mass removals are held for a person to decide, and that the policy is followed.
import { describe, expect, it } from 'vitest';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { type Rig, startRig } from '../helpers/service.ts';

const people = 30;
const limited = { REMOVAL_LIMIT: '10' };

async function startWith(env: Record<string, string>) {
  const rig = await startRig({ tenant: { users: 0 }, env });
  const ids = Array.from(
    { length: people },
    (_, number) => rig.tenant.createUser({ mailNickname: `p${number}` }).id,
  );
  await rig.atRest();
  return { rig, ids };
}

const enabledOf = (rig: Rig, ids: readonly string[]) =>
  ids.filter((id) => rig.target().accounts.get(id)?.enabled === 1).length;
const openHold = (rig: Rig) =>
  rig
    .parts()
    .rooms.removals.list(10)
    .find(({ status }) => status === 'open');

/** Many leave at once, in a way that the guard sees as one: the service is down meanwhile. */
async function leaveTogether(rig: Rig, ids: readonly string[]): Promise<void> {
  await rig.stop();
  for (const id of ids) rig.tenant.softDeleteUser(id);
  await rig.start();
}

const settled = (rig: Rig): Promise<void> =>
  eventuallyTrue(
    'the engine is at rest',
    () => rig.parts().engine.isAtRest() && rig.tenant.delivery().pending === 0,
  );

function decide(rig: Rig, decision: 'approve' | 'discard'): void {
  const { rooms, engine } = rig.parts();
  const hold = openHold(rig);
  expect(rooms.removals.decide(hold?.id ?? 0, decision, 'test', Date.now())).toMatchObject({ ok: true });
  engine.asked();
}

describe('more removals than the limit', () => {
  it('are held as one, while additions and updates go on [pitfall 10]', async () => {
    const { rig, ids } = await startWith(limited);
    await leaveTogether(rig, ids.slice(0, 15));
    await eventuallyTrue('there is a hold', () => openHold(rig) !== undefined);
    expect(openHold(rig)).toMatchObject({ people: 15, limit: 10, removedInWindow: 0 });
    const late = rig.tenant.createUser({ mailNickname: 'late' }).id;
    rig.tenant.updateUser(ids[20] ?? '', { displayName: 'Still updated' });
    await eventuallyTrue('both have arrived', () => {
      const { accounts } = rig.target();
      return accounts.has(late) && accounts.get(ids[20] ?? '')?.display_name === 'Still updated';
    });
    expect(enabledOf(rig, ids)).toBe(people);
  });

  it('are held on the way of notifications too [pitfall 10]', async () => {
    const { rig, ids } = await startWith(limited);
    for (const id of ids.slice(0, 15)) rig.tenant.updateUser(id, { accountEnabled: false });
    await eventuallyTrue('somebody is held', () => rig.parts().rooms.removals.openPeople() > 0);
    await settled(rig);
    expect(enabledOf(rig, ids)).toBeGreaterThanOrEqual(people - 10);
  });

  it('are carried out once approved, save for whoever has come back [pitfall 10]', async () => {
    const { rig, ids } = await startWith(limited);
    await leaveTogether(rig, ids.slice(0, 15));
    await eventuallyTrue('there is a hold', () => openHold(rig) !== undefined);
    const [back = ''] = ids;
    rig.tenant.restoreUser(back);
    await settled(rig);
    await eventuallyTrue('the returner is out of it', () => rig.parts().rooms.removals.openPeople() === 14);
    decide(rig, 'approve');
    await rig.atRest();
    expect(enabledOf(rig, ids)).toBe(people - 14);
    expect(rig.target().accounts.get(back)?.enabled).toBe(1);
  });

  it('are forgotten once discarded: the accounts stay enabled and go on following the tenant', async () => {
    const { rig, ids } = await startWith(limited);
    const [first = ''] = ids;
    await rig.stop();
    for (const id of ids.slice(0, 15)) rig.tenant.updateUser(id, { accountEnabled: false });
    await rig.start();
    await eventuallyTrue('there is a hold', () => openHold(rig) !== undefined);
    decide(rig, 'discard');
    await settled(rig);
    rig.tenant.updateUser(first, { displayName: 'Kept and renamed' });
    await eventuallyTrue(
      'the change has arrived',
      () => rig.target().accounts.get(first)?.display_name === 'Kept and renamed',
    );
    expect(enabledOf(rig, ids)).toBe(people);
    expect(openHold(rig)).toBeUndefined();
  });

  it('stay held over a restart', async () => {
    const { rig, ids } = await startWith(limited);
    await leaveTogether(rig, ids.slice(0, 15));
    await eventuallyTrue('there is a hold', () => openHold(rig) !== undefined);
    const hold = openHold(rig);
    await rig.stop();
    await rig.start();
    await settled(rig);
    expect(openHold(rig)?.id).toBe(hold?.id);
    expect(enabledOf(rig, ids)).toBe(people);
  });

  it('fewer than the limit pass at once, and count for the hour', async () => {
    const { rig, ids } = await startWith(limited);
    await leaveTogether(rig, ids.slice(0, 8));
    await rig.atRest();
    expect(enabledOf(rig, ids)).toBe(people - 8);
    await leaveTogether(rig, ids.slice(8, 12));
    await eventuallyTrue('there is a hold', () => openHold(rig) !== undefined);
    expect(openHold(rig)).toMatchObject({ people: 4, removedInWindow: 8 });
  });
});

describe('the removal policy', () => {
  it('delete takes the row away at once, and a return brings a row of the same person', async () => {
    const { rig, ids } = await startWith({ REMOVAL_POLICY: 'delete' });
    const [first = '', second = ''] = ids;
    rig.tenant.softDeleteUser(first);
    rig.tenant.updateUser(second, { accountEnabled: false });
    await rig.atRest();
    expect([rig.target().accounts.has(first), rig.target().accounts.has(second)]).toEqual([false, false]);
    rig.tenant.restoreUser(first);
    await rig.atRest();
    expect(rig.target().accounts.get(first)).toMatchObject({ login: 'p0', enabled: 1 });
  });

  it('keep leaves every account as it is', async () => {
    const { rig, ids } = await startWith({ REMOVAL_POLICY: 'keep' });
    rig.tenant.softDeleteUser(ids[0] ?? '');
    rig.tenant.hardDeleteUser(ids[1] ?? '');
    rig.tenant.updateUser(ids[2] ?? '', { accountEnabled: false, displayName: 'Gone and renamed' });
    await eventuallyTrue(
      'the last change has arrived',
      () => rig.target().accounts.get(ids[2] ?? '')?.display_name === 'Gone and renamed',
    );
    await settled(rig);
    expect(enabledOf(rig, ids)).toBe(people);
  });

  it('disable deletes the row after the days of grace', async () => {
    // About a second.
    const { rig, ids } = await startWith({ REMOVAL_GRACE_DAYS: '0.00001' });
    const [first = ''] = ids;
    rig.tenant.softDeleteUser(first);
    await eventuallyTrue('the account is disabled', () => rig.target().accounts.get(first)?.enabled === 0);
    await eventuallyTrue('the row is gone', () => !rig.target().accounts.has(first));
    rig.tenant.restoreUser(first);
    await eventuallyTrue('the row is back', () => rig.target().accounts.get(first)?.enabled === 1);
  });
});
