// Owns the single-reader lease: at most one process reads delta streams and writes the ledger.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';

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
 */
export function takeLease(statePath: string): Lease | undefined {
  mkdirSync(path.dirname(path.resolve(statePath)), { recursive: true });
  const sqlite = new Database(statePath === ':memory:' ? ':memory:' : `${statePath}-lease`, { timeout: 0 });
  try {
    sqlite.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    sqlite.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
  held.add(sqlite);
  return {
    release() {
      held.delete(sqlite);
      sqlite.close();
    },
  };
}
