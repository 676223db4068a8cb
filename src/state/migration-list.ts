// Owns counting the migrations that a state database file has had.
import { existsSync } from 'node:fs';
import { openToRead } from './database-file.ts';

/** How many migrations the file has had; 0 where there is no file. Changes nothing. @throws StateError */
export function countMigrations(statePath: string): number {
  if (!existsSync(statePath)) return 0;
  const sqlite = openToRead(statePath);
  try {
    const table = sqlite.prepare(`SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'`).get();
    if (table === undefined) return 0;
    return sqlite.prepare<[], number>('SELECT count(*) FROM __drizzle_migrations').pluck().get() ?? 0;
  } finally {
    sqlite.close();
  }
}
