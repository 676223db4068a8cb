// Owns copies of the state database: consistent, checked, readable by their owner alone, never over an older one.
import { chmodSync, existsSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { StateError } from './database.ts';

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
  const source = new Database(statePath, { readonly: true, fileMustExist: true, timeout: 10_000 });
  try {
    await source.backup(file);
    // It holds the secrets by which notifications are told from forgeries.
    chmodSync(file, 0o600);
    return { bytes: prove(file) };
  } catch (error) {
    rmSync(file, { force: true });
    if (error instanceof StateError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new StateError(
      `The backup to ${file} failed: ${message}. Nothing was kept of it. Check that the folder exists, is writable and has space.`,
    );
  } finally {
    source.close();
  }
}

function prove(file: string): number {
  const copy = new Database(file, { fileMustExist: true });
  try {
    // One file that stands by itself, without a write-ahead log beside it.
    copy.pragma('journal_mode = DELETE');
    const verdict = copy.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') {
      throw new StateError(
        `The copy ${file} is not whole (${String(verdict)}); the state database itself may be damaged.`,
      );
    }
    const pages = copy.pragma('page_count', { simple: true }) as number;
    return pages * (copy.pragma('page_size', { simple: true }) as number);
  } finally {
    copy.close();
  }
}
