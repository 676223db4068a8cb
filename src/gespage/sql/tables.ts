// Owns the shape of the target: tables, columns, lengths, and what each engine must be told to create them.
import { type FieldName, fieldNames } from '../../accounts/model.ts';

/** What a column holds; each engine has its own type for it. */
export type ColumnKind = 'text' | 'flag' | 'time' | 'count';

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Characters (code points) that a text column takes. */
  readonly length: number;
  readonly constraint?: 'NOT NULL' | 'NOT NULL UNIQUE';
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly primaryKey: readonly string[];
}

export const accountTable = 'gespage_account';
export const groupTable = 'gespage_group';
export const membershipTable = 'gespage_membership';
export const userView = 'gespage_user';
export const stateTable = 'gespage_sync_state';
/**
 * The ids of the account and group rows that this product wrote, kept in the same transactions as those rows.
 * What is not listed here belongs to somebody else and is never touched.
 */
export const ownRowTable = 'gespage_sync_row';

/** Memberships of our accounts in groups that have no row yet, where the database makes the keys of groups. */
export const pendingTable = 'gespage_sync_pending';

/** The key of the state table's row that says how far the target has come. */
export const stateKey = 'position';
/** The key of the state table's row that says whose keys the own rows have, where that is not the standard tables. */
export const tablesKey = 'tables';

export const idLength = 64;
export const loginLength = 255;
export const groupNameLength = 512;

/** Column and length of each field; Entra's own limits are well below, extension attributes apart. */
export const fieldColumns: Readonly<Record<FieldName, { readonly name: string; readonly length: number }>> = {
  displayName: { name: 'display_name', length: 512 },
  firstName: { name: 'first_name', length: 255 },
  lastName: { name: 'last_name', length: 255 },
  email: { name: 'email', length: 320 },
  department: { name: 'department', length: 512 },
  activity: { name: 'activity', length: 512 },
  printCode: { name: 'print_code', length: 255 },
  cardNumber: { name: 'card_number', length: 255 },
  homeDirectory: { name: 'home_directory', length: 1024 },
};

function text(name: string, length: number, constraint?: Column['constraint']): Column {
  return constraint === undefined
    ? { name, kind: 'text', length }
    : { name, kind: 'text', length, constraint };
}
const updatedAt: Column = { name: 'updated_at', kind: 'time', length: 0, constraint: 'NOT NULL' };

/** The tables that Gespage reads, and those of our own beside them. */
export const standardTables: readonly Table[] = [
  {
    name: accountTable,
    columns: [
      text('external_id', idLength, 'NOT NULL'),
      text('login', loginLength, 'NOT NULL UNIQUE'),
      ...fieldNames.map((field) => text(fieldColumns[field].name, fieldColumns[field].length)),
      { name: 'enabled', kind: 'flag', length: 0, constraint: 'NOT NULL' },
      updatedAt,
    ],
    primaryKey: ['external_id'],
  },
  {
    name: groupTable,
    columns: [
      text('external_id', idLength, 'NOT NULL'),
      text('name', groupNameLength, 'NOT NULL'),
      updatedAt,
    ],
    primaryKey: ['external_id'],
  },
  {
    name: membershipTable,
    columns: [text('account_id', idLength, 'NOT NULL'), text('group_id', idLength, 'NOT NULL')],
    primaryKey: ['account_id', 'group_id'],
  },
];

const state: Table = {
  name: stateTable,
  columns: [
    text('id', idLength, 'NOT NULL'),
    text('ledger_id', 255, 'NOT NULL'),
    { name: 'revision', kind: 'count', length: 0, constraint: 'NOT NULL' },
    updatedAt,
  ],
  primaryKey: ['id'],
};

const ownRows: Table = {
  name: ownRowTable,
  columns: [text('external_id', idLength, 'NOT NULL')],
  primaryKey: ['external_id'],
};

/** A key with its prefix (see `own-rows.ts`). */
export const rowKeyLength = 300;

const keyedOwnRows: Table = {
  ...ownRows,
  columns: [...ownRows.columns, text('row_key', rowKeyLength, 'NOT NULL UNIQUE')],
};

const pending: Table = {
  name: pendingTable,
  columns: [text('account_id', idLength, 'NOT NULL'), text('group_id', idLength, 'NOT NULL')],
  primaryKey: ['group_id', 'account_id'],
};

/** Our own tables. `isKeyed`: rows are found by other keys than the object id. */
export function sideTables(isKeyed: boolean): readonly Table[] {
  return isKeyed ? [keyedOwnRows, state, pending] : [ownRows, state];
}

const kinds = new Map(
  [...standardTables, state].flatMap((table) => table.columns.map((column) => [column.name, column.kind])),
);

/** What a column of these tables holds; names mean the same in every table. */
export function kindOf(column: string): ColumnKind {
  return kinds.get(column) ?? 'text';
}

/** The statement that creates a table, with the engine's column types and table options. */
export function createTableSql(table: Table, type: (column: Column) => string, options: string): string {
  const columns = table.columns.map((column) =>
    [column.name, type(column), column.constraint].filter(Boolean).join(' '),
  );
  columns.push(`PRIMARY KEY (${table.primaryKey.join(', ')})`);
  return `CREATE TABLE ${table.name} (${columns.join(', ')}) ${options}`.trim();
}

/** The view for readers that want one row a person; `joinedNames` is the engine's subquery for `group_names`. */
export function createViewSql(joinedNames: string): string {
  const columns = standardTables[0]?.columns.map((column) => `a.${column.name}`).join(', ');
  return `CREATE VIEW ${userView} AS SELECT ${columns}, (${joinedNames}) AS group_names FROM ${accountTable} a`;
}

/** The groups of account `a`, for the subquery of the view. */
export const groupsOfAccount =
  `FROM ${membershipTable} m JOIN ${groupTable} g ON g.external_id = m.group_id ` +
  `WHERE m.account_id = a.external_id`;
