import { describe, expect, it } from 'vitest';
import { openState } from '../../src/state/database.ts';
import type { ObjectRead } from '../../src/state/directory.ts';
import { createStateRooms, type StateRooms } from '../../src/state/rooms.ts';
import { makeRooms, temporaryFile } from '../helpers/state.ts';

const object = (lead: string, mail: string | null = null): ObjectRead => ({
  id: `${lead}000000-0000-4000-8000-000000000001`,
  properties: { mail },
});

/** Everything staged, part by part, each dropped when taken. */
function takeAll({ staging }: StateRooms): [string, unknown][][] {
  const parts: [string, unknown][][] = [];
  for (let part = staging.nextPart(); part !== undefined; part = staging.nextPart()) {
    parts.push(staging.take(part).map((one) => [one.id.slice(0, 2), one.properties['mail']]));
    staging.drop(part);
  }
  return parts;
}

describe('the staging of the first round', () => {
  it('gives back everything in the order of ids, and of one id in the order of its coming', () => {
    const rooms = makeRooms();
    rooms.staging.put([object('ff', 'a'), object('00', 'b'), object('7a', 'c')]);
    rooms.staging.put([object('01', 'd'), object('00', 'e'), object('ff', null)]);
    expect(takeAll(rooms)).toEqual([
      [
        ['00', 'b'],
        ['00', 'e'],
        ['01', 'd'],
      ],
      [['7a', 'c']],
      [
        ['ff', 'a'],
        ['ff', null],
      ],
    ]);
    expect(takeAll(rooms)).toEqual([]);
  });

  it('survives a restart, and can be thrown away', () => {
    const file = temporaryFile();
    const first = createStateRooms(openState(file));
    first.staging.put([object('10', 'a')]);
    first.state.close();
    const second = makeRooms(file);
    second.staging.put([object('10', 'b')]);
    expect(takeAll(second)).toEqual([
      [
        ['10', 'a'],
        ['10', 'b'],
      ],
    ]);
    second.staging.put([object('10', 'c')]);
    second.staging.clear();
    expect(second.staging.nextPart()).toBeUndefined();
  });
});
