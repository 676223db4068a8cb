// Owns the proof that people who are gone for good are forgotten, and nobody whom a target still has to hear of.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openState } from '../../src/state/database.ts';
import { createStateRooms, type StateRooms } from '../../src/state/rooms.ts';
import {
  apply,
  forgetOld,
  group,
  id,
  keyOf,
  makeRooms,
  member,
  rebuild,
  settleAll,
  tombstone,
  user,
  writeAccount,
} from '../helpers/state.ts';

const day = 86_400_000;
const start = 20_000 * day;
const targets = ['sql'];

/** Streams that were read completely: only then are the indexes there. */
function countAsRead(rooms: StateRooms): void {
  for (const name of ['users', 'groups'] as const) {
    rooms.streams.prepare(name, 'id', start);
    rooms.streams.set(name, { fullRead: 1, fullCompletedAt: start });
  }
}

/** People 1 and 2 with accounts, of whom 1 is gone and removed; 2 has the last revision and the largest key. */
function makeLeaver(): StateRooms {
  const rooms = makeRooms();
  countAsRead(rooms);
  apply(rooms, 'user', [user(1), user(2)]);
  writeAccount(rooms, keyOf(rooms, 1));
  rooms.ledger.audit({
    at: start,
    key: keyOf(rooms, 1),
    action: 'create',
    cause: 'test',
    reason: null,
    changes: null,
  });
  apply(rooms, 'user', [tombstone(1, 'deleted')]);
  writeAccount(rooms, keyOf(rooms, 1), {}, { present: false });
  writeAccount(rooms, keyOf(rooms, 2), { externalId: id(2), login: 'user2' });
  settleAll(rooms);
  return rooms;
}

const deliver = (rooms: StateRooms, now: number, revision = rooms.ledger.revision()): void =>
  rooms.targets.applied('sql', revision, now);
const knows = (rooms: StateRooms, number: number): boolean => rooms.people.keyOf(id(number)) !== undefined;

/** Whether person 1 is forgotten 401 days after all of it was delivered. */
function isForgotten(rooms: StateRooms, names = targets): boolean {
  forgetOld(rooms, start, names);
  forgetOld(rooms, start + 401 * day, names);
  return !knows(rooms, 1);
}

describe('somebody who is gone for good', () => {
  it('is forgotten in all tables 400 days after every target has removed the row', () => {
    const rooms = makeLeaver();
    const key = keyOf(rooms, 1);
    deliver(rooms, start);
    for (const days of [0, 100, 399, 400]) forgetOld(rooms, start + days * day, targets);
    expect([knows(rooms, 1), rooms.ledger.get(key)?.present]).toEqual([true, false]);
    const revision = rooms.ledger.revision();
    forgetOld(rooms, start + 401 * day, targets);
    expect([knows(rooms, 1), rooms.ledger.get(key), knows(rooms, 2)]).toEqual([false, undefined, true]);
    for (const table of ['audit', 'account', 'directory_object', 'person_issue']) {
      expect(rooms.state.sql(`SELECT count(*) FROM ${table} WHERE key = ?`).pluck().get(key), table).toBe(0);
    }
    expect(rooms.ledger.revision()).toBe(revision);
    // A late word about the end of somebody unknown is no news.
    expect(apply(rooms, 'user', [tombstone(1, 'deleted')])).toEqual(new Set());
  });

  it('is remembered as long as a target lacks the removal, however long that is down', () => {
    const rooms = makeLeaver();
    deliver(rooms, start, 1);
    rooms.targets.failed('sql', 'down', start);
    for (const days of [0, 300, 800, 1_300]) forgetOld(rooms, start + days * day, targets);
    expect(knows(rooms, 1)).toBe(true);
    deliver(rooms, start + 1_300 * day);
    // Set back to a copy of itself, it would need the removal once more.
    forgetOld(rooms, start + 1_311 * day, targets);
    forgetOld(rooms, start + 1_710 * day, targets);
    expect(knows(rooms, 1)).toBe(true);
    forgetOld(rooms, start + 1_712 * day, targets);
    expect(knows(rooms, 1)).toBe(false);
  });

  it('is remembered while a target is written anew from the beginning', () => {
    const rooms = makeLeaver();
    deliver(rooms, start);
    forgetOld(rooms, start, targets);
    deliver(rooms, start + 401 * day, 1);
    forgetOld(rooms, start + 401 * day, targets);
    expect(knows(rooms, 1)).toBe(true);
    deliver(rooms, start + 401 * day);
    forgetOld(rooms, start + 402 * day, targets);
    expect(knows(rooms, 1)).toBe(false);
  });

  it('is remembered while a configured target was never written', () => {
    const rooms = makeLeaver();
    expect(isForgotten(rooms)).toBe(false);
    deliver(rooms, start);
    expect(isForgotten(rooms, ['sql', 'another'])).toBe(false);
  });

  it('is remembered for a target that nobody configures any more, but not for ever', () => {
    const rooms = makeLeaver();
    deliver(rooms, start);
    rooms.targets.applied('old', 1, start);
    for (const days of [0, 200, 399]) forgetOld(rooms, start + days * day, targets);
    expect(rooms.targets.list()).toHaveLength(2);
    for (const days of [401, 412, 813]) forgetOld(rooms, start + days * day, targets);
    expect([rooms.targets.list().map(({ name }) => name), knows(rooms, 1)]).toEqual([['sql'], false]);
  });

  it.each<[string, (rooms: StateRooms, key: number) => void]>([
    ['the account is still there', (rooms, key) => writeAccount(rooms, key, { enabled: false })],
    ['a membership is', (rooms) => void apply(rooms, 'group', [group(9, [member(1)])])],
    ['a removal is held', (rooms, key) => rooms.removals.propose(key, 'disable', 'left', 'test', start)],
    ['the decision is to come', (rooms, key) => rooms.people.mark([key], 'test')],
    ['a target refused', (rooms, key) => rooms.targets.refused('sql', key, 'no', start)],
    [
      'the row of the account is the last revision',
      (rooms, key) => writeAccount(rooms, key, {}, { present: false }),
    ],
    ['the tenant was not read completely', (rooms) => rooms.streams.set('groups', { fullRead: null })],
  ])('is remembered while %s', (_, change) => {
    const rooms = makeLeaver();
    change(rooms, keyOf(rooms, 1));
    // A member who is gone has lost the membership in the mirror: here it is told afterwards.
    if (rooms.people.keyOf(id(9)) !== undefined) {
      rooms.state
        .sql('INSERT INTO membership(group_key, member_key, nested, read) VALUES (?, ?, 0, 1)')
        .run(keyOf(rooms, 9), keyOf(rooms, 1));
    }
    deliver(rooms, start);
    expect(isForgotten(rooms)).toBe(false);
  });

  it('is remembered while only deleted for now, or while the key is the largest, which is never given again', () => {
    const rooms = makeLeaver();
    apply(rooms, 'user', [tombstone(2, 'deleted')]);
    const key = keyOf(rooms, 2);
    writeAccount(rooms, key, { externalId: id(2), login: 'user2' }, { present: false });
    settleAll(rooms);
    apply(rooms, 'user', [user(3)], { read: 0 });
    deliver(rooms, start);
    expect(keyOf(rooms, 3)).toBeGreaterThan(key);
    rooms.state.sql('DELETE FROM directory_object WHERE key > ?').run(key);
    writeAccount(rooms, 77, { externalId: id(77), login: 'user77' });
    deliver(rooms, start);
    expect(isForgotten(rooms)).toBe(true);
    expect(knows(rooms, 2)).toBe(true);
    apply(rooms, 'user', [user(4)]);
    expect(keyOf(rooms, 4)).toBeGreaterThan(key);
  });

  it('is not counted by a clock that was wrong for a while', () => {
    const rooms = makeLeaver();
    deliver(rooms, start);
    forgetOld(rooms, start + 5_000 * day, targets);
    forgetOld(rooms, start, targets);
    forgetOld(rooms, start + 399 * day, targets);
    expect(knows(rooms, 1)).toBe(true);
    forgetOld(rooms, start + 811 * day, targets);
    expect(knows(rooms, 1)).toBe(false);
  });
});

describe('a group that is gone for good', () => {
  it('is forgotten with its place in the ledger, unless that is the last revision', () => {
    const rooms = makeRooms();
    countAsRead(rooms);
    apply(rooms, 'group', [group(10), group(11)]);
    rebuild(rooms, { publish: [10, 11] });
    rooms.ledger.settleGroups();
    for (const gone of [10, 11]) {
      apply(rooms, 'group', [tombstone(gone, 'deleted')]);
      rebuild(rooms, { publish: [10, 11] });
      rooms.ledger.settleGroups();
    }
    apply(rooms, 'user', [user(1)]);
    deliver(rooms, start);
    const revision = rooms.ledger.revision();
    forgetOld(rooms, start, targets);
    forgetOld(rooms, start + 401 * day, targets);
    expect([knows(rooms, 10), knows(rooms, 11), rooms.ledger.revision()]).toEqual([false, true, revision]);
  });
});

describe('whatever happens, with targets that lag, are set back, or come and go', () => {
  const names = ['a', 'b'] as const;
  interface Copy {
    readonly revision: number;
    readonly rows: ReadonlySet<string>;
    readonly at: number;
  }
  const person = fc.integer({ min: 1, max: 6 });
  const target = fc.constantFrom(...names);
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('come' as const), person }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), person }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('deliver' as const),
        to: fc.subarray([...names], { minLength: 1 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('set back' as const), target }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('wait' as const), days: fc.constantFrom(1, 150, 390) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  );

  it('each target ends with exactly the rows of the ledger, and revisions only grow', () => {
    let forgotten = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        let rooms = createStateRooms(openState(':memory:'));
        countAsRead(rooms);
        let now = start;
        let last = 0;
        /** Of each target what it was at any time: the newest stands last. */
        const copies = new Map(
          names.map((name) => [name, [{ revision: 0, rows: new Set(), at: now }] as Copy[]]),
        );
        const held = (name: 'a' | 'b'): Copy => copies.get(name)?.at(-1) as Copy;
        // A person who is gone for good never comes back: another one comes.
        const generation = new Map<number, number>();
        const current = (one: number): number => (generation.get(one) ?? 0) * 10 + one;
        const catchUp = (name: 'a' | 'b'): void => {
          const noted = rooms.targets.list().find((row) => row.name === name)?.revision ?? 0;
          const from = Math.min(noted, held(name).revision);
          const { to, accounts } = rooms.ledger.changesSince(from, 1_000);
          const rows = new Set(held(name).rows);
          for (const { externalId, present } of accounts) {
            if (present) rows.add(externalId);
            else rows.delete(externalId);
          }
          copies.get(name)?.push({ revision: to, rows, at: now });
          rooms.targets.applied(name, to, now);
        };
        for (const one of steps) {
          if (one.do === 'come') {
            const number = current(one.person);
            apply(rooms, 'user', [user(number)]);
            writeAccount(rooms, keyOf(rooms, number), { externalId: id(number), login: `user${number}` });
          } else if (one.do === 'leave') {
            const number = current(one.person);
            if (!knows(rooms, number)) continue;
            apply(rooms, 'user', [tombstone(number, 'deleted')]);
            writeAccount(
              rooms,
              keyOf(rooms, number),
              { externalId: id(number), login: `user${number}` },
              { present: false },
            );
            generation.set(one.person, (generation.get(one.person) ?? 0) + 1);
          } else if (one.do === 'deliver') one.to.forEach(catchUp);
          else if (one.do === 'set back') {
            // To a copy of the last 400 days, which is soon noticed.
            const list = copies.get(one.target) ?? [];
            const older = list.find(
              ({ at }, index) => (list[index + 1]?.at ?? now) >= now - 400 * day && at <= now,
            );
            if (older === undefined) continue;
            list.push({ ...older, at: now });
            catchUp(one.target);
          } else if (one.do === 'wait') now += one.days * day;
          // Nothing is remembered but what the database holds.
          else rooms = createStateRooms(rooms.state);
          settleAll(rooms);
          expect(rooms.ledger.revision()).toBeGreaterThanOrEqual(last);
          last = rooms.ledger.revision();
          const before = rooms.state.sql('SELECT count(*) FROM account').pluck().get() as number;
          forgetOld(rooms, now, names);
          forgotten += before - (rooms.state.sql('SELECT count(*) FROM account').pluck().get() as number);
          expect(rooms.ledger.revision()).toBe(last);
        }
        const wanted = rooms.state.sql('SELECT external_id FROM account WHERE present = 1').pluck().all();
        for (const name of names) {
          catchUp(name);
          expect([...held(name).rows].sort()).toEqual(wanted.sort());
        }
        rooms.state.close();
      }),
      { numRuns: 60 },
    );
    // The histories did reach what they are about.
    expect(forgotten).toBeGreaterThan(10);
  });
});
