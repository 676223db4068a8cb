// Owns copies of the state database: consistent, checked, readable by their owner alone, never over an older one.
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { openToRead } from './database-file.ts';
import { StateError, wayBack } from './trouble.ts';

/** Pages copied before others get their turn, and an interrupt is heard. */
const pagesAtOnce = 1_000;

/**
 * Copies the state database to a new file while others use it; its schema does not matter.
 * @throws StateError when the file exists, cannot be written, or is not whole afterwards.
 */
export async function backUp(statePath: string, file: string): Promise<{ readonly bytes: number }> {
  if (existsSync(file)) {
    throw new StateError(
      `${file} exists already, and a backup never replaces another file. Give another name.`,
    );
  }
  const source = openToRead(statePath);
  try {
    // It holds the secrets by which notifications are told from forgeries.
    writeFileSync(file, '', { mode: 0o600, flag: 'wx' });
    chmodSync(file, 0o600);
    // One state of the database from the first page to the last: else it would begin anew at each write of the service.
    source.exec('BEGIN');
    source.prepare('SELECT count(*) FROM sqlite_master').get();
    await source.backup(file, { progress: () => pagesAtOnce });
    return { bytes: finish(statePath, file) };
  } catch (error) {
    if (!isExisting(error)) rmSync(file, { force: true });
    if (error instanceof StateError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new StateError(
      `The backup to ${file} failed: ${message}. Nothing was kept of it. Check that the folder exists, is writable and has space.`,
    );
  } finally {
    source.close();
  }
}

/** Somebody else made the file in this moment: it is theirs. */
const isExisting = (error: unknown): boolean => (error as { code?: unknown }).code === 'EEXIST';

function finish(statePath: string, file: string): number {
  const copy = new Database(file, { fileMustExist: true });
  try {
    // One file that stands by itself, without a write-ahead log beside it.
    copy.pragma('journal_mode = DELETE');
    const verdict = copy.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') {
      throw new StateError(
        `The state database ${statePath} is damaged (${String(verdict).replaceAll('\n', ' ')}), so no backup was made of ` +
          `it. ${wayBack(statePath)}`,
      );
    }
    renameLedger(copy);
    const pages = copy.pragma('page_count', { simple: true }) as number;
    return pages * (copy.pragma('page_size', { simple: true }) as number);
  } finally {
    copy.close();
  }
}

/**
 * Targets count in the revisions of the ledger that they follow. Restored, this copy is another one: it has not given the
 * revisions that came after it, so everything is written to the targets again and compared with them.
 */
function renameLedger(copy: Database.Database): void {
  const isMade = copy.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'meta'`).get() !== undefined;
  if (isMade) copy.prepare(`UPDATE meta SET value = ? WHERE key = 'ledger-id'`).run(randomUUID());
}
