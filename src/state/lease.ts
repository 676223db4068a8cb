// Owns the single-reader lease: at most one process reads delta streams and writes the ledger.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describeOpening, StateError, troubleKindOf } from './trouble.ts';

/** Held here too: a connection that nobody refers to any more is closed by the collector, and its lock is gone. */
const held = new Set<Database.Database>();

export interface Lease {
  release(): void;
}

/**
 * Takes the lease beside the state database, or returns undefined while another process holds it.
 *
 * The lease is a lock of the operating system (an exclusive SQLite transaction on a file of its own), not a row
 * with an expiry: it ends with its process in the same instant, however that dies, and no clock is involved.
 * @throws StateError where the folder or the lock file cannot be used.
 */
export function takeLease(statePath: string): Lease | undefined {
  const file = statePath === ':memory:' ? ':memory:' : `${statePath}-lease`;
  let sqlite: Database.Database | undefined;
  try {
    mkdirSync(path.dirname(path.resolve(statePath)), { recursive: true });
    sqlite = new Database(file, { timeout: 0 });
    sqlite.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    sqlite?.close();
    const kind = troubleKindOf(error);
    if (kind === 'locked') return undefined;
    if (kind === 'damaged') {
      throw new StateError(
        `Something else was written over ${file}, the lock that keeps two processes apart. It holds no data: delete it, then ` +
          'start again.',
      );
    }
    throw describeOpening(statePath, error);
  }
  const taken = sqlite;
  held.add(taken);
  return {
    release() {
      held.delete(taken);
      taken.close();
    },
  };
}
