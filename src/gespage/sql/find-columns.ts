// Owns the search for a mapping's columns in a table that exists, and for what is wrong with the table.
import type { Engine, ExistingColumn, ExistingTable, Holding, Value } from './engine.ts';
import type { Constant, FlagColumn, LayoutColumn } from './layout.ts';
import type { FlagMapping, Scalar, TableName } from './table-mapping.ts';

/** Something about the tables that keeps this product from writing: what, and what to do. */
export interface ShapeProblem {
  readonly what: string;
  readonly advice: string;
}

export interface Findings {
  readonly problems: ShapeProblem[];
  /** What is good to know and keeps nobody from writing. */
  readonly notes: string[];
}

export interface ColumnWish {
  readonly name: string;
  readonly use: string;
  readonly accepts: readonly Holding[];
  readonly empty?: '' | null;
  /** Characters that this product writes at most, whatever the column takes. */
  readonly most?: number | undefined;
}

/** Looks columns up in one table; what is missing or unfit goes to the findings, all of it at once. */
export interface ColumnFinder {
  readonly label: string;
  readonly sql: string;
  find(wish: ColumnWish): LayoutColumn;
  flag(mapping: FlagMapping): FlagColumn;
  constants(values: Readonly<Record<string, Scalar>>): Constant[];
  /** Whether the database lets no two rows have the same value there. */
  isUnique(column: LayoutColumn): boolean;
  isFilled(column: LayoutColumn): boolean;
  /** Reports what was not found, and the columns that no row could do without and that nobody asked for. */
  finish(): void;
}

const names: Readonly<Record<Holding, string>> = {
  text: 'text',
  integer: 'whole numbers',
  number: 'numbers',
  boolean: 'yes or no',
  time: 'times',
  uuid: 'GUIDs',
  other: 'something else',
};

export function labelOf({ schema, name }: TableName): string {
  return schema === undefined ? name : `${schema}.${name}`;
}

/** `isMapped`: the names come from the site's mapping file. */
export function createColumnFinder(
  engine: Engine,
  name: TableName,
  table: ExistingTable,
  isMapped: boolean,
  { problems, notes }: Findings,
): ColumnFinder {
  const label = labelOf(name);
  const lacking: string[] = [];
  const asked = new Set<string>();
  const report = (what: string, advice: string): void => void problems.push({ what, advice });
  const correct = isMapped
    ? 'name another column in GESPAGE_SQL_MAPPING_FILE'
    : 'rename the table and let this product create its own';

  function look(wanted: string): ExistingColumn | undefined {
    const exact = table.columns.find((column) => column.name === wanted);
    const alike = table.columns.filter((column) => column.name.toLowerCase() === wanted.toLowerCase());
    const found = exact ?? (alike.length === 1 ? alike[0] : undefined);
    if (found === undefined) lacking.push(wanted);
    else asked.add(found.name);
    return found;
  }

  function find({ name: wanted, use, accepts, empty = null, most = Infinity }: ColumnWish): LayoutColumn {
    const found = look(wanted);
    if (found !== undefined && !accepts.includes(found.holds)) {
      report(
        `The column ${found.name} of ${label} is of the type ${found.type}, which cannot hold ${use}: that takes ${accepts.map((one) => names[one]).join(' or ')}.`,
        `Change the type with ALTER TABLE, or ${correct}.`,
      );
    }
    return {
      sql: isMapped ? engine.quote(found?.name ?? wanted) : wanted,
      name: found?.name ?? wanted,
      holds: found?.holds ?? 'text',
      limit: Math.min(found?.length ?? Infinity, most),
      integer: found?.integer,
      isNullable: found?.isNullable ?? true,
      empty,
    };
  }

  /** A value of the mapping file as the column takes it, or undefined with a problem. */
  function fit(column: LayoutColumn, value: Scalar, use: string): Value {
    if (column.holds === 'boolean') {
      if (typeof value === 'boolean') return engine.flag(value);
      if (value === 0 || value === 1) return engine.flag(value === 1);
    } else if (column.holds === 'integer' || column.holds === 'number') {
      if (typeof value === 'boolean') return Number(value);
      if (typeof value === 'number') return value;
    } else if (column.holds !== 'text' || [...String(value)].length <= column.limit) return String(value);
    report(
      `The value ${JSON.stringify(value)} does not fit into the column ${column.name} of ${label}, which stands for ${use}.`,
      `Write another value into GESPAGE_SQL_MAPPING_FILE: the column holds ${names[column.holds]}${column.limit === Infinity ? '' : ` of ${column.limit} characters`}.`,
    );
    return null;
  }

  return {
    label,
    sql: isMapped
      ? [name.schema, name.name].flatMap((part) => (part === undefined ? [] : engine.quote(part))).join('.')
      : name.name,
    find,
    flag({ column: wanted, yes, no }) {
      const use = 'whether an account is enabled';
      const column = find({ name: wanted, use, accepts: ['boolean', 'integer', 'text'] });
      if (column.holds === 'text' && (yes === undefined || no === undefined) && !lacking.includes(wanted)) {
        report(
          `The column ${column.name} of ${label} holds text, so it cannot be told what it says of an enabled account.`,
          'Write both into GESPAGE_SQL_MAPPING_FILE, such as "enabled": { "column": "active", "yes": "Y", "no": "N" }.',
        );
      }
      const { sql, name: found } = column;
      return { sql, name: found, on: fit(column, yes ?? true, use), off: fit(column, no ?? false, use) };
    },
    constants: (values) =>
      Object.entries(values).map(([wanted, value]) => {
        const use = 'a constant';
        const column = find({ name: wanted, use, accepts: Object.keys(names) as Holding[] });
        return { sql: column.sql, value: fit(column, value, use) };
      }),
    isUnique: (column) => table.uniqueKeys.some((key) => key.length === 1 && key[0] === column.name),
    isFilled: (column) =>
      table.columns.some((one) => one.name === column.name && (one.isFilled || one.hasDefault)),
    finish() {
      if (lacking.length > 0) {
        report(
          `The table ${label} lacks ${lacking.join(', ')}.`,
          isMapped
            ? `Correct the name in GESPAGE_SQL_MAPPING_FILE, or add the column with ALTER TABLE. The table has ${table.columns.map((column) => column.name).join(', ')}.`
            : 'Add what is missing with ALTER TABLE, or rename the table and let this product create its own.',
        );
      }
      const insisted = table.columns.filter(
        (one) => !one.isNullable && !one.hasDefault && !one.isFilled && !asked.has(one.name),
      );
      if (insisted.length > 0) {
        report(
          `The table ${label} has ${insisted.map((column) => column.name).join(', ')}, NOT NULL and without a default, ` +
            'which this product does not write, so no row could be added.',
          `Give the column a default or allow NULL${isMapped ? ', or give it a value under "constants" in GESPAGE_SQL_MAPPING_FILE' : ''}.`,
        );
      }
      const limited = isMapped
        ? table.columns.filter((one) => asked.has(one.name) && one.length !== undefined && one.length < 64)
        : [];
      if (limited.length > 0) {
        notes.push(
          `${label}: who has more than ${limited.map((one) => `${one.length} characters in ${one.name}`).join(', ')} is refused, with the reason in "status"; the others are written.`,
        );
      }
    },
  };
}
