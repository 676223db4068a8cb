// Tests the writing of many rows: each once, in their order, whatever their number.
import { expect, test } from 'vitest';
import { createRowWriter } from '../../src/state/row-writer.ts';
import { makeRooms } from '../helpers/state.ts';

test.each([0, 1, 19, 20, 21, 40, 59])('%i rows are written once each, in their order', (count) => {
  const { state } = makeRooms();
  const write = createRowWriter(
    state,
    `INSERT INTO meta(key, value) SELECT column1, coalesce(column2, 'none')`,
    2,
  );
  state.sql('DELETE FROM meta').run();
  // Twice: what an earlier call left in its place must not come up again.
  for (const part of ['a', 'b'])
    write(count, (row, values, at) => {
      values[at] = `${part}${row}`;
      values[at + 1] = part === 'b' && row % 3 === 0 ? null : `value ${row}`;
    });
  const rows = state.sql('SELECT key, value FROM meta ORDER BY rowid').raw().all();
  expect(rows).toEqual(
    ['a', 'b'].flatMap((part) =>
      Array.from({ length: count }, (_, row) => [
        `${part}${row}`,
        part === 'b' && row % 3 === 0 ? 'none' : `value ${row}`,
      ]),
    ),
  );
});
