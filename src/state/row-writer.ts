// Owns the writing of many rows, several to a statement: a statement for each row takes half as long again.
import type { State } from './database.ts';

/** Writes rows 0 to `count` - 1; `put` sets the values of one, from `at` on. */
export type RowWriter = (count: number, put: (row: number, values: unknown[], at: number) => void) => void;

const rowsAtOnce = 20;

/** `insert` stands before rows of `width` values, which it reads as `column1`, `column2` and so on. */
export function createRowWriter(state: State, insert: string, width: number): RowWriter {
  const marks = `(${Array.from({ length: width }, () => '?').join(', ')})`;
  const writerOf = (rows: number) => ({
    rows,
    statement: state.sql(`${insert} FROM (VALUES ${Array.from({ length: rows }, () => marks).join(', ')})`),
    values: Array.from<unknown>({ length: rows * width }).fill(null),
  });
  const many = writerOf(rowsAtOnce);
  const one = writerOf(1);

  return (count, put) => {
    for (let row = 0; row < count;) {
      const { rows, statement, values } = count - row < rowsAtOnce ? one : many;
      for (let place = 0; place < rows; place += 1) put(row + place, values, place * width);
      statement.run(values);
      row += rows;
    }
  };
}
