// Owns what SQLite says of a table: columns with their declared types, and unique keys.
import type Database from 'better-sqlite3';
import type { ExistingColumn, ExistingTable, Holding } from './engine.ts';
import type { TableName } from './table-mapping.ts';

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: unknown;
  readonly pk: number;
  readonly hidden: number;
}

/** Looks a table or view up. What SQLite itself does not insist on, such as a declared length, is kept to all the same. */
export function describeTable(
  database: Database.Database,
  { schema = 'main', name }: TableName,
): ExistingTable | undefined {
  const rows = database.prepare('SELECT * FROM pragma_table_xinfo(?, ?)').all(name, schema) as ColumnRow[];
  if (rows.length === 0) return undefined;
  const primary = rows.filter(({ pk }) => pk > 0);
  const rowId = primary.length === 1 ? primary.find(({ type }) => /^integer$/i.test(type)) : undefined;
  const indexes = database
    .prepare(`SELECT name FROM pragma_index_list(?, ?) WHERE "unique" = 1 AND partial = 0`)
    .pluck()
    .all(name, schema) as string[];
  const members = database.prepare('SELECT name FROM pragma_index_info(?, ?) ORDER BY seqno').pluck();
  const keys = indexes.map((index) => members.all(index, schema) as (string | null)[]);
  if (rowId !== undefined) keys.push([rowId.name]);
  return {
    columns: rows.map((row) => describeColumn(row, row === rowId)),
    // A member without a name is an expression.
    uniqueKeys: keys.filter((key): key is string[] => !key.includes(null)),
  };
}

function describeColumn(
  { name, type, notnull, dflt_value, hidden }: ColumnRow,
  isRowId: boolean,
): ExistingColumn {
  const holds = holdingOf(type);
  const length = holds === 'text' ? /\((\d+)\)/.exec(type)?.[1] : undefined;
  return {
    name,
    holds,
    type: type === '' ? 'any type' : type,
    length: length === undefined ? undefined : Number(length),
    // Of the eight bytes, those that a JavaScript number holds exactly.
    integer: holds === 'integer' ? { bytes: 6, isSigned: true } : undefined,
    isNullable: notnull === 0 && !isRowId,
    hasDefault: dflt_value !== null,
    isFilled: isRowId || hidden > 1,
  };
}

/** By the rules of https://sqlite.org/datatype3.html, and by the names that other databases know. */
function holdingOf(type: string): Holding {
  if (/bool/i.test(type)) return 'boolean';
  if (/int/i.test(type)) return 'integer';
  if (type === '' || /char|clob|text|uuid|guid/i.test(type)) return 'text';
  if (/date|time/i.test(type)) return 'time';
  return /real|floa|doub|num|dec/i.test(type) ? 'number' : 'other';
}
