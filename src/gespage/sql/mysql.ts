// Owns the MySQL and MariaDB engine: a pool of one connection, multi-row statements.
import { readFileSync } from 'node:fs';
import mysql from 'mysql2/promise';
import {
  chunksOf,
  type Engine,
  errorProperty,
  nextSql,
  type Patience,
  type Row,
  RowFault,
  type Session,
  type Value,
  withSavepoint,
} from './engine.ts';
import { type Collations, describeTable, quoteName } from './mysql-catalogue.ts';
import type { MysqlTls, SqlLocation } from './sql-url.ts';
import { type Column, createTableSql, createViewSql, groupsOfAccount } from './tables.ts';

/** Keeps statements far below the smallest usual `max_allowed_packet`, and the parser quick. */
const rowsInStatement = 500;

/** The engine for `mysql://…`, MariaDB too. */
export function createMysqlEngine(location: SqlLocation & { engine: 'mysql' }, patience: Patience): Engine {
  const { host, port, user, password, database, tls } = location;
  const pool = mysql.createPool({
    host,
    port,
    user,
    password,
    database,
    ...(tls === undefined ? {} : { ssl: tlsOptions(tls) }),
    charset: 'UTF8MB4_BIN',
    timezone: 'Z',
    connectionLimit: 1,
    connectTimeout: patience.connect,
    enableKeepAlive: true,
  });
  const lockWaitSeconds = Math.max(1, Math.floor(patience.statement / 1_000) - 5);
  const settings =
    `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', ` +
    `innodb_lock_wait_timeout = ${lockWaitSeconds}`;

  /** How the tables' texts compare, as far as they were looked at. */
  const collations: Collations = new Map();

  return {
    async transaction(work) {
      const connection = await pool.getConnection();
      const run = (sql: string, values: readonly unknown[] = []) =>
        connection.query({ sql, values: [...values], timeout: patience.statement });
      try {
        await run(settings);
        await run('START TRANSACTION');
        const result = await work(createSession(run, collations));
        await run('COMMIT');
        connection.release();
        return result;
      } catch (error) {
        // Closing the connection rolls back, and does so even where the server no longer answers.
        connection.destroy();
        throw error;
      }
    },
    dataError,
    flag: (on) => on,
    time: (at) => at.toISOString().slice(0, -1).replace('T', ' '),
    quote: quoteName,
    createTable: (table) => createTableSql(table, columnType, tableOptions),
    createView: () =>
      createViewSql(`SELECT GROUP_CONCAT(g.name ORDER BY g.name SEPARATOR ';') ${groupsOfAccount}`),
    close: () => pool.end(),
  };
}

function tlsOptions(tls: MysqlTls): mysql.SslOptions {
  return {
    rejectUnauthorized: tls.verify,
    verifyIdentity: tls.verifyHost,
    ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile, 'utf8') }),
  };
}

/** Classes 22 (data), 23 (constraint) and 45 (a trigger's SIGNAL), and the same kind of failure without a class. */
function dataError(error: unknown): string | undefined {
  if (error instanceof RowFault) return error.message;
  // A text that the column's character set does not have can already fail where it is looked for.
  const [incorrectString, noDefault, checkFailed, ...mixes] = [1366, 1364, 3819, 1267, 1270, 1271];
  const errno = Number(errorProperty(error, 'errno'));
  const known = [incorrectString, noDefault, checkFailed, ...mixes].includes(errno);
  return known || /^(22|23|45)/.test(errorProperty(error, 'sqlState'))
    ? errorProperty(error, 'message')
    : undefined;
}

function columnType(column: Column): string {
  if (column.kind === 'text') return `VARCHAR(${column.length})`;
  return { flag: 'BOOLEAN', time: 'DATETIME(3)', count: 'BIGINT' }[column.kind];
}

/** The binary collation makes logins exact: `jose` and `José` are two people. */
const tableOptions = 'ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

type Run = (sql: string, values?: readonly unknown[]) => Promise<[unknown, unknown]>;

/** Rows as a derived table `v(v0, v1, …)`: unlike VALUES or JSON_TABLE every version of both servers reads it. */
function derivedTable(columns: readonly string[], count: number): string {
  const first = `SELECT ${columns.map((_, index) => `? AS v${index}`).join(', ')}`;
  const further = ` UNION ALL SELECT ${columns.map(() => '?').join(', ')}`;
  return `(${first}${further.repeat(count - 1)}) v`;
}

function createSession(run: Run, collations: Collations): Session {
  /** Compared as the column does it, so that its index is of use. */
  const equals = (table: string, column: string, index: number): string =>
    `t.${column} = v.v${index}${collations.get(table)?.get(column) ?? ''}`;
  const session: Session = {
    async select(table, columns, key, values) {
      const sql = `SELECT ${columns.join(', ')} FROM ${table} WHERE ${key} IN (?)`;
      const found: Row[] = [];
      for (const chunk of chunksOf(values, rowsInStatement))
        found.push(...((await run(sql, [chunk]))[0] as Row[]));
      return found;
    },
    async next(table, key, after, limit) {
      const [rows] = await run(nextSql(table, key, limit), [after]);
      return (rows as { id: string }[]).map(({ id }) => id);
    },
    async insert(table, columns, rows) {
      const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES ?`;
      for (const chunk of chunksOf(rows, rowsInStatement)) await run(sql, [chunk]);
    },
    // Not INSERT … ON DUPLICATE KEY UPDATE, which would also fire on the login of another person's row.
    async update(table, columns, rows) {
      const [key, ...rest] = columns;
      const sets = rest.map((column, index) => `t.${column} = v.v${index + 1}`).join(', ');
      for (const chunk of chunksOf(rows, rowsInStatement)) {
        const source = derivedTable(columns, chunk.length);
        await run(
          `UPDATE ${table} t JOIN ${source} ON ${equals(table, key ?? '', 0)} SET ${sets}`,
          chunk.flat(),
        );
      }
    },
    async remove(table, columns, rows) {
      const on = columns.map((column, index) => equals(table, column, index)).join(' AND ');
      for (const chunk of chunksOf(rows, rowsInStatement)) {
        await run(
          `DELETE t FROM ${table} t JOIN ${derivedTable(columns, chunk.length)} ON ${on}`,
          chunk.flat(),
        );
      }
    },
    async run(sql, values: readonly Value[] = []) {
      await run(sql, values);
    },
    attempt: (work) => withSavepoint(run, (error) => dataError(error) !== undefined, work),
    describe: (table) => describeTable(run, table, collations),
  };
  return session;
}
