// Owns the state database: durability settings, migrations, transactions, and what its file is in trouble with.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type Database from 'better-sqlite3';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { MigrationMeta } from 'drizzle-orm/migrator';
import { openFile } from './database-file.ts';
import { drizzle, readMigrationFiles } from './drizzle.ts';
import { guardStatements } from './guarded.ts';
import * as schema from './schema.ts';
import { describeOpening, describeWorking, isOfSqlite, StateError, troubleKindOf } from './trouble.ts';

export { StateError } from './trouble.ts';

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
  /**
   * What is wrong with the file; undefined while all is well. A full disk or a lock is forgotten with the next durable
   * transaction; once the file is damaged or replaced, nothing is written to it any more.
   */
  trouble(): StateError | undefined;
  /** Looks whether the file is still the one that was opened. */
  examine(): void;
  /** Writes a consistent copy to a file while the service runs. */
  backup(file: string): Promise<void>;
  close(): void;
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
  /** How long a lock of another process is waited for, ms. */
  readonly patienceMs?: number;
}

/** While SQLite waits for a lock of another process, the doors wait too. A command has nobody to keep waiting. */
const lockPatienceMs = { apply: 2_000, require: 10_000 };

/**
 * Opens (or creates) the state database and brings it to the present schema. Every error that its file causes, now and
 * later, is a StateError in words for the operator.
 * @throws StateError naming the file, and the migration where one failed.
 */
export function openState(file: string, options: OpenOptions = {}): State {
  const { migrations = 'apply', migrationsFolder = ownMigrations } = options;
  const isNew = !existsSync(file);
  const sqlite = openFile(file, options.patienceMs);
  try {
    refuseForeign(file, sqlite);
    sqlite.pragma('journal_mode = WAL');
    // Between durable transactions no fsync is needed: whatever a power cut takes is read from Graph again.
    sqlite.pragma('synchronous = NORMAL');
    sqlite.pragma('wal_autocheckpoint = 20000');
    sqlite.pragma('cache_size = -16000');
    sqlite.pragma('temp_store = FILE');
    sqlite.pragma('journal_size_limit = 67108864');
    bringUpToDate(file, sqlite, migrations, migrationsFolder);
    sqlite.pragma(`busy_timeout = ${options.patienceMs ?? lockPatienceMs[migrations]}`);
  } catch (error) {
    sqlite.close();
    if (isNew) removeEmpty(file);
    throw isOfSqlite(error) ? describeOpening(file, error) : error;
  }
  return guardState(file, sqlite);
}

function guardState(file: string, sqlite: Database.Database): State {
  const opened = identify(file);
  /** Lasts until the next start. */
  let halt: StateError | undefined;
  let passing: StateError | undefined;

  function stop(error: StateError): void {
    if (halt) return;
    halt = error;
    // A transaction under way cannot be committed any more either, whoever catches this error.
    if (sqlite.open) sqlite.pragma('query_only = ON');
  }

  /** Trouble with the file in words; everything else as it is. */
  function translate(error: unknown): unknown {
    const kind = troubleKindOf(error);
    if (kind === undefined) return error;
    if (halt) return halt;
    const told = error instanceof StateError ? error : describeWorking(file, kind, error);
    if (kind === 'damaged') stop(told);
    else passing = told;
    return told;
  }

  function attempt<T>(work: () => T): T {
    if (halt) throw halt;
    try {
      return work();
    } catch (error) {
      throw translate(error);
    }
  }

  guardStatements(sqlite, { translate, isHalted: () => halt });
  const statements = new Map<string, Statement>();
  return {
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
    transaction: (work) =>
      sqlite.inTransaction ? work() : attempt(() => sqlite.transaction(work).immediate()),
    durably: (work) =>
      attempt(() => {
        // FULL: the commit returns after the log, with everything before it, is on disk. `exec` is the cheaper way to say so.
        sqlite.exec('PRAGMA synchronous = FULL');
        try {
          const result = sqlite.transaction(work).immediate();
          passing = undefined;
          return result;
        } finally {
          sqlite.exec('PRAGMA synchronous = NORMAL');
        }
      }),
    trouble: () => halt ?? passing,
    examine() {
      if (opened === undefined || halt || isSame(opened, lookAgain(file, opened))) return;
      stop(describeWorking(file, 'replaced', new Error('it was removed or replaced')));
    },
    async backup(target) {
      try {
        await sqlite.backup(target);
      } catch (error) {
        const kind = troubleKindOf(error);
        throw kind === undefined ? error : describeWorking(target, kind, error);
      }
    },
    close() {
      statements.clear();
      sqlite.close();
    },
  };
}

/** What a first start leaves behind that found no room: the next one must not take it for a loss. */
function removeEmpty(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.size === 0) rmSync(file);
}

interface Identity {
  readonly place: string;
  readonly madeAt: number;
}

/** Which file lies there; undefined for a database without one. */
function identify(file: string): Identity | undefined {
  if (file === ':memory:') return undefined;
  const found = statSync(file, { throwIfNoEntry: false });
  return found ? { place: `${found.dev} ${found.ino}`, madeAt: found.birthtimeMs } : { place: '', madeAt: 0 };
}

/** What cannot be looked at is not known to be another. */
function lookAgain(file: string, opened: Identity): Identity | undefined {
  try {
    return identify(file);
  } catch {
    return opened;
  }
}

/** Some file systems number their files anew now and then, and others do not know when one was made. */
function isSame(one: Identity, other: Identity | undefined): boolean {
  return one.place === other?.place || one.madeAt === other?.madeAt;
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
      const failed = `The migration ${tag} of the state database ${file} failed`;
      throw new StateError(
        troubleKindOf(error) === undefined
          ? `${failed}: ${messageOf(error)}. Nothing of it was kept. Install again the version that wrote the file, and ` +
              'report this as a defect.'
          : `${failed}. Nothing of it was kept. ${describeOpening(file, error).message}`,
      );
    }
  }
}

/** STATE_PATH may name the database of some other program, which must not find our tables in it. */
function refuseForeign(file: string, sqlite: Database.Database): void {
  const names = sqlite
    .prepare<[], string>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .pluck()
    .all();
  if (names.length === 0 || names.some((name) => ownTables.has(name))) return;
  throw new StateError(
    `The file ${file} is the database of another program: it holds the table ${names[0] ?? ''} and none of ours. Nothing ` +
      'was changed. Give STATE_PATH a path of its own.',
  );
}

const ownTables: ReadonlySet<string> = new Set([
  '__drizzle_migrations',
  'meta',
  'stream',
  'notification',
  'account',
  'subscription',
]);

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
