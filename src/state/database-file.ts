// Owns opening the file of a state database with SQLite, after a look at what SQLite itself would take without a word.
import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describeOpening, StateError, wayBack } from './trouble.ts';

/** How long a lock of another process is waited for while opening, ms. */
const usualPatienceMs = 10_000;

/**
 * Opens the file, or makes it.
 * @throws StateError in words for the operator.
 */
export function openFile(file: string, patienceMs = usualPatienceMs): Database.Database {
  return attempt(file, () => {
    if (file !== ':memory:') mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    examine(file);
    return count(file, new Database(file, { timeout: patienceMs }));
  });
}

/** Opens a file that exists, only to read it; its schema does not matter. @throws StateError */
export function openToRead(file: string): Database.Database {
  return attempt(file, () => {
    examine(file);
    const sqlite = count(
      file,
      new Database(file, { readonly: true, fileMustExist: true, timeout: usualPatienceMs }),
    );
    try {
      sqlite.prepare('SELECT count(*) FROM sqlite_master').get();
    } catch (error) {
      sqlite.close();
      throw error;
    }
    return sqlite;
  });
}

/** How often this process has a file open. */
const openFiles = new Map<string, number>();

function count(file: string, sqlite: Database.Database): Database.Database {
  const name = path.resolve(file);
  const add = (number: number): void => void openFiles.set(name, (openFiles.get(name) ?? 0) + number);
  const close = sqlite.close.bind(sqlite);
  add(1);
  sqlite.close = () => {
    if (sqlite.open) add(-1);
    return close();
  };
  return sqlite;
}

/** To open and close a file by another way than SQLite takes from SQLite the locks that this process has on it. */
const isOpenHere = (file: string): boolean => (openFiles.get(path.resolve(file)) ?? 0) > 0;

function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw describeOpening(file, error);
  }
}

const rollbackMode = 1;

function examine(file: string): void {
  const size = sizeOf(file);
  if (size === undefined) return;
  if (size === 0) {
    throw new StateError(
      `The state database ${file} is empty, as a copy to a full disk leaves it. Nothing was changed. If there never was ` +
        `another, delete it and start again. If there was: ${wayBack(file)}`,
      { kind: 'damaged', file },
    );
  }
  // Ours keeps a log beside itself from its first moment on; a backup copy has none. SQLite would join any log to any file.
  const hasLog = (sizeOf(`${file}-wal`) ?? 0) > 0;
  if (hasLog && !isOpenHere(file) && readHeader(file)[18] === rollbackMode) {
    throw new StateError(
      `The state database ${file} was replaced by a copy, but ${file}-wal of its predecessor is still there; together ` +
        `they would be damaged. Nothing was changed. Move ${file}-wal and ${file}-shm aside, then start again.`,
      { kind: 'damaged', file },
    );
  }
}

function sizeOf(file: string): number | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true ? found.size : undefined;
}

function readHeader(file: string): Buffer {
  const header = Buffer.alloc(100);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, header, 0, header.length, 0);
  } finally {
    closeSync(handle);
  }
  return header;
}
