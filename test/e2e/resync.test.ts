// Owns the proof of full rounds: asked for, planned only, forced by expired tokens, and polling without notifications.
import { describe, expect, it } from 'vitest';
import { resetStyles } from '../emulator/delta-token.ts';
import { type Rig, startRig } from '../helpers/service.ts';
import { touched } from '../helpers/target-tables.ts';

const setting = {
  tenant: { users: 60, groups: 6, memberships: 40, settings: { delta: { pageSize: [1, 20] as const } } },
  mapping: { groups: { publish: ['*'] } },
};

/** Asks for a run and waits for its end. */
async function run(rig: Rig, request: { dryRun?: boolean; person?: string | null }) {
  const { rooms, engine } = rig.parts();
  const { id } = rooms.runs.request({ kind: 'resync', requestedBy: 'test', ...request }, Date.now());
  engine.asked();
  await expect
    .poll(() => rooms.runs.get(id)?.status, { timeout: 10_000 })
    .toSatisfy((status) => status !== 'queued' && status !== 'running');
  const ended = rooms.runs.get(id);
  return {
    status: ended?.status,
    counts: JSON.parse(ended?.counts ?? '{}') as Record<string, number>,
    ended,
  };
}

/** Changes of which the service hears nothing. */
function changeInSilence(rig: Rig) {
  const { tenant } = rig;
  const { accounts, memberships } = rig.target();
  // People in no group, so that each of them changes once.
  const ids = [...accounts.values()]
    .filter(({ enabled, external_id: id }) => enabled === 1 && !memberships.has(id))
    .map((row) => row.external_id);
  const [renamed = '', deleted = '', purged = ''] = ids;
  tenant.configure({ delivery: { drops: 1 } });
  tenant.updateUser(renamed, { displayName: 'Renamed in silence' });
  tenant.softDeleteUser(deleted);
  tenant.hardDeleteUser(purged);
  const created = tenant.createUser({ mailNickname: 'silent', displayName: 'Created in silence' }).id;
  tenant.configure({ delivery: { drops: 0 } });
  return { renamed, deleted, purged, created };
}

describe('a full resync', () => {
  it('brings what no notification told, and counts it [trouble 13.13]', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    changeInSilence(rig);
    const { status, counts } = await run(rig, {});
    expect(status).toBe('succeeded');
    expect(counts).toMatchObject({ created: 1, updated: 1, disabled: 2, deleted: 0 });
    expect(rig.differences()).toEqual([]);
  });

  it('of a tenant without changes changes nothing', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const before = rig.target();
    const { status, counts } = await run(rig, {});
    expect(status).toBe('succeeded');
    expect(counts).toMatchObject({ created: 0, updated: 0, disabled: 0, deleted: 0 });
    expect(touched(before, rig.target())).toEqual([]);
  });

  it('as a dry run says what it would do and does nothing', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const before = rig.target();
    const { renamed, deleted, purged, created } = changeInSilence(rig);
    const { status, counts, ended } = await run(rig, { dryRun: true });
    expect(status).toBe('succeeded');
    expect(counts).toMatchObject({ created: 1, updated: 1, disabled: 2, deleted: 0, held: 0 });
    const plan = JSON.parse(ended?.plan ?? '{}') as { people: { id: string; action: string }[] };
    expect(new Map(plan.people.map(({ id, action }) => [id, action]))).toEqual(
      new Map([
        [renamed, 'update'],
        [deleted, 'disable'],
        [purged, 'disable'],
        [created, 'create'],
      ]),
    );
    expect(touched(before, rig.target())).toEqual([]);
    // The real one afterwards does what was said.
    expect((await run(rig, {})).counts).toMatchObject({ created: 1, updated: 1, disabled: 2 });
    expect(rig.differences()).toEqual([]);
  });

  it('of one person reads and settles that person alone [pitfall 26]', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const before = rig.target();
    const { renamed } = changeInSilence(rig);
    expect((await run(rig, { person: renamed })).status).toBe('succeeded');
    expect(touched(before, rig.target())).toEqual([renamed]);
  });

  it('that fails half-way removes nobody, and goes on from its last page [pitfall 8]', async () => {
    const rig = await startRig({
      ...setting,
      tenant: { ...setting.tenant, settings: { delta: { pageSize: 10 } } },
    });
    await rig.atRest();
    const before = rig.target();
    const { tenant } = rig;
    tenant.addFault({
      path: '^/v1.0/users/delta',
      skip: 3,
      times: 4,
      action: { type: 'status', status: 500 },
    });
    const { status } = await run(rig, {});
    expect(status).toBe('succeeded');
    expect(tenant.faultHits()).toBe(4);
    expect(touched(before, rig.target())).toEqual([]);
  });
});

describe('an expired delta token', () => {
  it.each(resetStyles)(
    'refused as %s leads to a full round; nobody is removed, nothing is missed [pitfall 7] [trouble 13.12]',
    async (style) => {
      const rig = await startRig(setting);
      await rig.atRest();
      const before = rig.target();
      await rig.stop();
      const { tenant } = rig;
      tenant.expireDeltaTokens(null, style);
      const change = tenant.updateUser([...before.accounts.keys()][0] ?? '', {
        displayName: 'While the token expired',
      });
      await rig.start();
      await rig.atRest();
      expect(touched(before, rig.target())).toEqual([change.id]);
      expect(tenant.rounds().filter(({ full }) => full)).toHaveLength(4);
    },
  );
});

describe('polling mode', () => {
  it('makes no subscription and follows by rounds alone', async () => {
    const rig = await startRig({ ...setting, notifications: false, env: { POLL_SECONDS: '0.2' } });
    await rig.inSync();
    expect(rig.parts().engine.mode).toBe('polling');
    changeInSilence(rig);
    await rig.inSync();
    expect(rig.tenant.subscriptions()).toEqual([]);
  });
});
