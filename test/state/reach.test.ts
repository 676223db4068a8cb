import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StateRooms } from '../../src/state/rooms.ts';
import {
  apply,
  group,
  id,
  keyOf,
  leaver,
  makeRooms,
  member,
  rebuild,
  settleAll,
  tombstone,
  user,
  waiting,
  withRooms,
} from '../helpers/state.ts';

/** Where a person stands: in scope, and the numbers of the published groups. */
function standing(rooms: StateRooms, number: number, nested = true) {
  const person = rooms.people.load([keyOf(rooms, number)], nested)[0];
  return [person?.inScopeGroup, person?.groups.map((one) => Number.parseInt(one.slice(-12), 16))];
}

describe('nested groups', () => {
  it('bring their members to every group above them', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [
      group(10, [member(11, 'group'), member(1)]),
      group(11, [member(12, 'group')]),
      group(12, [member(2)]),
    ]);
    apply(rooms, 'user', [user(1), user(2), user(3)]);
    rebuild(rooms, { scope: [10], publish: [11, 12] });
    expect([1, 2, 3].map((number) => standing(rooms, number))).toEqual([
      [true, []],
      [true, [11, 12]],
      [false, []],
    ]);
  });

  it('do so for published groups only where nesting is wished; for the scope always', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(11, 'group')]), group(11, [member(1)])]);
    apply(rooms, 'user', [user(1)]);
    rebuild(rooms, { scope: [10], publish: [10, 11] });
    expect(standing(rooms, 1, false)).toEqual([true, [11]]);
  });

  it('may contain each other, and themselves', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [
      group(10, [member(11, 'group'), member(10, 'group'), member(1)]),
      group(11, [member(10, 'group'), member(2)]),
    ]);
    apply(rooms, 'user', [user(1), user(2)]);
    rebuild(rooms, { publish: [10, 11] });
    expect([standing(rooms, 1), standing(rooms, 2)]).toEqual([
      [false, [10, 11]],
      [false, [10, 11]],
    ]);
  });

  it('tell the groups above when a member comes or goes below [pitfall 14]', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [member(11, 'group')]), group(11, [member(1)])]);
    apply(rooms, 'user', [user(1), user(2)]);
    rebuild(rooms, { publish: [10] });
    settleAll(rooms);
    apply(rooms, 'group', [group(11, [leaver(1), member(2)])]);
    expect(waiting(rooms)).toEqual([1, 2]);
    expect([standing(rooms, 1), standing(rooms, 2)]).toEqual([
      [false, []],
      [false, [10]],
    ]);
  });
});

describe('working out nesting anew', () => {
  const prepared = () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [
      group(10, [member(11, 'group'), member(1)]),
      group(11, [member(2)]),
      group(12, [member(3)]),
    ]);
    apply(rooms, 'user', [user(1), user(2), user(3)]);
    rebuild(rooms, { scope: [10] });
    settleAll(rooms);
    return rooms;
  };

  it('is asked for by changes of groups, and by nothing else', () => {
    const rooms = prepared();
    expect(rooms.reach.isDirty()).toBe(false);
    apply(rooms, 'group', [group(12, [leaver(3)])]);
    apply(rooms, 'user', [user(1, { mail: 'x' })]);
    expect(rooms.reach.isDirty()).toBe(false);
    apply(rooms, 'group', [group(12, [], { displayName: 'Renamed' })]);
    expect(rooms.reach.isDirty()).toBe(true);
  });

  it('marks nobody where nothing changed', () => {
    const rooms = prepared();
    rebuild(rooms, { scope: [10] });
    expect(waiting(rooms)).toEqual([]);
  });

  it('marks those of a group that changes its role', () => {
    const rooms = prepared();
    rebuild(rooms, { publish: [10] });
    expect(waiting(rooms)).toEqual([1, 2]);
  });

  it('marks those of a group that comes or goes', () => {
    const rooms = prepared();
    rebuild(rooms, { scope: [10], publish: [12] });
    expect(waiting(rooms)).toEqual([3]);
    settleAll(rooms);
    rebuild(rooms, {});
    expect(waiting(rooms)).toEqual([1, 2, 3]);
  });

  it('marks those of a soft-deleted group, below which nothing counts until it is restored', () => {
    const rooms = prepared();
    apply(rooms, 'group', [tombstone(11, 'changed')]);
    rebuild(rooms, { scope: [10] });
    expect([waiting(rooms), standing(rooms, 2)]).toEqual([[2], [false, []]]);
    settleAll(rooms);
    apply(rooms, 'group', [group(11)]);
    rebuild(rooms, { scope: [10] });
    expect([waiting(rooms), standing(rooms, 2)]).toEqual([[2], [true, []]]);
  });

  it('asks the rules with the id and the name of each group that is there', () => {
    const rooms = prepared();
    apply(rooms, 'group', [tombstone(12, 'changed'), { id: id(13), properties: {} }]);
    expect([...rooms.reach.groups()].map(({ id: one, displayName }) => [one, displayName])).toEqual([
      [id(10), 'Group 10'],
      [id(11), 'Group 11'],
      [id(13), null],
    ]);
  });
});

/** A tenant kept in the simplest way. */
interface Model {
  readonly groups: Map<number, 'present' | 'soft-deleted' | 'gone'>;
  readonly gone: Set<number>;
  /** `group member` */
  readonly edges: Set<string>;
  scope: number[];
  publish: number[];
}

/** For each user the groups in which they are directly and what these lead to: `group root role`. */
function waysOf(model: Model, users: readonly number[]): Map<number, string> {
  const ways = new Map<number, string[]>(users.map((one) => [one, []]));
  for (const root of new Set([...model.scope, ...model.publish])) {
    if (model.groups.get(root) !== 'present') continue;
    const role = `${model.scope.includes(root)}${model.publish.includes(root)}`;
    const below = new Set([root]);
    for (const one of below) {
      for (const other of model.groups.keys()) {
        if (model.groups.get(other) === 'present' && model.edges.has(`${one} ${other}`)) below.add(other);
      }
    }
    for (const one of below) {
      for (const person of users)
        if (model.edges.has(`${one} ${person}`)) ways.get(person)?.push(`${one} ${root} ${role}`);
    }
  }
  return new Map([...ways].map(([person, list]) => [person, list.sort().join()]));
}

const users = [1, 2, 3, 4];
const groups = [10, 11, 12, 13, 14];

type Change =
  | { do: 'add' | 'remove'; group: number; member: number }
  | { do: 'soften' | 'delete' | 'restore'; group: number }
  | { do: 'forget'; user: number }
  | { do: 'roles'; scope: number[]; publish: number[] };

const anyGroup = fc.constantFrom(...groups);
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('add' as const, 'remove' as const),
      group: anyGroup,
      member: fc.constantFrom(...users, ...groups),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('soften' as const, 'delete' as const, 'restore' as const),
      group: anyGroup,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('forget' as const), user: fc.constantFrom(...users) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('roles' as const),
      scope: fc.subarray(groups),
      publish: fc.subarray(groups),
    }),
  },
);

/** Carries a change out in both; gives the user whom it concerns directly. */
function carryOut(rooms: StateRooms, model: Model, change: Change): number | undefined {
  switch (change.do) {
    case 'add':
    case 'remove': {
      if (model.groups.get(change.group) === 'gone') return undefined;
      const isGroup = groups.includes(change.member);
      const make = change.do === 'add' ? member : leaver;
      // Only the members are told: what is said of a soft-deleted group itself would restore it.
      if (model.groups.get(change.group) !== 'present') return undefined;
      apply(rooms, 'group', [group(change.group, [make(change.member, isGroup ? 'group' : 'user')])]);
      const edge = `${change.group} ${change.member}`;
      if (change.do === 'remove') model.edges.delete(edge);
      else if (!model.gone.has(change.member) && model.groups.get(change.member) !== 'gone')
        model.edges.add(edge);
      return undefined;
    }
    case 'soften':
    case 'delete': {
      const to = change.do === 'soften' ? 'soft-deleted' : 'gone';
      if (model.groups.get(change.group) === 'gone') return undefined;
      apply(rooms, 'group', [tombstone(change.group, change.do === 'soften' ? 'changed' : 'deleted')]);
      model.groups.set(change.group, to);
      if (to === 'gone')
        for (const edge of [...model.edges])
          if (edge.split(' ').includes(`${change.group}`)) model.edges.delete(edge);
      return undefined;
    }
    case 'restore':
      if (model.groups.get(change.group) === 'soft-deleted') {
        apply(rooms, 'group', [group(change.group)]);
        model.groups.set(change.group, 'present');
      }
      return undefined;
    case 'forget':
      apply(rooms, 'user', [tombstone(change.user, 'deleted')]);
      model.gone.add(change.user);
      for (const edge of [...model.edges]) if (edge.endsWith(` ${change.user}`)) model.edges.delete(edge);
      return change.user;
    case 'roles':
      model.scope = change.scope;
      model.publish = change.publish;
      return undefined;
  }
}

/** A mirror and its model, alike and settled. */
function prepare(rooms: StateRooms): Model {
  const model: Model = {
    groups: new Map(groups.map((one) => [one, 'present'])),
    gone: new Set(),
    edges: new Set(),
    scope: [10],
    publish: [11],
  };
  apply(
    rooms,
    'user',
    users.map((one) => user(one)),
  );
  apply(
    rooms,
    'group',
    groups.map((one) => group(one)),
  );
  rebuild(rooms, model);
  settleAll(rooms);
  return model;
}

function expectedStanding(model: Model, ways: string): [boolean, number[]] {
  const roots = new Set(
    ways
      .split(',')
      .filter(Boolean)
      .map((way) => Number(way.split(' ')[1])),
  );
  const among = (list: number[]) => list.filter((one) => roots.has(one)).sort();
  return [among(model.scope).length > 0, among(model.publish)];
}

describe('through any course of changes to groups, nesting, roles and people', () => {
  it('everybody stands where a plain recomputation puts them, and exactly those whose ways changed are marked', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 30 }), (changes) =>
        withRooms((rooms) => {
          const model = prepare(rooms);
          let before = waysOf(model, users);
          for (const change of changes) {
            const named = carryOut(rooms, model, change);
            if (rooms.reach.isDirty() || change.do === 'roles') rebuild(rooms, model);
            const after = waysOf(model, users);
            const affected = users.filter((one) => one !== named && before.get(one) !== after.get(one));
            expect(waiting(rooms).filter((one) => users.includes(one) && one !== named)).toEqual(affected);
            for (const one of users)
              expect(standing(rooms, one)).toEqual(expectedStanding(model, after.get(one) ?? ''));
            settleAll(rooms);
            before = after;
          }
        }),
      ),
      { numRuns: 150 },
    );
  });

  it('nobody is left out where many changes come before nesting is worked out', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 30 }), (changes) =>
        withRooms((rooms) => {
          const model = prepare(rooms);
          const before = waysOf(model, users);
          for (const change of changes) carryOut(rooms, model, change);
          rebuild(rooms, model);
          const after = waysOf(model, users);
          const affected = users.filter((one) => before.get(one) !== after.get(one));
          expect(waiting(rooms)).toEqual(expect.arrayContaining(affected));
          for (const one of users)
            expect(standing(rooms, one)).toEqual(expectedStanding(model, after.get(one) ?? ''));
        }),
      ),
      { numRuns: 150 },
    );
  });
});
