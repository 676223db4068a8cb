import { describe, expect, it } from 'vitest';
import type { StateRooms } from '../../src/state/rooms.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { openState } from '../../src/state/database.ts';
import {
  apply,
  edges,
  group,
  id,
  keyOf,
  leaver,
  makeRooms,
  member,
  noPing,
  rebuild,
  settleAll,
  temporaryFile,
  tombstone,
  user,
  waiting,
} from '../helpers/state.ts';

const propertiesOf = (rooms: StateRooms, number: number): unknown =>
  rooms.people.load([keyOf(rooms, number)], true)[0]?.user?.properties;
const stateOf = (rooms: StateRooms, number: number) => rooms.directory.stateOf(id(number));

/** Sweeps everything that a complete round, begun at `read`, did not show. */
function sweep(rooms: StateRooms, kind: 'user' | 'group', read: number): void {
  for (let key: number | undefined = 0; key !== undefined;)
    key = rooms.directory.sweep(kind, read, key, noPing);
}

/** A complete round that shows these objects. */
function fullRound(rooms: StateRooms, kind: 'user' | 'group', objects: Parameters<typeof apply>[2]): void {
  const read = rooms.directory.beginRead();
  apply(rooms, kind, objects, { read });
  sweep(rooms, kind, read);
}

describe('a read of a user', () => {
  it('is joined to what is known, and says who changed', () => {
    const rooms = makeRooms();
    expect(apply(rooms, 'user', [user(1, { mail: 'a@x', department: 'Sales' }), user(2)])).toEqual(
      new Set([id(1), id(2)]),
    );
    expect(apply(rooms, 'user', [{ id: id(1), properties: { department: null } }, user(2)])).toEqual(
      new Set([id(1)]),
    );
    expect(propertiesOf(rooms, 1)).toEqual({ accountEnabled: true, mailNickname: 'user1', mail: 'a@x' });
  });

  it('marks for settling whoever changed, and nobody else', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2)]);
    settleAll(rooms);
    apply(rooms, 'user', [user(1), user(2, { mail: 'new@x' })]);
    expect(waiting(rooms)).toEqual([2]);
  });

  it('carries the receipt of its ping to the settling, the oldest where several come', () => {
    const rooms = makeRooms();
    const pinged = (at: number | null) => ({ cause: { text: 'delta round', pingedAt: () => at } });
    apply(rooms, 'user', [user(1)], pinged(null));
    apply(rooms, 'user', [user(1, { mail: 'b' })], pinged(500));
    apply(rooms, 'user', [user(1, { mail: 'c' })], pinged(900));
    expect(rooms.people.load([keyOf(rooms, 1)], true)[0]).toMatchObject({ pingedAt: 500 });
  });

  it('takes several changes of one user in one page in their order [trouble 13.11]', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1, { mail: 'first' }), user(1, { mail: 'second' })]);
    expect(propertiesOf(rooms, 1)).toMatchObject({ mail: 'second' });
  });
});

describe('the newest read', () => {
  it('wins over one that began earlier and came later, in properties and in tombstones [trouble 13.6]', () => {
    const rooms = makeRooms();
    const older = rooms.directory.beginRead();
    const newer = rooms.directory.beginRead();
    apply(rooms, 'user', [user(1, { mail: 'new' })], { read: newer });
    expect(apply(rooms, 'user', [user(1, { mail: 'old' })], { read: older })).toEqual(new Set());
    expect(apply(rooms, 'user', [tombstone(1, 'deleted')], { read: older })).toEqual(new Set());
    expect(propertiesOf(rooms, 1)).toMatchObject({ mail: 'new' });
  });

  it('is remembered where it showed nothing new', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    const older = rooms.directory.beginRead();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'user', [tombstone(1, 'deleted')], { read: older });
    expect(stateOf(rooms, 1)).toBe('present');
  });

  it('has a greater number after a restart than all reads that left something', () => {
    const file = temporaryFile();
    const first = createStateRooms(openState(file));
    const read = first.directory.beginRead();
    apply(first, 'user', [user(1)], { read });
    first.state.close();
    expect(makeRooms(file).directory.beginRead()).toBeGreaterThan(read);
  });
});

describe('a read that is older than what is known', () => {
  it('is told, so that the object can be asked for again', () => {
    const rooms = makeRooms();
    const older = rooms.directory.beginRead();
    apply(rooms, 'user', [user(1)]);
    const outdated: string[] = [];
    rooms.directory.apply('user', { read: older, objects: [user(1), user(2)] }, noPing, (one) =>
      outdated.push(one),
    );
    expect(outdated).toEqual([id(1)]);
  });
});

describe('a tombstone', () => {
  it('keeps the person and the last values, and marks them for settling', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2)]);
    settleAll(rooms);
    apply(rooms, 'user', [tombstone(1, 'changed'), tombstone(2, 'deleted')]);
    expect([stateOf(rooms, 1), stateOf(rooms, 2)]).toEqual(['soft-deleted', 'gone']);
    expect(waiting(rooms)).toEqual([1, 2]);
    expect(propertiesOf(rooms, 2)).toMatchObject({ mailNickname: 'user2' });
  });

  it('of somebody never seen changes nothing, in the first round too [trouble 13.11]', () => {
    const rooms = makeRooms();
    expect(apply(rooms, 'user', [tombstone(1, 'changed'), tombstone(2, 'deleted'), user(3)])).toEqual(
      new Set([id(3)]),
    );
    expect([stateOf(rooms, 1), stateOf(rooms, 2)]).toEqual([undefined, undefined]);
    expect(waiting(rooms)).toEqual([3]);
  });

  it('that is repeated changes nothing more', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'user', [tombstone(1, 'deleted')]);
    settleAll(rooms);
    expect(apply(rooms, 'user', [tombstone(1, 'deleted')])).toEqual(new Set());
    expect(waiting(rooms)).toEqual([]);
  });

  it('is undone by a restore, under the same key [pitfall 13] [trouble 13.11]', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    const key = keyOf(rooms, 1);
    apply(rooms, 'user', [tombstone(1, 'changed')]);
    settleAll(rooms);
    expect(apply(rooms, 'user', [user(1)])).toEqual(new Set([id(1)]));
    expect([stateOf(rooms, 1), keyOf(rooms, 1), waiting(rooms)]).toEqual(['present', key, [1]]);
  });

  it('of a soft-deleted user keeps the memberships; one of a user deleted for good drops them, although the group says nothing [pitfall 14] [trouble 13.15]', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2)]);
    apply(rooms, 'group', [group(10, [member(1), member(2)]), group(11, [member(2)])]);
    apply(rooms, 'user', [tombstone(1, 'changed'), tombstone(2, 'deleted')]);
    expect(edges(rooms)).toEqual([[10, 1]]);
  });

  it('of a group drops its members and marks them where the group counts', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'group', [group(10, [member(1)])]);
    rebuild(rooms, { publish: [10] });
    settleAll(rooms);
    apply(rooms, 'group', [tombstone(10, 'deleted')]);
    expect([edges(rooms), waiting(rooms), rooms.reach.isDirty()]).toEqual([[], [1], true]);
  });
});

describe('somebody known only as a member', () => {
  it('is no user yet, and becomes one under the same key when read', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(1)])]);
    const key = keyOf(rooms, 1);
    expect(stateOf(rooms, 1)).toBe('unread');
    expect(rooms.people.load([key], true)[0]?.user).toBeUndefined();
    expect(rooms.directory.counts()).toEqual({ users: 0, groups: 1, memberships: 1 });
    apply(rooms, 'user', [user(1)]);
    expect([keyOf(rooms, 1), stateOf(rooms, 1), waiting(rooms)]).toEqual([key, 'present', [1]]);
  });

  it('can be deleted, which is told once; being restored brings the memberships into effect', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(1, 'unknown'), member(2, 'unknown')])]);
    expect(apply(rooms, 'user', [tombstone(1, 'changed'), tombstone(2, 'deleted')])).toEqual(
      new Set([id(1), id(2)]),
    );
    expect(apply(rooms, 'user', [tombstone(1, 'changed'), tombstone(2, 'deleted')])).toEqual(new Set());
    expect([stateOf(rooms, 1), stateOf(rooms, 2)]).toEqual(['soft-deleted', 'gone']);
    expect([edges(rooms), waiting(rooms)]).toEqual([[[10, 1]], []]);
    apply(rooms, 'user', [user(1)]);
    expect(waiting(rooms)).toEqual([1]);
  });

  it('of no stated type counts as a nested group from the moment in which it turns out to be one [trouble 13.3]', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'group', [group(10, [member(11, 'unknown')])]);
    rebuild(rooms, { scope: [10] });
    settleAll(rooms);
    apply(rooms, 'group', [group(11, [member(1)])]);
    expect(rooms.reach.isDirty()).toBe(true);
    rebuild(rooms, { scope: [10] });
    expect(waiting(rooms)).toEqual([1]);
    expect(rooms.people.load([keyOf(rooms, 1)], true)[0]?.inScopeGroup).toBe(true);
  });

  it('stays unread while only removals name it', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [leaver(1)])]);
    expect([stateOf(rooms, 1), edges(rooms)]).toEqual([undefined, []]);
  });
});

describe('the members of a group', () => {
  it('come in pieces, which are joined [pitfall 21] [trouble 13.11]', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(1)]), group(11, [member(2)]), group(10, [member(3)])]);
    apply(rooms, 'group', [group(10, [member(4)])]);
    expect(edges(rooms)).toEqual([
      [10, 1],
      [10, 3],
      [10, 4],
      [11, 2],
    ]);
  });

  it('added and removed in one list end as the list ends [trouble 13.3]', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(1), leaver(1), leaver(2), member(2)])]);
    expect(edges(rooms)).toEqual([[10, 2]]);
  });

  it('that are told again change nothing', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(1)])]);
    rebuild(rooms, { scope: [10] });
    settleAll(rooms);
    expect(apply(rooms, 'group', [group(10, [member(1), leaver(7)])])).toEqual(new Set());
    expect([waiting(rooms), rooms.reach.isDirty()]).toEqual([[], false]);
  });

  it('who are gone for good are not taken up again by a late or repeated entry', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'group', [group(10, [member(1)])]);
    apply(rooms, 'user', [tombstone(1, 'deleted')]);
    apply(rooms, 'group', [group(10, [member(1)])]);
    expect(edges(rooms)).toEqual([]);
  });

  it('are marked only where the group counts', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2), user(3)]);
    apply(rooms, 'group', [group(10, [member(3)]), group(11)]);
    rebuild(rooms, { publish: [10] });
    settleAll(rooms);
    const cause = { text: 'delta round', pingedAt: (of: string) => (of === id(10) ? 700 : null) };
    apply(rooms, 'group', [group(10, [member(1), leaver(3)]), group(11, [member(2)])], { cause });
    expect(waiting(rooms)).toEqual([1, 3]);
    expect(rooms.people.load([keyOf(rooms, 1)], true)[0]).toMatchObject({
      pingedAt: 700,
      cause: 'notification',
    });
  });

  it('are left alone by a read without a list of members', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(1)])]);
    apply(rooms, 'group', [{ id: id(10), properties: { displayName: 'New name' } }]);
    expect(edges(rooms)).toEqual([[10, 1]]);
  });
});

describe('after a complete round', () => {
  it('whoever it did not show is gone and is settled again; the others are left alone [trouble 13.13]', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2), user(3)]);
    settleAll(rooms);
    fullRound(rooms, 'user', [user(1), user(3)]);
    expect([stateOf(rooms, 1), stateOf(rooms, 2), stateOf(rooms, 3)]).toEqual(['present', 'gone', 'present']);
    expect(waiting(rooms)).toEqual([2]);
  });

  it('what was read after the round began is not swept, although the round did not show it', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    const round = rooms.directory.beginRead();
    apply(rooms, 'user', [user(2)]);
    apply(rooms, 'user', [user(1)]);
    sweep(rooms, 'user', round);
    expect([stateOf(rooms, 1), stateOf(rooms, 2)]).toEqual(['present', 'present']);
  });

  it('users are swept by rounds of users only, groups by rounds of groups only', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'group', [group(10, [member(1)])]);
    fullRound(rooms, 'user', []);
    expect([stateOf(rooms, 1), stateOf(rooms, 10), edges(rooms)]).toEqual(['gone', 'present', [[10, 1]]]);
  });

  it('goes through the whole mirror in ranges', () => {
    const rooms = makeRooms();
    apply(
      rooms,
      'user',
      Array.from({ length: 5_200 }, (_, at) => user(at + 1)),
    );
    const round = rooms.directory.beginRead();
    apply(rooms, 'user', [user(5_200)], { read: round });
    const first = rooms.directory.sweep('user', round, 0, noPing);
    expect(first).toBe(5_000);
    expect(rooms.directory.counts().users).toBe(200);
    sweep(rooms, 'user', round);
    expect(rooms.directory.counts().users).toBe(1);
  });

  it('memberships that were not shown are dropped, and their people settled where the group counts', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2), user(3)]);
    apply(rooms, 'group', [group(10, [member(1), member(2)]), group(11, [member(3)])]);
    rebuild(rooms, { scope: [10] });
    settleAll(rooms);
    fullRound(rooms, 'group', [group(10, [member(1)]), group(11)]);
    expect([edges(rooms), waiting(rooms)]).toEqual([[[10, 1]], [2]]);
  });

  it('a nested group that was not shown as a member takes its people out', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'group', [group(10, [member(11, 'group')]), group(11, [member(1)])]);
    rebuild(rooms, { scope: [10] });
    settleAll(rooms);
    fullRound(rooms, 'group', [group(10), group(11, [member(1)])]);
    expect(rooms.reach.isDirty()).toBe(true);
    rebuild(rooms, { scope: [10] });
    expect(waiting(rooms)).toEqual([1]);
  });

  it('a group that is gone takes its members out', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'group', [group(10, [member(1)])]);
    rebuild(rooms, { publish: [10] });
    settleAll(rooms);
    fullRound(rooms, 'group', []);
    rebuild(rooms, { publish: [10] });
    expect([stateOf(rooms, 10), waiting(rooms)]).toEqual(['gone', [1]]);
    expect(rooms.people.load([keyOf(rooms, 1)], true)[0]?.groups).toEqual([]);
  });

  it('the memberships of soft-deleted users stay, as Graph keeps them too', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2)]);
    apply(rooms, 'group', [group(10, [member(1), member(2)])]);
    apply(rooms, 'user', [tombstone(1, 'changed')]);
    fullRound(rooms, 'group', [group(10)]);
    expect(edges(rooms)).toEqual([[10, 1]]);
  });

  it.each([
    ['sweepRead', (read: number) => ({ sweepRead: read })],
    ['round', (read: number) => ({ round: 'full' as const, roundRead: read })],
  ])('one who is restored while a full round of groups is under way (%s) asks for another', (_, underWay) => {
    const rooms = makeRooms();
    rooms.streams.prepare('groups', 'x', 0);
    rooms.streams.set('groups', { fullWanted: 0 });
    apply(rooms, 'user', [user(1), user(2)]);
    apply(rooms, 'group', [group(10, [member(1)])]);
    apply(rooms, 'user', [tombstone(1, 'changed'), tombstone(2, 'changed')]);
    const round = rooms.directory.beginRead();
    rooms.streams.set('groups', underWay(round));
    apply(rooms, 'group', [group(10)]);
    sweep(rooms, 'group', round);
    // Somebody without memberships has missed nothing.
    apply(rooms, 'user', [user(2)]);
    expect(rooms.streams.get('groups').fullWanted).toBe(0);
    apply(rooms, 'user', [user(1)]);
    expect(edges(rooms)).toEqual([[10, 1]]);
    expect(rooms.streams.get('groups').fullWanted).toBeGreaterThan(round);
  });

  it('a group that hides its members is not taken for empty; one that shows some is believed [pitfall 23] [trouble 13.18]', () => {
    const rooms = makeRooms();
    const hidden = { visibility: 'HiddenMembership' };
    apply(rooms, 'group', [
      group(10, [member(1)], hidden),
      group(11, [member(1), member(2)], hidden),
      group(12, [], hidden),
    ]);
    fullRound(rooms, 'group', [group(10, [], hidden), group(11, [member(2)], hidden), group(12, [], hidden)]);
    expect(edges(rooms)).toEqual([
      [10, 1],
      [11, 2],
    ]);
    expect(rooms.directory.hiddenGroups()).toEqual([id(12)]);
  });

  it('one who was taken for gone and comes back asks for all memberships again', () => {
    const rooms = makeRooms();
    rooms.streams.prepare('groups', 'x', 0);
    rooms.streams.set('groups', { fullWanted: 0 });
    apply(rooms, 'user', [user(1)]);
    fullRound(rooms, 'user', []);
    apply(rooms, 'user', [user(1)]);
    expect(stateOf(rooms, 1)).toBe('present');
    expect(rooms.streams.get('groups').fullWanted).toBeGreaterThan(0);
  });
});

describe('taking up many memberships at once, before anybody is settled', () => {
  it('ends in the same mirror as taking them up one by one', () => {
    const page = [
      group(10, [member(1), member(2), member(11, 'group'), member(2)]),
      group(11, [member(3), member(12, 'unknown'), member(4, 'unknown')]),
      group(10, [member(4), member(5, 'other')]),
      group(12, [member(6), leaver(6), leaver(7)]),
      tombstone(13, 'deleted'),
      group(14, [member(1)]),
      tombstone(14, 'deleted'),
    ];
    const run = (bulk: boolean) => {
      const rooms = makeRooms();
      apply(rooms, 'user', [user(1), user(2), user(3)]);
      apply(rooms, 'user', [tombstone(3, 'deleted')]);
      if (bulk) rooms.directory.beginBulk();
      apply(rooms, 'group', page);
      rooms.directory.endBulk();
      apply(rooms, 'group', [group(10, [leaver(1)])]);
      rebuild(rooms, { scope: [10], publish: [11] });
      const nested = rooms.state.sql('SELECT count(*) FROM membership WHERE nested = 1').pluck().get();
      const people = [1, 2, 4].map((one) => rooms.people.load([keyOf(rooms, one)], true)[0]?.inScopeGroup);
      return [edges(rooms), nested, people, waiting(rooms).sort(), rooms.directory.counts()];
    };
    expect(run(true)).toEqual(run(false));
  });

  it('goes on after a restart, and leaves the index behind that the rest needs', () => {
    const file = temporaryFile();
    const index = (rooms: StateRooms) =>
      rooms.state.sql(`SELECT count(*) FROM sqlite_master WHERE name = 'membership_member'`).pluck().get();
    const first = createStateRooms(openState(file));
    first.directory.beginBulk();
    apply(first, 'group', [group(10, [member(1)])]);
    first.state.close();
    const second = makeRooms(file);
    expect(index(second)).toBe(0);
    apply(second, 'group', [group(10, [member(2)])]);
    second.directory.endBulk();
    expect([index(second), edges(second)]).toEqual([
      1,
      [
        [10, 1],
        [10, 2],
      ],
    ]);
  });

  it('forgets what a page brought that came to nothing, whomever else it named [disk full]', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2), user(3)]);
    rooms.directory.beginBulk();
    apply(rooms, 'group', [group(10, [member(1)])]);
    // First somebody whom the page before brought, then somebody of whom nothing was heard yet.
    const page = [group(11, [member(10, 'group'), member(20, 'group'), member(1)]), group(12, [member(2)])];
    expect(() =>
      rooms.state.transaction(() => {
        apply(rooms, 'group', page);
        throw new Error('disk full');
      }),
    ).toThrow('disk full');
    apply(rooms, 'group', page);
    apply(rooms, 'group', [group(20, [member(3)])]);
    rooms.directory.endBulk();
    expect(edges(rooms)).toEqual([
      [10, 1],
      [11, 1],
      [11, 10],
      [11, 20],
      [12, 2],
      [20, 3],
    ]);
  });

  it('asks for another round after one during which somebody was restored', () => {
    const rooms = makeRooms();
    rooms.streams.prepare('groups', 'x', 0);
    apply(rooms, 'user', [user(1)]);
    rooms.directory.beginBulk();
    rooms.streams.set('groups', { fullWanted: 0 });
    apply(rooms, 'user', [tombstone(1, 'changed')]);
    // As Graph shows it while the person is deleted.
    apply(rooms, 'group', [group(10)]);
    apply(rooms, 'user', [user(1)]);
    expect(rooms.streams.get('groups').fullWanted).toBeGreaterThan(0);
  });

  it('is not begun where memberships are known already', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(1)])]);
    rooms.directory.beginBulk();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'user', [tombstone(1, 'deleted')]);
    expect(edges(rooms)).toEqual([]);
  });
});
