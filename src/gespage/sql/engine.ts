// Owns what the writing of batches asks of a database engine: five set-wise statements within one transaction.
import type { Refusal } from '../target.ts';
import type { TableName } from './table-mapping.ts';
import type { Table } from './tables.ts';

export type Value = string | number | boolean | null;
export type Row = Readonly<Record<string, Value>>;

/** What the writing of some accounts or groups came to. */
export interface Written {
  readonly refused: readonly Refusal[];
  /** Ids of those of which the row or, for accounts, a membership changed; an id may stand there twice. */
  readonly changed: readonly string[];
}

/**
 * One open transaction. No statement costs a network round trip for each row. Tables and columns are named as SQL has
 * them, quoted where that is needed (see `Engine.quote`); the rows that come back have the plain names.
 */
export interface Session {
  /** The rows whose `key` column is one of `values`. */
  select(table: string, columns: readonly string[], key: string, values: readonly string[]): Promise<Row[]>;
  /** The next values of a key column after this one, in the engine's order, at most `limit`. */
  next(table: string, key: string, after: string, limit: number): Promise<string[]>;
  /** Rows whose key comes after this one, in the engine's order, at most `limit`; from the first one when undefined. */
  page(
    table: string,
    columns: readonly string[],
    key: string,
    after: string | undefined,
    limit: number,
  ): Promise<Row[]>;
  insert(table: string, columns: readonly string[], rows: readonly (readonly Value[])[]): Promise<void>;
  /** Sets the columns after the first, in the row that has the first as its key. */
  update(table: string, columns: readonly string[], rows: readonly (readonly Value[])[]): Promise<void>;
  /** Deletes the rows that equal one of `rows` in `columns`. */
  remove(table: string, columns: readonly string[], rows: readonly (readonly Value[])[]): Promise<void>;
  /** A statement that is the same in every engine; `?` stands for each value. */
  run(sql: string, values?: readonly Value[]): Promise<void>;
  /** Does the work, or, when it fails for its data, none of it; the transaction goes on either way. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
  /** What the database says of a table or view, undefined where it does not exist. */
  describe(table: TableName): Promise<ExistingTable | undefined>;
}

export interface ExistingTable {
  readonly columns: readonly ExistingColumn[];
  /** The columns of each primary key, unique constraint or unique index that holds for all rows. */
  readonly uniqueKeys: readonly (readonly string[])[];
}

/** What a column holds, as far as it matters to this product. */
export type Holding = 'text' | 'integer' | 'number' | 'boolean' | 'time' | 'uuid' | 'other';

export interface ExistingColumn {
  readonly name: string;
  readonly holds: Holding;
  /** As the database calls it. */
  readonly type: string;
  /** Characters (code points) that a text takes; undefined where there is no limit. */
  readonly length: number | undefined;
  /** Whole bytes of an integer, and whether it has negative numbers. */
  readonly integer?: { readonly bytes: number; readonly isSigned: boolean } | undefined;
  readonly isNullable: boolean;
  readonly hasDefault: boolean;
  /** Filled by the database for each new row: identity, auto increment, or computed from other columns. */
  readonly isFilled: boolean;
}

/** Thrown for rows that turn out wrong once they are written: the same to `Engine.dataError` as a refusal by the database. */
export class RowFault extends Error {
  override readonly name = 'RowFault';
}

/** Statements of SQLite, within one transaction. */
export interface Statements {
  readonly all: (sql: string) => Row[];
  readonly run: (sql: string, ...values: Value[]) => void;
}

export interface Engine {
  /** Readers see all of the work or nothing of it. Connects where needed; drops the connection on failure. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** A transaction in which another database of this engine can be read under a name. Only SQLite has that. */
  beside?<T>(file: string, name: string, work: (statements: Statements) => T): Promise<T>;
  /**
   * Called within a transaction: it is not committed after this work, but goes on with the next. Readers see nothing
   * of it meanwhile; a failure undoes all of it. Missing where a server would keep locks and memory for it.
   */
  keepOpen?(): void;
  /** What the database says is wrong with the rows themselves; undefined where trying later may succeed. */
  dataError(error: unknown): string | undefined;
  /** Yes or no as the engine's `flag` columns take it. */
  readonly flag: (on: boolean) => Value;
  /** A moment as the engine's `time` columns take it. */
  time(at: Date): string;
  /** A name as SQL takes it, whatever it holds. */
  quote(name: string): string;
  createTable(table: Table): string;
  createView(): string;
  close(): Promise<void>;
}

/** How long the engine waits, in milliseconds, before a server counts as hung. */
export interface Patience {
  readonly connect: number;
  readonly statement: number;
}

/** A savepoint around `work`, the same in every engine. Not to be nested. */
export async function withSavepoint<T>(
  run: (sql: string) => Promise<unknown>,
  isDataError: (error: unknown) => boolean,
  work: () => Promise<T>,
): Promise<T> {
  await run('SAVEPOINT attempt');
  try {
    const result = await work();
    await run('RELEASE SAVEPOINT attempt');
    return result;
  } catch (error) {
    // After any other failure the connection may be dead or hung, and the whole transaction is given up.
    if (isDataError(error)) await run('ROLLBACK TO SAVEPOINT attempt');
    throw error;
  }
}

export function nextSql(table: string, key: string, limit: number): string {
  return `SELECT ${key} AS id FROM ${table} WHERE ${key} > ? ORDER BY ${key} LIMIT ${limit}`;
}

export function pageSql(
  table: string,
  columns: readonly string[],
  key: string,
  after: string | undefined,
  limit: number,
): string {
  const where = after === undefined ? '' : `WHERE ${key} > ? `;
  return `SELECT ${columns.join(', ')} FROM ${table} ${where}ORDER BY ${key} LIMIT ${limit}`;
}

/** Cuts rows for engines whose statements have a limit of size. */
export function* chunksOf<T>(rows: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size);
}

/** The property of an error that drivers use for their codes. */
export function errorProperty(error: unknown, name: 'code' | 'errno' | 'sqlState' | 'message'): string {
  if (typeof error !== 'object' || error === null) return '';
  const value = (error as Record<string, unknown>)[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
