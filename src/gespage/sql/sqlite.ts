// Owns the embedded engine: SQLite through better-sqlite3, one connection, prepared statements.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as pause, setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import {
  chunksOf,
  type Engine,
  errorProperty,
  nextSql,
  pageSql,
  type Patience,
  type Row,
  RowFault,
  type Session,
  type Value,
  withSavepoint,
} from './engine.ts';
import { describeTable } from './sqlite-catalogue.ts';
import { type Column, createTableSql, createViewSql, groupsOfAccount, type Table } from './tables.ts';

const lockPollMs = 25;
const cacheKib = 8_000;
const largeCacheKib = 16_000;

/** SQLite works on this process's own thread: after so many rows the web requests that wait get their turn. */
const rowsBetweenPauses = 200;

/** The engine for `sqlite:PATH`; the directory of the file is created. */
export function createSqliteEngine(path: string, patience: Patience): Engine {
  let connection: { readonly database: Database.Database; readonly session: Session } | undefined;
  let isKeptOpen = false;
  let hasLargeCache = false;

  /** A long transaction touches the indexes all over; what does not fit into memory is written again and again. */
  function fitCache(database: Database.Database): void {
    if (isKeptOpen === hasLargeCache) return;
    hasLargeCache = isKeptOpen;
    setCache(database, isKeptOpen ? largeCacheKib : cacheKib);
  }

  function connect() {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
    const opened = new Database(path, { timeout: lockPollMs });
    opened.pragma('journal_mode = WAL');
    // NORMAL is enough: a power cut may undo the last commits whole, never parts of them, and the position that
    // comes back with the older rows makes the ledger send those changes again.
    opened.pragma('synchronous = NORMAL');
    opened.pragma(`cache_size = -${cacheKib}`);
    // Keys are random, so a batch touches pages all over the file; fewer checkpoints write each of them less often.
    opened.pragma('wal_autocheckpoint = 4000');
    return { database: opened, session: createSession(opened) };
  }

  async function transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const { database, session } = (connection ??= connect());
    if (!database.inTransaction) await begin(database, patience.connect);
    isKeptOpen = false;
    try {
      const result = await work(session);
      if (!isKeptOpen) database.exec('COMMIT');
      return result;
    } catch (error) {
      isKeptOpen = false;
      if (database.inTransaction) database.exec('ROLLBACK');
      throw error;
    } finally {
      fitCache(database);
    }
  }

  return {
    transaction,
    async beside(file, name, work) {
      const { database } = (connection ??= connect());
      if (database.inTransaction) database.exec('COMMIT');
      setCache(database, largeCacheKib);
      try {
        return await transaction(() => {
          // Within the transaction: to begin one takes the write lock of every file that is attached by then.
          database.prepare(`ATTACH ? AS ${name}`).run(file);
          return Promise.resolve(
            work({
              all: (sql) => database.prepare(sql).all() as Row[],
              run: (sql, ...values) => void database.prepare(sql).run(...values),
            }),
          );
        });
      } finally {
        if (isAttached(database, name)) database.exec(`DETACH ${name}`);
        setCache(database, cacheKib);
      }
    },
    keepOpen: () => void (isKeptOpen = true),
    dataError: (error) => (isDataError(error) ? errorProperty(error, 'message') : undefined),
    flag: Number,
    time: (at) => at.toISOString(),
    quote: (name) => `"${name.replaceAll('"', '""')}"`,
    createTable: (table) => createTableSql(table, columnType, tableOptions(table)),
    // The sorted inner query in place of ORDER BY within group_concat: SQLite before 3.44 cannot read the latter,
    // and one view that it cannot read makes the whole file unusable for such a reader.
    createView: () =>
      createViewSql(
        `SELECT group_concat(name, ';') FROM (SELECT g.name AS name ${groupsOfAccount} ORDER BY g.name)`,
      ),
    close() {
      connection?.database.close();
      connection = undefined;
      return Promise.resolve();
    },
  };
}

function setCache(database: Database.Database, kib: number): void {
  database.pragma(`cache_size = -${kib}`);
  if (kib === cacheKib) database.pragma('shrink_memory');
}

function isAttached(database: Database.Database, name: string): boolean {
  return (database.pragma('database_list') as { name: string }[]).some((one) => one.name === name);
}

/** Waits for another program's write lock without blocking this process, as SQLite's own waiting would. */
async function begin(database: Database.Database, waitMs: number): Promise<void> {
  for (let waited = 0; ; waited += 2 * lockPollMs) {
    try {
      database.exec('BEGIN IMMEDIATE');
      return;
    } catch (error) {
      if (!errorProperty(error, 'code').startsWith('SQLITE_BUSY') || waited >= waitMs) throw error;
    }
    await sleep(lockPollMs);
  }
}

function isDataError(error: unknown): boolean {
  return (
    error instanceof RowFault || /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(errorProperty(error, 'code'))
  );
}

function columnType(column: Column): string {
  return column.kind === 'text' || column.kind === 'time' ? 'TEXT' : 'INTEGER';
}

function tableOptions(table: Table): string {
  return table.primaryKey.length === table.columns.length ? 'WITHOUT ROWID' : '';
}

function createSession(database: Database.Database): Session {
  const statements = new Map<string, Database.Statement>();
  const prepare = (sql: string) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const runEach = async (sql: string, rows: readonly (readonly Value[])[]) => {
    const statement = prepare(sql);
    for (const chunk of chunksOf(rows, rowsBetweenPauses)) {
      for (const row of chunk) statement.run(row);
      if (rows.length > rowsBetweenPauses) await pause();
    }
  };
  const session: Session = {
    // The functions are async so that what the driver throws becomes a rejection, as with the other engines.
    async select(table, columns, key, values) {
      const named = columns.map((column) => `t.${column}`).join(', ');
      // CROSS JOIN fixes the order: from each value to its row, by the index.
      const sql = `SELECT ${named} FROM json_each(?) j CROSS JOIN ${table} t ON t.${key} = j.value`;
      return Promise.resolve(prepare(sql).all(JSON.stringify(values)) as Row[]);
    },
    async next(table, key, after, limit) {
      const sql = nextSql(table, key, limit);
      return Promise.resolve((prepare(sql).all(after) as { id: string }[]).map(({ id }) => id));
    },
    async page(table, columns, key, after, limit) {
      const sql = pageSql(table, columns, key, after, limit);
      return Promise.resolve(prepare(sql).all(after === undefined ? [] : [after]) as Row[]);
    },
    async insert(table, columns, rows) {
      // Several short rows to a statement are quicker; for long ones the binding of values counts, not the calls.
      const marks = `(${columns.map(() => '?').join(', ')})`;
      const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${marks}`;
      const together = columns.length > 2 ? 1 : 50;
      const rest = together === 1 ? 0 : rows.length - (rows.length % together);
      for (const chunk of chunksOf(rows.slice(0, rest), together)) {
        prepare(sql + `, ${marks}`.repeat(together - 1)).run(chunk.flat());
      }
      await runEach(sql, rows.slice(rest));
    },
    async update(table, [key, ...columns], rows) {
      const sets = columns.map((column) => `${column} = ?`).join(', ');
      const keyLast = rows.map(([id = null, ...rest]) => [...rest, id]);
      await runEach(`UPDATE ${table} SET ${sets} WHERE ${key} = ?`, keyLast);
    },
    async remove(table, columns, rows) {
      const where = columns.map((column) => `${column} = ?`).join(' AND ');
      await runEach(`DELETE FROM ${table} WHERE ${where}`, rows);
    },
    async run(sql, values = []) {
      prepare(sql).run(values);
      return Promise.resolve();
    },
    attempt: (work) => withSavepoint((sql) => session.run(sql), isDataError, work),
    describe: (table) => Promise.resolve(describeTable(database, table)),
  };
  return session;
}
