// Owns the proof of settling: bites, logins that change hands across them, grace, and rules that change.
import { describe, expect, it } from 'vitest';
import { compileMapping } from '../../src/accounts/decide.ts';
import { defaultMapping, type Mapping } from '../../src/accounts/mapping.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { createSettler, type SettleOptions } from '../../src/sync/settle.ts';
import { apply, group, id, keyOf, makeRooms, member, tombstone, user, waiting } from '../helpers/state.ts';

const day = 86_400_000;

function makeSettler(options: Partial<SettleOptions> & { patch?: (mapping: Mapping) => Mapping } = {}) {
  const { patch = (mapping: Mapping) => mapping, ...rest } = options;
  const rooms = makeRooms();
  const clock = { now: 1_000 * day };
  const settler = createSettler({
    rooms,
    mapping: compileMapping(patch(defaultMapping())),
    policy: 'disable',
    graceDays: 30,
    limit: { kind: 'count', n: 10_000 },
    now: () => clock.now,
    log: createMemoryLog(),
    ...rest,
  });
  const settle = (): number => {
    let bites = 0;
    while (settler.settleSome() === 'more') bites += 1;
    return bites;
  };
  return { rooms, settler, clock, settle };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const loginOf = (rooms: StateRooms, number: number): string | undefined =>
  rooms.ledger.get(keyOf(rooms, number))?.login;
const isEnabled = (rooms: StateRooms, number: number): boolean | undefined =>
  rooms.ledger.get(keyOf(rooms, number))?.enabled;

describe('settling', () => {
  it('takes many people in several bites and leaves nobody waiting', () => {
    const { rooms, settle } = makeSettler();
    apply(
      rooms,
      'user',
      numbers(1_700).map((number) => user(number)),
    );
    expect(settle()).toBeGreaterThan(2);
    expect(waiting(rooms)).toEqual([]);
    expect(rooms.ledger.countEnabled()).toBe(1_700);
  });

  it('done again changes no revision', () => {
    const { rooms, settle } = makeSettler();
    apply(
      rooms,
      'user',
      numbers(20).map((number) => user(number)),
    );
    settle();
    const revision = rooms.ledger.revision();
    rooms.people.markRange(0, 100, 'again');
    settle();
    expect(rooms.ledger.revision()).toBe(revision);
  });
});

describe('logins that change hands', () => {
  it('across the border of a bite are exchanged', () => {
    const { rooms, settle } = makeSettler();
    apply(
      rooms,
      'user',
      numbers(1_700).map((number) => user(number)),
    );
    settle();
    // The first and the last are never in one bite by themselves.
    apply(rooms, 'user', [
      user(1, { mailNickname: 'user1700' }),
      ...numbers(1_698).map((number) => user(number + 1, { department: 'Law' })),
      user(1_700, { mailNickname: 'user1' }),
    ]);
    settle();
    expect([loginOf(rooms, 1), loginOf(rooms, 1_700)]).toEqual(['user1700', 'user1']);
    expect(rooms.people.countIssues()).toBe(0);
  });

  it('round a circle that goes through several bites all arrive', () => {
    const { rooms, settle } = makeSettler();
    apply(
      rooms,
      'user',
      numbers(1_700).map((number) => user(number)),
    );
    settle();
    const circle = numbers(40).map((number) => number * 42);
    const next = (at: number): string => `user${circle[(at + 1) % circle.length] ?? 0}`;
    apply(
      rooms,
      'user',
      numbers(1_700).map((number) => user(number, { department: 'Law' })),
    );
    apply(
      rooms,
      'user',
      circle.map((number, at) => user(number, { department: 'Law', mailNickname: next(at) })),
    );
    settle();
    expect(circle.map((number) => loginOf(rooms, number))).toEqual(circle.map((_, at) => next(at)));
    expect(rooms.people.countIssues()).toBe(0);
  });

  it('of which one half is read before the other wait, and are exchanged with it', () => {
    const { rooms, settle } = makeSettler();
    apply(rooms, 'user', [user(1, { mailNickname: 'anna' }), user(2, { mailNickname: 'bert' })]);
    settle();
    apply(rooms, 'user', [user(1, { mailNickname: 'bert' })]);
    settle();
    expect([loginOf(rooms, 1), loginOf(rooms, 2)]).toEqual(['anna', 'bert']);
    expect(rooms.people.issues(10)).toMatchObject([{ id: id(1), kind: 'login-collision' }]);
    apply(rooms, 'user', [user(2, { mailNickname: 'anna' })]);
    settle();
    expect([loginOf(rooms, 1), loginOf(rooms, 2)]).toEqual(['bert', 'anna']);
    expect(rooms.people.countIssues()).toBe(0);
  });

  it('freed by a removal go to whoever waits for them', () => {
    const { rooms, settle } = makeSettler({ policy: 'delete' });
    apply(rooms, 'user', [user(1, { mailNickname: 'anna' })]);
    settle();
    apply(rooms, 'user', [user(2, { mailNickname: 'anna' })]);
    settle();
    expect(rooms.ledger.get(keyOf(rooms, 2))).toBeUndefined();
    apply(rooms, 'user', [tombstone(1, 'deleted')]);
    settle();
    expect(loginOf(rooms, 2)).toBe('anna');
  });
});

describe('the days of grace', () => {
  it('keep the row to their end, and no longer', () => {
    const { rooms, settler, clock, settle } = makeSettler();
    apply(rooms, 'user', [user(1), user(2)]);
    settle();
    apply(rooms, 'user', [tombstone(1, 'changed')]);
    settle();
    const disabledAt = clock.now;
    expect(settler.markExpired()).toBe(disabledAt + 30 * day);
    clock.now = disabledAt + 30 * day - 1;
    settler.markExpired();
    settle();
    expect(rooms.ledger.get(keyOf(rooms, 1))).toMatchObject({ present: true, enabled: false });
    clock.now += 1;
    settler.markExpired();
    settle();
    expect(rooms.ledger.get(keyOf(rooms, 1))).toMatchObject({ present: false });
    expect(rooms.ledger.get(keyOf(rooms, 2))).toMatchObject({ present: true, enabled: true });
  });

  it('over for many at once, as by a clock that ran ahead, delete no more rows an hour than the limit', () => {
    const { rooms, settler, clock, settle } = makeSettler({ limit: { kind: 'count', n: 12 } });
    apply(
      rooms,
      'user',
      numbers(30).map((number) => user(number)),
    );
    settle();
    for (const some of [numbers(12), numbers(24).slice(12), numbers(30).slice(24)]) {
      apply(
        rooms,
        'user',
        some.map((number) => tombstone(number, 'changed')),
      );
      settle();
      clock.now += 2 * 3_600_000;
    }
    clock.now += 365 * day;
    // A full resync, or other rules, have everybody decided again: that is no other way to lose a row.
    rooms.people.markRange(0, 1_000, 'resync');
    settle();
    expect(rooms.ledger.countPresent()).toBe(30);
    const work = (): number => {
      settler.markExpired();
      settle();
      return rooms.ledger.countPresent();
    };
    expect([work(), work()]).toEqual([18, 18]);
    expect(settler.markExpired()).toBe(clock.now + 60_000);
    clock.now += 3_600_001;
    expect([work(), work()]).toEqual([6, 6]);
    clock.now += 3_600_001;
    expect(work()).toBe(0);
    expect(settler.markExpired()).toBeUndefined();
  });

  it('end with a return, whose row is the same', () => {
    const { rooms, clock, settle } = makeSettler();
    apply(rooms, 'user', [user(1)]);
    settle();
    apply(rooms, 'user', [tombstone(1, 'changed')]);
    settle();
    clock.now += 10 * day;
    apply(rooms, 'user', [user(1)]);
    settle();
    expect(rooms.ledger.get(keyOf(rooms, 1))).toMatchObject({
      present: true,
      enabled: true,
      disabledSince: null,
    });
  });
});

describe('held removals', () => {
  const mass = () => {
    const rig = makeSettler({ limit: { kind: 'count', n: 10 } });
    apply(
      rig.rooms,
      'user',
      numbers(40).map((number) => user(number)),
    );
    rig.settle();
    apply(
      rig.rooms,
      'user',
      numbers(15).map((number) => tombstone(number, 'changed')),
    );
    rig.settle();
    return rig;
  };
  const disabled = (rooms: StateRooms): number[] =>
    numbers(40).filter((number) => isEnabled(rooms, number) === false);

  it('are one hold, and nobody of it is disabled', () => {
    const { rooms } = mass();
    expect(rooms.removals.list(10)).toMatchObject([{ status: 'open', people: 15, limit: 10 }]);
    expect(disabled(rooms)).toEqual([]);
  });

  it('approved are carried out where they still hold true', () => {
    const { rooms, settle } = mass();
    apply(rooms, 'user', [user(3)]);
    settle();
    const [hold] = rooms.removals.list(1);
    expect(rooms.removals.decide(hold?.id ?? 0, 'approve', 'test', 0)).toEqual({ ok: true, people: 14 });
    settle();
    expect(disabled(rooms)).toEqual(numbers(15).filter((number) => number !== 3));
  });

  it('discarded are not proposed again by the next look at the same people', () => {
    const { rooms, settle } = mass();
    const [hold] = rooms.removals.list(1);
    rooms.removals.decide(hold?.id ?? 0, 'discard', 'test', 0);
    rooms.people.markRange(0, 100, 'again');
    settle();
    expect(disabled(rooms)).toEqual([]);
    expect(rooms.removals.list(10).map(({ status }) => status)).toEqual(['discarded']);
  });
});

describe('published groups', () => {
  it('give their nested members to the accounts, also of people settled before', () => {
    const { rooms, settle } = makeSettler({
      patch: (mapping) => ({ ...mapping, groups: { publish: ['Group 101'], never: [], nested: true } }),
    });
    apply(rooms, 'user', [user(1), user(2)]);
    settle();
    apply(rooms, 'group', [group(101, [member(102, 'group')]), group(102, [member(1)])]);
    settle();
    expect(rooms.ledger.get(keyOf(rooms, 1))?.groups).toEqual([id(101)]);
    expect(rooms.ledger.get(keyOf(rooms, 2))?.groups).toEqual([]);
  });

  it('go away when they come to be named such that they are never published', () => {
    const { rooms, settle } = makeSettler({
      patch: (mapping) => ({
        ...mapping,
        groups: { publish: ['*'], never: ['gespage admin*'], nested: true },
      }),
    });
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'group', [group(101, [member(1)]), group(102, [member(1)])]);
    settle();
    expect(rooms.ledger.get(keyOf(rooms, 1))?.groups).toEqual([id(101), id(102)]);
    apply(rooms, 'group', [group(102, [member(1)], { displayName: 'Gespage Admins' })]);
    settle();
    expect(rooms.ledger.get(keyOf(rooms, 1))?.groups).toEqual([id(101)]);
    expect(rooms.ledger.groups().filter(({ present }) => present)).toMatchObject([{ externalId: id(101) }]);
  });
});
