// Owns the proof that published groups have unique names, the same ones on every run, kept by who had them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldText } from '../../src/accounts/values.ts';
import { type HeldName, nameGroups, type WantedGroup } from '../../src/state/group-names.ts';
import { apply, group, id, makeRooms, rebuild, tombstone } from '../helpers/state.ts';

const one = { id: '1a2b3c4d-0000-4000-8000-000000000001', name: 'Staff' };
const two = { id: '2a2b3c4d-0000-4000-8000-000000000002', name: 'STAFF' };
const named = (wanted: readonly WantedGroup[], held: readonly HeldName[] = []) => [
  ...nameGroups(wanted, held).values(),
];

describe('names of groups', () => {
  it('stay as they are where they are unique', () => {
    expect(named([one, { ...two, name: 'Pupils' }])).toEqual(['Staff', 'Pupils']);
  });

  it('that differ in case alone are told apart by the beginning of the object id', () => {
    expect(named([one, two])).toEqual(['Staff', 'STAFF (2a2b3c4d)']);
  });

  it('stay with who had them, whoever comes first by id', () => {
    expect(nameGroups([one, two], [{ id: two.id, name: 'STAFF' }])).toEqual(
      new Map([
        [two.id, 'STAFF'],
        [one.id, 'Staff (1a2b3c4d)'],
      ]),
    );
  });

  it('are not given on while the one who had them is still at the targets', () => {
    expect(named([two], [one])).toEqual(['STAFF (2a2b3c4d)']);
    expect(named([two], [])).toEqual(['STAFF']);
  });

  it('carry the whole id where somebody named a group to look like another', () => {
    const trap = { id: '3a2b3c4d-0000-4000-8000-000000000003', name: 'staff (2A2B3C4D)' };
    expect(named([one, two, trap]).sort()).toEqual(['Staff', `STAFF (${two.id})`, 'staff (2A2B3C4D)'].sort());
  });

  it('are unique and do not change at a second look, whatever groups are called and hold', () => {
    const names = fc.constantFrom('A', 'a', 'B', 'ß', 'SS', 'A (00000000)', 'a (00000001)', '');
    const groups = fc.uniqueArray(
      fc.record({
        id: fc.integer({ min: 0, max: 30 }).map((n) => `${String(n % 3).padStart(8, '0')}-${n}`),
        name: names,
      }),
      { selector: (item) => item.id },
    );
    fc.assert(
      fc.property(groups, groups, (wanted, held) => {
        const first = nameGroups(wanted, held);
        expect(first.size).toBe(wanted.length);
        expect(new Set([...first.values()].map(foldText)).size).toBe(wanted.length);
        const gone = held.filter((item) => !first.has(item.id));
        for (const { name } of gone) expect([...first.values()].map(foldText)).not.toContain(foldText(name));
        const holding = [...first].map(([groupId, name]) => ({ id: groupId, name }));
        expect(nameGroups(wanted.toReversed(), [...holding, ...gone])).toEqual(first);
      }),
    );
  });
});

describe('the ledger', () => {
  it('gives the plain name on once the group that had it is gone, and tells of names that differ', () => {
    const rooms = makeRooms();
    apply(rooms, 'group', [group(10, [], { displayName: 'Staff' }), group(11, [], { displayName: 'staff' })]);
    rebuild(rooms, { publish: [10, 11] });
    rooms.ledger.settleGroups();
    const suffixed = `staff (${id(11).slice(0, 8)})`;
    const present = () =>
      rooms.ledger
        .groups()
        .filter((one) => one.present)
        .map(({ name }) => name);
    expect(present()).toEqual(['Staff', suffixed]);
    expect(rooms.ledger.renamedGroups()).toEqual([{ id: id(11), name: suffixed, wanted: 'staff' }]);
    expect(rooms.ledger.settleGroups()).toBe(false);
    apply(rooms, 'group', [tombstone(10, 'changed')]);
    rebuild(rooms, { publish: [11] });
    rooms.ledger.settleGroups('present');
    expect(present()).toEqual(['Staff', suffixed]);
    rooms.ledger.settleGroups('absent');
    expect(present()).toEqual(['staff']);
    expect(rooms.ledger.renamedGroups()).toEqual([]);
  });
});
