// Owns what PostgreSQL's catalogue says of a table: columns with their types, and unique keys.
import pg from 'pg';
import type { ExistingTable, Holding } from './engine.ts';
import type { TableName } from './table-mapping.ts';

/** Table -> column -> type, all as SQL names them. A cast without a length never cuts a value in silence. */
export type CastTypes = Map<string, Map<string, string>>;

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly cast: string;
  readonly base: string;
  readonly kind: string;
  readonly length: number | null;
  readonly is_nullable: boolean;
  readonly has_default: boolean;
  readonly is_filled: boolean;
}

// A domain is looked at as the type under it, but for its name.
const columnsSql = `
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
         quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS cast, b.typname AS base, b.typcategory AS kind,
         CASE WHEN b.typname IN ('varchar', 'bpchar')
              THEN nullif(CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, -1) - 4 END AS length,
         NOT (a.attnotnull OR t.typnotnull) AS is_nullable, a.atthasdef OR t.typdefault IS NOT NULL AS has_default,
         a.attidentity <> '' OR a.attgenerated <> ''
           OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false) AS is_filled
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_namespace n ON n.oid = t.typnamespace
    JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

const keysSql = `
  SELECT array_agg(a.attname::text) AS columns
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
   WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
   GROUP BY i.indexrelid`;

/** Looks a table or view up along the search path, and learns the types of its columns. */
export async function describeTable(
  client: pg.PoolClient,
  { schema, name }: TableName,
  casts: CastTypes,
): Promise<ExistingTable | undefined> {
  const quoted = [schema, name].filter((part) => part !== undefined).map((part) => pg.escapeIdentifier(part));
  const { rows } = await client.query<ColumnRow>(columnsSql, [quoted.join('.')]);
  if (rows.length === 0) return undefined;
  const learnt = new Map(rows.map((row) => [row.name, row.cast]));
  for (const row of rows) learnt.set(pg.escapeIdentifier(row.name), row.cast);
  casts.set(quoted.join('.'), learnt);
  if (schema === undefined) casts.set(name, learnt);
  const keys = await client.query<{ columns: string[] }>(keysSql, [quoted.join('.')]);
  return {
    columns: rows.map((row) => ({
      name: row.name,
      holds: holdingOf(row),
      type: row.type,
      length: row.length ?? undefined,
      integer:
        integerBytes[row.base] === undefined
          ? undefined
          : { bytes: integerBytes[row.base] ?? 8, isSigned: true },
      isNullable: row.is_nullable,
      hasDefault: row.has_default,
      isFilled: row.is_filled,
    })),
    uniqueKeys: keys.rows.map(({ columns }) => columns),
  };
}

const integerBytes: Readonly<Record<string, number>> = { int2: 2, int4: 4, int8: 8 };

function holdingOf({ base, kind }: ColumnRow): Holding {
  if (base === 'uuid') return 'uuid';
  if (base in integerBytes) return 'integer';
  const kinds: Readonly<Record<string, Holding>> = { S: 'text', B: 'boolean', N: 'number', D: 'time' };
  return kinds[kind] ?? 'other';
}
