// Owns the PostgreSQL engine: a pool of one connection, whole columns sent as arrays.
import pg from 'pg';
import {
  type Engine,
  nextSql,
  type Patience,
  type Row,
  type Session,
  type Value,
  RowFault,
  withSavepoint,
} from './engine.ts';
import { type CastTypes, describeTable } from './postgres-catalogue.ts';
import { type Column, createTableSql, createViewSql, groupsOfAccount, kindOf } from './tables.ts';

/** The engine for `postgres://…`; `schema` goes first in the search path where it is given. */
export function createPostgresEngine(url: string, schema: string | undefined, patience: Patience): Engine {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    connectionTimeoutMillis: patience.connect,
    // The server's own limit comes first; this one is for a server that has stopped answering altogether.
    query_timeout: patience.statement + 2_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    allowExitOnIdle: true,
    application_name: 'gespage-graph-sync',
    types,
  });
  // A connection lost while idle leaves the pool by itself; without a listener the event would end the process.
  pool.on('error', () => undefined);

  /** What the tables' columns are, as far as they were looked at: table -> column -> type, all as SQL names them. */
  const casts: CastTypes = new Map();

  // SET LOCAL in the same round trip as BEGIN, since a pooler such as PgBouncer refuses start-up parameters.
  const begin = [
    'BEGIN',
    `SET LOCAL statement_timeout = ${patience.statement}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${patience.statement}`,
    // Every statement names rows by their keys. Without statistics yet, as in a first sync, the planner would all
    // the same read whole tables for each batch.
    'SET LOCAL enable_seqscan = off',
    ...(schema === undefined ? [] : [`SET LOCAL search_path TO ${pg.escapeIdentifier(schema)}`]),
  ].join('; ');

  return {
    async transaction(work) {
      const client = await pool.connect();
      const result = await inTransaction(client, begin, casts, work).catch((error: unknown) => {
        // Closing the connection rolls back, and does so even where the server no longer answers.
        client.release(true);
        throw error;
      });
      client.release();
      return result;
    },
    dataError,
    flag: (on) => on,
    time: (at) => at.toISOString(),
    quote: (name) => pg.escapeIdentifier(name),
    createTable: (table) => createTableSql(table, columnType, ''),
    createView: () =>
      createViewSql(`SELECT string_agg(g.name, ';' ORDER BY g.name COLLATE "C") ${groupsOfAccount}`),
    close: () => pool.end(),
  };
}

async function inTransaction<T>(
  client: pg.PoolClient,
  begin: string,
  casts: CastTypes,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  await client.query(begin);
  const result = await work(createSession(client, casts));
  await client.query('COMMIT');
  return result;
}

/** Classes 22 (data exception) and 23 (constraint), and P0001, which a trigger raises. */
function dataError(error: unknown): string | undefined {
  if (error instanceof RowFault) return error.message;
  if (!(error instanceof pg.DatabaseError)) return undefined;
  if (!/^(22|23|P0001$)/.test(error.code ?? '')) return undefined;
  return error.detail === undefined ? error.message : `${error.message} (${error.detail})`;
}

function columnType(column: Column): string {
  if (column.kind === 'text') return `varchar(${column.length})`;
  return scalarTypes[column.kind];
}

const scalarTypes = { text: 'text', flag: 'boolean', time: 'timestamptz', count: 'bigint' };

/** Texts of fixed length come filled up with blanks that nobody wrote. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.BPCHAR
      ? (text: string) => text.trimEnd()
      : (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
};

function transpose(columns: readonly string[], rows: readonly (readonly Value[])[]): Value[][] {
  return columns.map((_, index) => rows.map((row) => row[index] ?? null));
}

function createSession(client: pg.PoolClient, casts: CastTypes): Session {
  const castOf = (table: string, column: string): string =>
    casts.get(table)?.get(column) ?? scalarTypes[kindOf(column)];
  /** `unnest($1::text[], $2::boolean[])`: rows as one array for each column. */
  const unnest = (table: string, columns: readonly string[]): string =>
    `unnest(${columns.map((column, index) => `$${index + 1}::${castOf(table, column)}[]`).join(', ')})`;
  /** `v(v0, v1)`: the same rows with names of their own. */
  const rowsNamedV = (table: string, columns: readonly string[]): string =>
    `${unnest(table, columns)} AS v(${columns.map((_, index) => `v${index}`).join(', ')})`;
  const session: Session = {
    async select(table, columns, key, values) {
      if (values.length === 0) return [];
      const sql = `SELECT ${columns.join(', ')} FROM ${table} WHERE ${key} = ANY($1::${castOf(table, key)}[])`;
      return (await client.query<Row>(sql, [values])).rows;
    },
    async next(table, key, after, limit) {
      const sql = nextSql(table, key, limit).replace('?', '$1');
      return (await client.query<{ id: string }>(sql, [after])).rows.map(({ id }) => id);
    },
    async insert(table, columns, rows) {
      if (rows.length === 0) return;
      const sql = `INSERT INTO ${table} (${columns.join(', ')}) SELECT * FROM ${unnest(table, columns)}`;
      await client.query(sql, transpose(columns, rows));
    },
    async update(table, columns, rows) {
      if (rows.length === 0) return;
      const [key, ...rest] = columns;
      const sets = rest.map((column, index) => `${column} = v.v${index + 1}`).join(', ');
      const sql = `UPDATE ${table} t SET ${sets} FROM ${rowsNamedV(table, columns)} WHERE t.${key} = v.v0`;
      await client.query(sql, transpose(columns, rows));
    },
    async remove(table, columns, rows) {
      if (rows.length === 0) return;
      const where = columns.map((column, index) => `t.${column} = v.v${index}`).join(' AND ');
      const sql = `DELETE FROM ${table} t USING ${rowsNamedV(table, columns)} WHERE ${where}`;
      await client.query(sql, transpose(columns, rows));
    },
    async run(sql, values = []) {
      let index = 0;
      await client.query(
        sql.replaceAll('?', () => `$${++index}`),
        [...values],
      );
    },
    attempt: (work) =>
      withSavepoint(
        (sql) => client.query(sql),
        (error) => dataError(error) !== undefined,
        work,
      ),
    describe: (table) => describeTable(client, table, casts),
  };
  return session;
}
