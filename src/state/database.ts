// Owns the state database file: opening, durability settings, migrations, transactions.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { MigrationMeta } from 'drizzle-orm/migrator';
import { drizzle, readMigrationFiles } from './drizzle.ts';
import * as schema from './schema.ts';

export type Statement = Database.Statement<unknown[]>;

/** The open state database. `db` is for ordinary queries; `sql` gives prepared statements for the hot paths. */
export interface State {
  readonly path: string;
  readonly db: BetterSQLite3Database<typeof schema>;
  /** A prepared statement, prepared once for each text. */
  sql(text: string): Statement;
  /**
   * Runs `work` in one immediate transaction; nested calls join the outer one. `work` must be synchronous.
   * It survives the end of the process at once, and a power cut from the next durable transaction on.
   */
  transaction<T>(work: () => T): T;
  /** A transaction that returns only when it, and all before it, would survive a power cut. Never nested. */
  durably<T>(work: () => T): T;
  /** Writes a consistent copy to a file while the service runs. */
  backup(file: string): Promise<void>;
  close(): void;
}

/** The state database cannot be used; the message says why and what to do. */
export class StateError extends Error {
  override readonly name = 'StateError';
}

const ownMigrations = fileURLToPath(new URL('../../drizzle', import.meta.url));

interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[];
}

export interface OpenOptions {
  /** `require`: a database that lacks a migration is refused, not migrated. */
  readonly migrations?: 'apply' | 'require';
  /** Where the migrations lie, if not where the product has them. */
  readonly migrationsFolder?: string;
}

/**
 * Opens (or creates) the state database and brings it to the present schema.
 * @throws StateError naming the file, and the migration where one failed.
 */
export function openState(file: string, options: OpenOptions = {}): State {
  const existed = existsSync(file);
  let sqlite: Database.Database | undefined;
  try {
    if (file !== ':memory:') mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    sqlite = new Database(file, { timeout: 10_000 });
    sqlite.pragma('journal_mode = WAL');
    // Between durable transactions no fsync is needed: whatever a power cut takes is read from Graph again.
    sqlite.pragma('synchronous = NORMAL');
    sqlite.pragma('wal_autocheckpoint = 20000');
    sqlite.pragma('cache_size = -16000');
    sqlite.pragma('temp_store = FILE');
    sqlite.pragma('journal_size_limit = 67108864');
  } catch (error) {
    sqlite?.close();
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
    durably(work) {
      // FULL: the commit returns after the log, with everything before it, is on disk. `exec` is the cheaper way to say so.
      sqlite.exec('PRAGMA synchronous = FULL');
      try {
        return sqlite.transaction(work).immediate();
      } finally {
        sqlite.exec('PRAGMA synchronous = NORMAL');
      }
    },
    async backup(target) {
      await sqlite.backup(target);
    },
    close() {
      statements.clear();
      sqlite.close();
    },
  };
  try {
    bringUpToDate(file, sqlite, options.migrations ?? 'apply', options.migrationsFolder ?? ownMigrations);
  } catch (error) {
    sqlite.close();
    throw error;
  }
  return state;
}

function bringUpToDate(
  file: string,
  sqlite: Database.Database,
  mode: 'apply' | 'require',
  folder: string,
): void {
  const { entries } = JSON.parse(readFileSync(path.join(folder, 'meta', '_journal.json'), 'utf8')) as Journal;
  const applied = appliedMigrations(sqlite);
  const newest = entries.at(-1)?.when ?? 0;
  if (applied.some((when) => when > newest)) {
    throw new StateError(
      `The state database ${file} was written by a newer version of gespage-graph-sync. ` +
        'Install that version again, or point STATE_PATH to another file.',
    );
  }
  const pending = entries.filter((entry) => !applied.includes(entry.when));
  const [next] = pending;
  if (!next) return;
  if (mode === 'require') {
    throw new StateError(
      `The state database ${file} lacks the migration ${next.tag}: run "gespage-sync migrate".`,
    );
  }
  const migrations = new Map(
    readMigrationFiles({ migrationsFolder: folder }).map((migration) => [migration.folderMillis, migration]),
  );
  for (const { tag, when } of pending) {
    const migration = migrations.get(when);
    try {
      if (migration) applyMigration(sqlite, migration);
    } catch (error) {
      throw new StateError(
        `The migration ${tag} of the state database ${file} failed: ${messageOf(error)}. ` +
          'Nothing of it was kept. Restore a backup or move the file aside: it is rebuilt from the tenant.',
      );
    }
  }
}

/**
 * One migration in one transaction, recorded as drizzle records it. Drizzle's own migrator takes all of them in a
 * transaction that begins too late: it cannot name the one that failed, and two processes get in each other's way.
 */
function applyMigration(sqlite: Database.Database, migration: MigrationMeta): void {
  sqlite
    .transaction(() => {
      if (appliedMigrations(sqlite).includes(migration.folderMillis)) return;
      sqlite.exec(
        'CREATE TABLE IF NOT EXISTS __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)',
      );
      for (const statement of migration.sql) sqlite.exec(statement);
      sqlite
        .prepare('INSERT INTO __drizzle_migrations(hash, created_at) VALUES (?, ?)')
        .run(migration.hash, migration.folderMillis);
    })
    .immediate();
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
