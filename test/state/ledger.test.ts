import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openState } from '../../src/state/database.ts';
import type { AuditAction } from '../../src/state/ledger.ts';
import { createStateRooms, type StateRooms } from '../../src/state/rooms.ts';
import {
  apply,
  group,
  id,
  keyOf,
  makeRooms,
  rebuild,
  temporaryFile,
  tombstone,
  waiting,
  withRooms,
  writeAccount,
  user,
} from '../helpers/state.ts';

const note = (rooms: StateRooms, key: number, action: AuditAction, at: number): void =>
  rooms.ledger.audit({ at, key, action, cause: 'test', reason: null, changes: null });

describe('revisions', () => {
  it('grow with every write, and one account has only its last', () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1);
    writeAccount(rooms, 2);
    writeAccount(rooms, 1, { login: 'renamed' });
    expect(rooms.ledger.revision()).toBe(3);
    const { to, accounts } = rooms.ledger.changesSince(0, 10);
    expect([to, accounts.map(({ key, login, revision }) => [key, login, revision])]).toEqual([
      3,
      [
        [2, 'user2', 2],
        [1, 'renamed', 3],
      ],
    ]);
  });

  it('are read by a target that fills itself in the order of the table, not of an index', () => {
    const file = temporaryFile();
    const rooms = makeRooms(file);
    writeAccount(rooms, 1);
    writeAccount(rooms, 2, { enabled: false });
    rooms.state.sql('ATTACH ? AS ledger').run(file);
    const { accounts } = rooms.ledger.source(file, 'any');
    expect(rooms.state.sql(`SELECT login FROM (${accounts})`).pluck().all()).toEqual(['user1', 'user2']);
    const plan = rooms.state.sql(`EXPLAIN QUERY PLAN ${accounts}`).all() as { detail: string }[];
    expect(plan.map(({ detail }) => detail)).toEqual(['SCAN ledger.account']);
  });

  it('go on after a restart', () => {
    const file = temporaryFile();
    const first = createStateRooms(openState(file));
    writeAccount(first, 1);
    first.state.close();
    const second = makeRooms(file);
    writeAccount(second, 2);
    expect(second.ledger.get(2)?.revision).toBe(2);
  });

  it('of a transaction that was undone are not given twice to what is kept', () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1);
    expect(() =>
      rooms.state.transaction(() => {
        writeAccount(rooms, 2);
        throw new Error('undone');
      }),
    ).toThrow('undone');
    writeAccount(rooms, 3);
    expect(rooms.ledger.get(2)).toBeUndefined();
    expect(rooms.ledger.changesSince(1, 10).accounts.map(({ key }) => key)).toEqual([3]);
    expect(rooms.ledger.revision()).toBe(rooms.ledger.get(3)?.revision);
  });

  it('are given anew to those whom a target refused, without the old receipt', () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1, {}, { pingedAt: 40 });
    writeAccount(rooms, 2);
    rooms.targets.refused('sql', 1, 'too long', 0);
    rooms.ledger.offerRefusedAgain();
    expect(rooms.ledger.changesSince(2, 10).accounts).toMatchObject([
      { key: 1, revision: 3, pingedAt: null },
    ]);
  });
});

describe('asking for what is newer', () => {
  it('gives nothing to who holds everything', () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1);
    expect(rooms.ledger.changesSince(1, 10)).toEqual({ to: 1, accounts: [], groups: [] });
  });

  it('gives pages of accounts and groups by revision: taken together everything, once, at its last state', () => {
    const change = fc.record({
      key: fc.integer({ min: 1, max: 12 }),
      isGroup: fc.boolean(),
      present: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (changes, limit) =>
        withRooms((rooms) => {
          apply(
            rooms,
            'group',
            Array.from({ length: 12 }, (_, at) => group(at + 1)),
          );
          const published = new Set<number>();
          const wanted = new Map<string, boolean>();
          for (const { key, isGroup, present } of changes) {
            if (isGroup) {
              if (present) published.add(key);
              else published.delete(key);
              rebuild(rooms, { publish: [...published] });
              rooms.ledger.settleGroups();
              if (present || wanted.has(`group ${key}`)) wanted.set(`group ${key}`, present);
            } else {
              writeAccount(rooms, key, {}, { present });
              wanted.set(`account ${key}`, present);
            }
          }
          const got = new Map<string, boolean>();
          let from = 0;
          for (let pages = 0; ; pages += 1) {
            const page = rooms.ledger.changesSince(from, limit);
            expect(page.accounts.length + page.groups.length).toBeLessThanOrEqual(limit);
            for (const one of page.accounts) got.set(`account ${one.key}`, one.present);
            for (const one of page.groups)
              got.set(`group ${Number.parseInt(one.externalId.slice(-12), 16)}`, one.present);
            if (page.to === from) break;
            expect(page.to).toBeGreaterThan(from);
            from = page.to;
            expect(pages).toBeLessThan(100);
          }
          expect(new Map([...got].sort())).toEqual(new Map([...wanted].sort()));
          expect(from).toBe(rooms.ledger.revision());
        }),
      ),
      { numRuns: 60 },
    );
  });
});

describe('published groups', () => {
  it('follow the mirror: name, coming, going, coming back', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10), { id: id(11), properties: {} }]);
    const settle = (publish: number[]) => {
      rebuild(rooms, { publish });
      const before = rooms.ledger.revision();
      const changed = rooms.ledger.settleGroups();
      expect(changed).toBe(rooms.ledger.revision() > before);
      return rooms.ledger.changesSince(before, 10).groups;
    };
    expect(settle([10, 11])).toEqual([
      { externalId: id(10), name: 'Group 10', present: true },
      { externalId: id(11), name: id(11), present: true },
    ]);
    expect(settle([10, 11])).toEqual([]);
    apply(rooms, 'group', [group(10, [], { displayName: 'Renamed' })]);
    expect(settle([10])).toEqual([
      { externalId: id(10), name: 'Renamed', present: true },
      { externalId: id(11), name: id(11), present: false },
    ]);
    apply(rooms, 'group', [tombstone(10, 'changed')]);
    expect(settle([10])).toMatchObject([{ externalId: id(10), present: false }]);
    apply(rooms, 'group', [group(10)]);
    expect(settle([10])).toEqual([{ externalId: id(10), name: 'Group 10', present: true }]);
  });

  it('that only make the scope are not given to Gespage', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10)]);
    rebuild(rooms, { scope: [10] });
    expect(rooms.ledger.settleGroups()).toBe(false);
  });
});

describe('logins', () => {
  it('belong to one present account each; one that is gone holds none', () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1, { login: 'Anna' });
    expect(() => writeAccount(rooms, 2, { login: 'anna' })).toThrow(/UNIQUE/);
    writeAccount(rooms, 1, { login: 'Anna' }, { present: false });
    writeAccount(rooms, 2, { login: 'anna' });
    expect(rooms.ledger.holders(['anna', 'nobody'])).toEqual(new Map([['anna', 2]]));
  });

  it('can be exchanged once they are parked, whatever other logins look like', () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1, { login: 'anna' });
    writeAccount(rooms, 2, { login: 'bert' });
    writeAccount(rooms, 3, { login: '~1' });
    rooms.ledger.parkLogins([]);
    rooms.ledger.parkLogins([1, 2]);
    expect(rooms.ledger.holders(['anna', 'bert', '~1'])).toEqual(new Map([['~1', 3]]));
    writeAccount(rooms, 1, { login: 'bert' });
    writeAccount(rooms, 2, { login: 'anna' });
    expect(rooms.ledger.holders(['anna', 'bert'])).toEqual(
      new Map([
        ['anna', 2],
        ['bert', 1],
      ]),
    );
  });
});

describe('counting', () => {
  it('tells enabled accounts from those that are only there', () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1);
    writeAccount(rooms, 2, { enabled: false }, { disabledSince: 5 });
    writeAccount(rooms, 3, { enabled: false }, { present: false });
    expect([rooms.ledger.countEnabled(), rooms.ledger.countPresent()]).toEqual([1, 2]);
  });

  it('counts the people removed since a time, each once, and no end of grace', () => {
    const rooms = makeRooms();
    note(rooms, 1, 'disable', 100);
    note(rooms, 1, 'disable', 200);
    note(rooms, 2, 'delete', 150);
    note(rooms, 3, 'disable', 50);
    note(rooms, 4, 'expire', 150);
    note(rooms, 5, 'update', 150);
    expect([
      rooms.ledger.countRemovedSince(99),
      rooms.ledger.countRemovedSince(100),
      rooms.ledger.countRemovedSince(200),
    ]).toEqual([2, 2, 0]);
  });
});

describe('days of grace', () => {
  it('mark whoever was disabled at the limit or before, and tell when the next is due', () => {
    const rooms = makeRooms();
    apply(
      rooms,
      'user',
      [1, 2, 3, 4, 5].map((one) => user(one)),
    );
    const since = new Map([
      [1, 100],
      [2, 101],
      [3, 50],
      [4, 200],
    ]);
    rooms.people.done(rooms.people.nextKeys(10));
    for (const [one, disabledSince] of since)
      writeAccount(rooms, keyOf(rooms, one), { enabled: false }, { disabledSince });
    writeAccount(rooms, keyOf(rooms, 3), { enabled: false }, { disabledSince: 50, present: false });
    writeAccount(rooms, keyOf(rooms, 5));
    expect([rooms.ledger.hasExpired(99), rooms.ledger.hasExpired(100)]).toEqual([false, true]);
    expect(rooms.ledger.markExpired(100, 5, 'grace over')).toBe(1);
    expect(waiting(rooms)).toEqual([1]);
    expect(rooms.ledger.nextExpiry(100)).toBe(101);
    rooms.people.done(rooms.people.nextKeys(10));
    expect(rooms.ledger.markExpired(200, 2, 'grace over')).toBe(2);
    expect(waiting(rooms)).toEqual([1, 2]);
    expect(rooms.ledger.nextExpiry(200)).toBeUndefined();
  });

  it('do not mark again and again somebody of whom nothing can be said', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    rooms.people.done(rooms.people.nextKeys(10));
    const key = keyOf(rooms, 1);
    writeAccount(rooms, key, { enabled: false }, { disabledSince: 1 });
    rooms.people.setIssue(key, { kind: 'no-login', detail: '', loginKey: null, since: 0 });
    rooms.ledger.markExpired(100, 5, 'grace over');
    expect(rooms.people.isEmpty()).toBe(true);
    rooms.people.clearIssue(key);
    rooms.ledger.markExpired(100, 5, 'grace over');
    expect(rooms.people.isEmpty()).toBe(false);
  });
});
