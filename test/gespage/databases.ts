// Owns the databases of the target tests: one fresh database (file, schema) for each test, and a plain way to look inside.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import mysql from 'mysql2/promise';
import pg from 'pg';

export type Rows = Record<string, unknown>[];

/** A database of one test's own. `query` is an independent connection, as Gespage or a person at a prompt has it. */
export interface TestDatabase {
  readonly url: string;
  query(sql: string): Promise<Rows>;
  /** Ends the target's connections from the server's side, and says how many; none where there is no server. */
  killConnections(): Promise<number>;
  /** How many of the target's connections wait for a lock. */
  countBlocked(): Promise<number>;
  drop(): Promise<void>;
}

export interface TestEngine {
  readonly name: 'sqlite' | 'postgres' | 'mysql';
  /** Why it cannot be tested here, undefined where it can. */
  readonly missing: string | undefined;
  create(): Promise<TestDatabase>;
}

export const engines: readonly TestEngine[] = [
  { name: 'sqlite', missing: undefined, create: createSqlite },
  fromVariable('postgres', 'TEST_POSTGRES_URL', createPostgres),
  fromVariable('mysql', 'TEST_MYSQL_URL', createMysql),
];

function fromVariable(
  name: TestEngine['name'],
  variable: string,
  create: (url: URL) => Promise<TestDatabase>,
): TestEngine {
  const url = process.env[variable];
  const missing = url === undefined || url === '' ? `${variable} is not set` : undefined;
  if (missing !== undefined) console.warn(`SKIPPED: the ${name} target tests, since ${missing}.`);
  return { name, missing, create: () => create(new URL(url ?? '')) };
}

function createSqlite(): Promise<TestDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'gespage-sql-'));
  const path = join(directory, 'made', 'for', 'it.db');
  return Promise.resolve({
    url: `sqlite:${path}`,
    async query(sql) {
      const database = new Database(path);
      try {
        const statement = database.prepare(sql);
        if (statement.reader) return await Promise.resolve(statement.all() as Rows);
        statement.run();
        return [];
      } finally {
        database.close();
      }
    },
    killConnections: () => Promise.resolve(0),
    countBlocked: () => Promise.resolve(0),
    drop: () => Promise.resolve(rmSync(directory, { recursive: true })),
  });
}

async function createPostgres(url: URL): Promise<TestDatabase> {
  const schema = `t_${randomUUID().replaceAll('-', '')}`;
  // One connection, and another one where the server was restarted meanwhile.
  const admin = new pg.Pool({
    connectionString: url.href,
    max: 1,
    idleTimeoutMillis: 0,
    options: `-c search_path=${schema}`,
  });
  admin.on('error', () => undefined);
  await admin.query(`CREATE SCHEMA ${schema}`);
  const own = new URL(url);
  own.searchParams.set('schema', schema);
  // A name of its own, so that only this test's connections are killed.
  own.searchParams.set('application_name', schema);
  return {
    url: own.href,
    query: async (sql) => (await admin.query<Rows[number]>(sql)).rows,
    killConnections: async () => {
      const sql = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`;
      return (await admin.query(sql, [schema])).rows.length;
    },
    countBlocked: async () => {
      const sql = `SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`;
      return (await admin.query(sql, [schema])).rows.length;
    },
    async drop() {
      await admin.query(`DROP SCHEMA ${schema} CASCADE`);
      await admin.end();
    },
  };
}

async function createMysql(url: URL): Promise<TestDatabase> {
  const database = `t_${randomUUID().replaceAll('-', '')}`;
  const maker = await mysql.createConnection({ uri: url.href });
  await maker.query(`CREATE DATABASE ${database}`);
  await maker.end();
  const own = new URL(url);
  own.pathname = `/${database}`;
  const admin = mysql.createPool({
    uri: own.href,
    timezone: 'Z',
    charset: 'UTF8MB4_BIN',
    connectionLimit: 1,
  });
  return {
    url: own.href,
    query: async (sql) => (await admin.query(sql))[0] as Rows,
    killConnections: async () => {
      const [rows] = await admin.query(
        'SELECT id FROM information_schema.processlist WHERE db = ? AND id <> CONNECTION_ID()',
        [database],
      );
      for (const { id } of rows as { id: number }[]) await admin.query(`KILL ${id}`);
      return (rows as unknown[]).length;
    },
    countBlocked: async () => {
      const sql = `SELECT 1 FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id
                    WHERE db = ? AND trx_state = 'LOCK WAIT'`;
      return ((await admin.query(sql, [database]))[0] as unknown[]).length;
    },
    async drop() {
      await admin.query(`DROP DATABASE ${database}`);
      await admin.end();
    },
  };
}
