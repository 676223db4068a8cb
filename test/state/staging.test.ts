import { describe, expect, it } from 'vitest';
import { openState } from '../../src/state/database.ts';
import type { ObjectRead } from '../../src/state/directory.ts';
import { createStateRooms, type StateRooms } from '../../src/state/rooms.ts';
import { apply, makeRooms, settleAll, temporaryFile } from '../helpers/state.ts';

const idOf = (lead: string): string => `${lead}000000-0000-4000-8000-000000000001`;
const object = (lead: string, mail: string | null): ObjectRead => ({
  id: idOf(lead),
  properties: { mail, accountEnabled: true },
});

/** Joins everything; gives how many parts there were. */
function joinAll({ staging }: StateRooms, read: number): number {
  let parts = 0;
  while (staging.joinNext(read, 'first round')) parts += 1;
  return parts;
}

/** First digits and mail of the users in the mirror, in the order of their keys. */
function mirror({ state }: StateRooms): [string, string | null][] {
  const rows = state
    .sql(
      `SELECT substr(id, 1, 2) AS lead, properties ->> 'mail' AS mail FROM directory_object
       WHERE kind = 'user' AND state = 'present' ORDER BY key`,
    )
    .all() as { lead: string; mail: string | null }[];
  return rows.map(({ lead, mail }) => [lead, mail]);
}

describe('the staging of the first round', () => {
  it('brings all users into the mirror in the order of ids, and marks them for settling', () => {
    const rooms = makeRooms();
    const read = rooms.directory.beginRead();
    rooms.staging.put([object('ff', 'a'), object('00', 'b'), object('7a', 'c')]);
    rooms.staging.put([object('01', null), object('fe', 'd')]);
    expect(rooms.directory.counts().users).toBe(0);
    expect(joinAll(rooms, read)).toBe(3);
    expect(mirror(rooms)).toEqual([
      ['00', 'b'],
      ['01', null],
      ['7a', 'c'],
      ['fe', 'd'],
      ['ff', 'a'],
    ]);
    expect(rooms.people.count()).toBe(5);
    expect(joinAll(rooms, read)).toBe(0);
  });

  it('takes the last word about whoever came more than once, a tombstone too', () => {
    const rooms = makeRooms();
    const read = rooms.directory.beginRead();
    const gone: ObjectRead = { id: idOf('20'), removed: 'deleted', properties: {} };
    rooms.staging.put([object('10', 'old'), object('20', 'x'), { ...gone, id: idOf('30') }]);
    rooms.staging.put([gone, object('10', 'new'), object('30', 'restored')]);
    joinAll(rooms, read);
    expect(mirror(rooms)).toEqual([
      ['10', 'new'],
      ['30', 'restored'],
    ]);
  });

  it('does not overwrite who was read since the round began', () => {
    const rooms = makeRooms();
    const read = rooms.directory.beginRead();
    rooms.staging.put([object('10', 'staged'), object('11', 'staged')]);
    apply(rooms, 'user', [object('10', 'newer')]);
    settleAll(rooms);
    joinAll(rooms, read);
    expect(mirror(rooms).sort()).toEqual([
      ['10', 'newer'],
      ['11', 'staged'],
    ]);
  });

  it('goes on after a restart, in the middle of the round and in the middle of the joining', () => {
    const file = temporaryFile();
    const first = createStateRooms(openState(file));
    const read = first.directory.beginRead();
    first.staging.put([object('10', 'a'), object('90', 'b')]);
    first.state.close();
    const second = createStateRooms(openState(file));
    second.staging.put([object('11', 'c'), object('10', 'd')]);
    expect(second.staging.joinNext(read, 'first round')).toBe(true);
    second.state.close();
    const third = makeRooms(file);
    joinAll(third, read);
    expect(mirror(third)).toEqual([
      ['10', 'd'],
      ['11', 'c'],
      ['90', 'b'],
    ]);
  });

  it('can be thrown away', () => {
    const rooms = makeRooms();
    rooms.staging.put([object('10', 'a')]);
    rooms.staging.clear();
    rooms.staging.put([object('10', 'b')]);
    joinAll(rooms, 1);
    expect(mirror(rooms)).toEqual([['10', 'b']]);
  });
});
