// Owns spoilt files of a state database for tests, and the look at what is said of them.
import { readFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { openState, type State, StateError } from '../../src/state/database.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { apply, temporaryFile, user } from '../helpers/state.ts';

/** A database with people in it, closed. */
export function makeFile(file = temporaryFile()): string {
  const rooms = createStateRooms(openState(file));
  apply(
    rooms,
    'user',
    Array.from({ length: 2_000 }, (_, at) => user(at)),
  );
  rooms.state.close();
  return file;
}

/** Where each page begins that a table or an index lies on. */
export function pagesOf(file: string, name: string): number[] {
  const sqlite = new Database(file, { readonly: true });
  // The virtual table that would tell is not compiled in: its root, and the pages that the root names.
  const root = sqlite
    .prepare('SELECT rootpage FROM sqlite_master WHERE name = ?')
    .pluck()
    .get(name) as number;
  const size = sqlite.pragma('page_size', { simple: true }) as number;
  sqlite.close();
  const content = readFileSync(file);
  const page = content.subarray((root - 1) * size, root * size);
  const interior = 5;
  const count = page[0] === interior ? page.readUInt16BE(3) : 0;
  const children = Array.from({ length: count }, (_, at) =>
    page.readUInt32BE(page.readUInt16BE(12 + 2 * at)),
  );
  return [root, ...children].map((number) => (number - 1) * size);
}

/** Something else stands where a page was. */
export function overwrite(file: string, at: number): void {
  const content = readFileSync(file);
  content.fill(0xa5, at, at + 4_096);
  writeFileSync(file, content);
}

export function failureOf(work: () => unknown): StateError {
  try {
    const result = work();
    if (typeof result === 'object' && result !== null && 'close' in result) (result as State).close();
  } catch (error) {
    expect(error).toBeInstanceOf(StateError);
    expect((error as StateError).stack).toBeUndefined();
    return error as StateError;
  }
  throw new Error('it did not fail');
}

export const wayBack = /Stop the service and move .* aside\. Put a backup in its place/;
