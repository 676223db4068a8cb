// Owns the state database file: opening, durability settings, migrations, transactions.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import * as schema from './schema.ts';

export type Statement = Database.Statement<unknown[]>;

/** The open state database. `db` is for ordinary queries; `sql` gives prepared statements for the hot paths. */
export interface State {
  readonly path: string;
  readonly db: BetterSQLite3Database<typeof schema>;
  /** A prepared statement, prepared once for each text. */
  sql(text: string): Statement;
  /** Runs `work` in one immediate transaction; nested calls join the outer one. `work` must be synchronous. */
  transaction<T>(work: () => T): T;
  /** Writes a consistent copy to a file while the service runs. */
  backup(file: string): Promise<void>;
  close(): void;
}

/** The state database cannot be used; the message says why and what to do. */
export class StateError extends Error {
  override readonly name = 'StateError';
}

const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url));

interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[];
}

/**
 * Opens (or creates) the state database and brings it to the present schema.
 * @throws StateError naming the file, and the migration where one failed.
 */
export function openState(file: string, options: { migrations?: 'apply' | 'require' } = {}): State {
  if (file !== ':memory:') mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  const existed = existsSync(file);
  let sqlite: Database.Database;
  try {
    sqlite = new Database(file, { timeout: 10_000 });
    sqlite.pragma('journal_mode = WAL');
    // FULL: what was acknowledged to Microsoft must survive a power cut.
    sqlite.pragma('synchronous = FULL');
    sqlite.pragma('cache_size = -32000');
    sqlite.pragma('temp_store = FILE');
    sqlite.pragma('journal_size_limit = 67108864');
  } catch (error) {
    throw new StateError(
      `The state database ${file} cannot be opened: ${messageOf(error)}. ` +
        (existed
          ? 'Restore it from a backup, or move it aside: it is rebuilt from the tenant at the next start.'
          : 'Check that the folder exists and that this account may write there (STATE_PATH).'),
    );
  }
  const statements = new Map<string, Statement>();
  const state: State = {
    path: file,
    db: drizzle(sqlite, { schema }),
    sql(text) {
      let statement = statements.get(text);
      if (!statement) {
        statement = sqlite.prepare<unknown[]>(text);
        statements.set(text, statement);
      }
      return statement;
    },
    transaction: (work) => (sqlite.inTransaction ? work() : sqlite.transaction(work).immediate()),
    async backup(target) {
      await sqlite.backup(target);
    },
    close() {
      statements.clear();
      sqlite.close();
    },
  };
  try {
    bringUpToDate(state, sqlite, options.migrations ?? 'apply');
  } catch (error) {
    sqlite.close();
    throw error;
  }
  return state;
}

function bringUpToDate(state: State, sqlite: Database.Database, mode: 'apply' | 'require'): void {
  const journal = JSON.parse(
    readFileSync(path.join(migrationsFolder, 'meta', '_journal.json'), 'utf8'),
  ) as Journal;
  const applied = appliedMigrations(sqlite);
  const newest = journal.entries.at(-1)?.when ?? 0;
  if (applied.some((when) => when > newest)) {
    throw new StateError(
      `The state database ${state.path} was written by a newer version of gespage-graph-sync. ` +
        'Install that version again, or point STATE_PATH to another file.',
    );
  }
  const pending = journal.entries.filter((entry) => !applied.includes(entry.when));
  const next = pending[0];
  if (!next) return;
  if (mode === 'require') {
    throw new StateError(
      `The state database ${state.path} lacks the migration ${next.tag}: run "gespage-sync migrate".`,
    );
  }
  try {
    migrate(state.db, { migrationsFolder });
  } catch (error) {
    const failed = journal.entries.find((entry) => !appliedMigrations(sqlite).includes(entry.when)) ?? next;
    throw new StateError(
      `The migration ${failed.tag} of the state database ${state.path} failed: ${messageOf(error)}. ` +
        'Nothing of it was kept. Restore a backup or move the file aside: it is rebuilt from the tenant.',
    );
  }
}

function appliedMigrations(sqlite: Database.Database): number[] {
  const table = sqlite.prepare(`SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'`).get();
  if (!table) return [];
  return sqlite.prepare<[], number>('SELECT created_at FROM __drizzle_migrations').pluck().all().map(Number);
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
