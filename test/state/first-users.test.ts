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
function append(
  { firstUsers, directory }: StateRooms,
  objects: readonly ObjectRead[],
  read = directory.beginRead(),
): void {
  const properties = objects.map((one) => (one.removed ? null : JSON.stringify(one.properties)));
  firstUsers.append({ ids: objects.map(({ id }) => id), properties }, read);
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

const rowCount = ({ state }: StateRooms): number =>
  state.sql('SELECT count(*) FROM directory_object').pluck().get() as number;

describe('the first full round of users', () => {
  it('gives people keys in the order in which they arrive', () => {
    const rooms = makeRooms();
    rooms.firstUsers.begin(false);
    append(rooms, [object('ff', 'a'), object('00', 'b'), object('7a', 'c')]);
    append(rooms, [object('04', null), object('e0', 'd')]);
    rooms.firstUsers.makeIndex();
    rooms.firstUsers.end();
    expect(mirror(rooms)).toEqual([
      ['ff', 'a'],
      ['00', 'b'],
      ['7a', 'c'],
      ['04', null],
      ['e0', 'd'],
    ]);
    expect(rooms.directory.stateOf(idOf('7a'))).toBe('present');
  });

  it('takes the last word about whoever came more than once, a tombstone too', () => {
    const rooms = makeRooms();
    const gone: ObjectRead = { id: idOf('20'), removed: 'deleted', properties: {} };
    rooms.firstUsers.begin(false);
    append(rooms, [object('10', 'old'), object('20', 'x'), { ...gone, id: idOf('30') }]);
    append(rooms, [gone, object('10', 'new'), object('30', 'restored'), { ...gone, id: idOf('40') }]);
    rooms.firstUsers.makeIndex();
    rooms.firstUsers.end();
    expect(mirror(rooms).sort()).toEqual([
      ['10', 'new'],
      ['30', 'restored'],
    ]);
    expect(rowCount(rooms)).toBe(2);
  });

  it('does not overwrite who was read since a page was asked for', () => {
    const rooms = makeRooms();
    rooms.firstUsers.begin(false);
    const early = rooms.directory.beginRead();
    apply(rooms, 'user', [object('10', 'newer')]);
    settleAll(rooms);
    append(rooms, [object('10', 'older'), object('11', 'other')], early);
    rooms.firstUsers.makeIndex();
    rooms.firstUsers.end();
    expect(mirror(rooms).sort()).toEqual([
      ['10', 'newer'],
      ['11', 'other'],
    ]);
  });

  it('goes on after a restart in the middle of the round', () => {
    const file = temporaryFile();
    const first = createStateRooms(openState(file));
    first.firstUsers.begin(false);
    append(first, [object('10', 'a'), object('90', 'b')]);
    first.state.close();
    const second = makeRooms(file);
    expect(second.firstUsers.isAppending()).toBe(true);
    append(second, [object('11', 'c'), object('10', 'd')]);
    second.firstUsers.makeIndex();
    second.firstUsers.end();
    expect(second.firstUsers.isAppending()).toBe(false);
    expect(mirror(second).sort()).toEqual([
      ['10', 'd'],
      ['11', 'c'],
      ['90', 'b'],
    ]);
  });

  it('forgets what an earlier attempt read when the round begins again', () => {
    const rooms = makeRooms();
    rooms.firstUsers.begin(false);
    append(rooms, [object('10', 'a'), object('20', 'left since')]);
    rooms.firstUsers.begin(false);
    append(rooms, [object('10', 'b')]);
    rooms.firstUsers.makeIndex();
    rooms.firstUsers.end();
    expect(mirror(rooms)).toEqual([['10', 'b']]);
  });

  it('leaves a mirror that holds something as it is', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [object('10', 'known')]);
    rooms.firstUsers.begin(false);
    expect(rooms.firstUsers.isAppending()).toBe(false);
    expect(mirror(rooms)).toEqual([['10', 'known']]);
  });
});
