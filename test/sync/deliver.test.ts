// Owns the proof of delivery: where a target is taken up, in which bites, and what happens around its failures.
import { describe, expect, it } from 'vitest';
import type { ChangeBatch, Position, Refusal, Target } from '../../src/gespage/target.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { createDelivery } from '../../src/sync/deliver.ts';
import { apply, id, keyOf, makeRooms, user, writeAccount } from '../helpers/state.ts';

function makeTarget(position?: Position) {
  const rows = new Map<string, string>();
  const batches: ChangeBatch[] = [];
  let failure: Error | undefined;
  let refusals: readonly Refusal[] = [];
  let held = position;
  const guard = <T>(work: () => T): Promise<T> =>
    failure ? Promise.reject(failure) : Promise.resolve(work());
  const target: Target = {
    name: 'stub',
    open: () => guard(() => undefined),
    position: () => guard(() => held),
    apply: (batch) =>
      guard(() => {
        batches.push(batch);
        const refused = refusals.filter(({ externalId }) =>
          batch.accounts.some((one) => one.externalId === externalId),
        );
        for (const { externalId, login } of batch.accounts) {
          if (!refused.some((one) => one.externalId === externalId)) rows.set(externalId, login);
        }
        for (const externalId of batch.removedAccounts) rows.delete(externalId);
        held = batch.to;
        return { upserted: batch.accounts.length, removed: batch.removedAccounts.length, refused };
      }),
    holdings: () => Promise.resolve({ accounts: [], groups: [], last: undefined }),
    close: () => Promise.resolve(),
  };
  return {
    target,
    rows,
    batches,
    fail: (error: Error | undefined) => (failure = error),
    refuse: (list: readonly Refusal[]) => (refusals = list),
  };
}

function makeDelivery(target: Target, rooms: StateRooms, isSettled = () => true) {
  const log = createMemoryLog();
  const clock = { now: 1_000_000 };
  for (const name of ['users', 'groups'] as const) rooms.streams.prepare(name, 'id', clock.now);
  const delivery = createDelivery({
    rooms,
    target,
    askFullRound: () => undefined,
    isSettled,
    now: () => clock.now,
    log,
    metrics: createMetrics({ processMetrics: false }),
  });
  const drain = async (): Promise<void> => {
    while ((await delivery.step()) === 'again');
  };
  return { delivery, drain, log, clock };
}

/** A ledger with so many accounts. */
function fill(rooms: StateRooms, count: number): void {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  apply(
    rooms,
    'user',
    numbers.map((number) => user(number)),
  );
  for (const number of numbers)
    writeAccount(rooms, keyOf(rooms, number), { externalId: id(number), login: `user${number}` });
}

describe('delivery', () => {
  it('brings everything in bites, each with the revision that it reaches', async () => {
    const rooms = makeRooms();
    fill(rooms, 2_500);
    const { target, rows, batches } = makeTarget();
    const { delivery, drain } = makeDelivery(target, rooms);
    expect(delivery.isCurrent()).toBe(false);
    await drain();
    expect(rows.size).toBe(2_500);
    expect(delivery.isCurrent()).toBe(true);
    expect(batches.length).toBeGreaterThan(1);
    const revisions = batches.map(({ to }) => to.revision);
    expect(revisions).toEqual([...revisions].sort((one, other) => one - other));
    expect(revisions.at(-1)).toBe(rooms.ledger.revision());
  });

  it('brings afterwards only what is newer, and removes what is gone', async () => {
    const rooms = makeRooms();
    fill(rooms, 20);
    const { target, rows, batches } = makeTarget();
    const { drain, delivery } = makeDelivery(target, rooms);
    await drain();
    batches.length = 0;
    writeAccount(rooms, keyOf(rooms, 3), { externalId: id(3), login: 'renamed' });
    writeAccount(rooms, keyOf(rooms, 4), { externalId: id(4), login: 'user4' }, { present: false });
    expect(delivery.isCurrent()).toBe(false);
    await drain();
    expect(batches).toHaveLength(1);
    expect(batches[0]?.accounts.map(({ login }) => login)).toEqual(['renamed']);
    expect(batches[0]?.removedAccounts).toEqual([id(4)]);
    expect([rows.get(id(3)), rows.has(id(4)), rows.size]).toEqual(['renamed', false, 19]);
  });
});

describe('that a target is current', () => {
  it('is told with the last bite, and with no other', async () => {
    const rooms = makeRooms();
    fill(rooms, 2_500);
    const { target, batches } = makeTarget();
    await makeDelivery(target, rooms).drain();
    expect(batches.map(({ isCurrent }) => isCurrent)).toEqual([false, false, true]);
  });

  it('is not told while people wait to be settled, and by an empty batch once nobody does', async () => {
    const rooms = makeRooms();
    fill(rooms, 3);
    const { target, batches } = makeTarget();
    let isSettled = false;
    const { drain } = makeDelivery(target, rooms, () => isSettled);
    await drain();
    expect(batches.map(({ isCurrent }) => isCurrent)).toEqual([false]);
    isSettled = true;
    await drain();
    expect(batches.slice(1)).toMatchObject([{ accounts: [], removedAccounts: [], isCurrent: true }]);
    expect(batches[1]?.to).toEqual(batches[0]?.to);
    await drain();
    expect(batches).toHaveLength(2);
  });

  it('is told anew after a restart and after a failure', async () => {
    const rooms = makeRooms();
    fill(rooms, 3);
    const { target, batches } = makeTarget();
    await makeDelivery(target, rooms).drain();
    const { delivery, drain } = makeDelivery(target, rooms);
    await drain();
    delivery.failed(new Error('gone for a moment'), 1);
    await drain();
    expect(batches.map(({ accounts, isCurrent }) => [accounts.length, isCurrent])).toEqual([
      [3, true],
      [0, true],
      [0, true],
    ]);
  });
});

describe('a target', () => {
  it('that already holds a revision of this ledger is taken up from there', async () => {
    const rooms = makeRooms();
    fill(rooms, 20);
    const first = makeTarget();
    await makeDelivery(first.target, rooms).drain();
    first.batches.length = 0;
    writeAccount(rooms, keyOf(rooms, 7), { externalId: id(7), login: 'seven' });
    // A new process: nothing is remembered but what the target and the database say.
    await makeDelivery(first.target, rooms).drain();
    expect(first.batches.flatMap(({ accounts }) => accounts.map(({ login }) => login))).toEqual(['seven']);
  });

  it('that follows another state database is written from the beginning', async () => {
    const rooms = makeRooms();
    fill(rooms, 20);
    const { target, rows, batches } = makeTarget({ ledgerId: 'another', revision: 5 });
    const { drain, log } = makeDelivery(target, rooms);
    await drain();
    expect(rows.size).toBe(20);
    expect(batches.at(-1)?.to).toEqual({ ledgerId: rooms.meta.ledgerId, revision: rooms.ledger.revision() });
    expect(log.text()).toContain('follows another state database');
  });

  it('that is ahead of the ledger, as after a restored backup, is written from the beginning', async () => {
    const rooms = makeRooms();
    fill(rooms, 20);
    const { target, rows } = makeTarget({
      ledgerId: rooms.meta.ledgerId,
      revision: rooms.ledger.revision() + 100,
    });
    await makeDelivery(target, rooms).drain();
    expect(rows.size).toBe(20);
  });

  it('that is down is known to be, and catches up from where it stands', async () => {
    const rooms = makeRooms();
    fill(rooms, 20);
    const { target, rows, batches, fail } = makeTarget();
    const { delivery, drain } = makeDelivery(target, rooms);
    await drain();
    fail(new Error('The test has taken it away.'));
    writeAccount(rooms, keyOf(rooms, 7), { externalId: id(7), login: 'seven' });
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const error = await delivery.step().catch((reason: unknown) => reason);
      waits.push(delivery.failed(error, attempt));
    }
    expect(waits).toEqual([...waits].sort((one, other) => one - other));
    expect(rooms.targets.list()).toMatchObject([{ name: 'stub', error: 'The test has taken it away.' }]);
    expect(rooms.targets.list()[0]?.failingSince).not.toBeNull();
    fail(undefined);
    batches.length = 0;
    await drain();
    expect(batches).toHaveLength(1);
    expect(rows.get(id(7))).toBe('seven');
    expect(rooms.targets.list()[0]?.failingSince).toBeNull();
  });

  it('that refuses one person gets all others, and the refusal ends with the first acceptance', async () => {
    const rooms = makeRooms();
    fill(rooms, 20);
    const { target, rows, refuse } = makeTarget();
    const { drain } = makeDelivery(target, rooms);
    refuse([{ externalId: id(7), reason: 'The login is too long.' }]);
    await drain();
    expect(rows.size).toBe(19);
    expect(rooms.targets.refusals(10)).toMatchObject([{ id: id(7), reason: 'The login is too long.' }]);
    refuse([]);
    rooms.ledger.offerRefusedAgain();
    await drain();
    expect(rows.size).toBe(20);
    expect(rooms.targets.refusals(10)).toEqual([]);
  });
});
