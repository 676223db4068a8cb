// Owns what the information schema of MySQL and MariaDB says of a table: columns with their types, and unique keys.
import type { ExistingTable, Holding } from './engine.ts';
import type { TableName } from './table-mapping.ts';

/** Table -> text column -> ` COLLATE …`, the first two as SQL names them. */
export type Collations = Map<string, Map<string, string>>;

interface ColumnRow {
  readonly name: string;
  readonly base: string;
  readonly type: string;
  readonly length: number | null;
  readonly collation: string | null;
  readonly is_nullable: number;
  readonly has_default: number;
  readonly extra: string;
}

const columnsSql = `
  SELECT column_name AS name, lower(data_type) AS base, column_type AS type, character_maximum_length AS length,
         collation_name AS collation, is_nullable = 'YES' AS is_nullable, column_default IS NOT NULL AS has_default,
         lower(extra) AS extra
    FROM information_schema.columns
   WHERE table_schema = coalesce(?, DATABASE()) AND table_name = ? ORDER BY ordinal_position`;

const keysSql = `
  SELECT index_name AS name, column_name AS member, max(sub_part IS NOT NULL) OVER (PARTITION BY index_name) AS is_cut
    FROM information_schema.statistics
   WHERE table_schema = coalesce(?, DATABASE()) AND table_name = ? AND non_unique = 0 ORDER BY index_name, seq_in_index`;

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** Looks a table or view up in the connection's database or the named one. */
export async function describeTable(
  run: (sql: string, values: readonly unknown[]) => Promise<[unknown, unknown]>,
  { schema, name }: TableName,
  collations: Collations,
): Promise<ExistingTable | undefined> {
  const place = [schema ?? null, name];
  const rows = (await run(columnsSql, place))[0] as ColumnRow[];
  if (rows.length === 0) return undefined;
  learnCollations(rows, { schema, name }, collations);
  const members = (await run(keysSql, place))[0] as { name: string; member: string | null; is_cut: number }[];
  const keys = new Map<string, string[]>();
  for (const { name: key, member, is_cut } of members) {
    // Part of a text, or an expression, is no key of the column.
    if (Number(is_cut) === 0 && member !== null) keys.set(key, [...(keys.get(key) ?? []), member]);
  }
  return {
    columns: rows.map((row) => ({
      name: row.name,
      holds: holdingOf(row),
      type: row.type,
      length: row.length === null ? undefined : Number(row.length),
      integer:
        integerBytes[row.base] === undefined
          ? undefined
          : { bytes: integerBytes[row.base] ?? 8, isSigned: !row.type.includes('unsigned') },
      isNullable: Number(row.is_nullable) === 1,
      hasDefault: Number(row.has_default) === 1,
      isFilled: /auto_increment|virtual|stored|persistent/.test(row.extra),
    })),
    uniqueKeys: [...keys.values()],
  };
}

function learnCollations(
  rows: readonly ColumnRow[],
  { schema, name }: TableName,
  collations: Collations,
): void {
  const learnt = new Map<string, string>();
  for (const row of rows) {
    if (row.collation === null || !row.collation.startsWith('utf8mb4_')) continue;
    for (const column of [row.name, quoteName(row.name)]) learnt.set(column, ` COLLATE ${row.collation}`);
  }
  const quoted = [schema, name].filter((part) => part !== undefined).map((part) => quoteName(part));
  collations.set(quoted.join('.'), learnt);
  if (schema === undefined) collations.set(name, learnt);
}

const integerBytes: Readonly<Record<string, number>> = {
  tinyint: 1,
  smallint: 2,
  mediumint: 3,
  int: 4,
  bigint: 8,
};

function holdingOf({ base }: ColumnRow): Holding {
  if (base === 'uuid') return 'uuid';
  if (base in integerBytes) return 'integer';
  if (base === 'bit') return 'boolean';
  if (/char|text|enum/.test(base)) return 'text';
  if (/^(decimal|numeric|float|double|year)$/.test(base)) return 'number';
  return /date|time/.test(base) ? 'time' : 'other';
}
