// Owns the file of table and column names: its shape, its check in plain words, its JSON Schema's source.
import { z } from 'zod';
import { explainIssue } from '../accounts/mapping-problems.ts';
import { type FieldName, fieldNames } from '../accounts/model.ts';

/** The longest name that PostgreSQL (63) or MariaDB (64) take. */
const nameLength = 64;

const columnName = z
  .string()
  .superRefine((name, context) => {
    const problem = findNameProblem(name);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  })
  .meta({
    id: 'columnName',
    description: 'The name of a column, as the database has it',
    maxLength: nameLength,
  });

const tableName = z
  .string()
  .transform((text, context) => {
    const parts = text.split('.');
    const [first = '', second] = parts;
    const problem = parts.length > 2 ? 'has more than one point; write TABLE or SCHEMA.TABLE' : undefined;
    const found = problem ?? parts.map(findNameProblem).find((one) => one !== undefined);
    if (found !== undefined) context.addIssue({ code: 'custom', message: found });
    if (/^gespage_sync_/i.test(second ?? first))
      context.addIssue({
        code: 'custom',
        message: "is a table of this program's own bookkeeping; name the one that Gespage reads",
      });
    return second === undefined ? { name: first } : { schema: first, name: second };
  })
  .meta({ id: 'tableName', description: 'A table that exists: TABLE or SCHEMA.TABLE' });

function findNameProblem(name: string): string | undefined {
  if (name.trim() === '') return 'is empty; write a name';
  // A question mark stands for a value in statements.
  if (/[\u0000-\u001f\u007f?]/.test(name) || !name.isWellFormed())
    return 'holds a character that no name may have here; rename the column or table, or map a view';
  return [...name].length > nameLength
    ? `is longer than the ${nameLength} characters that a name can have`
    : undefined;
}

const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: 'must be a text in quotation marks, a number, true or false',
});

const constants = z.record(columnName, scalar).default({}).meta({
  description: 'Columns that get the same value in every new row, and are never changed afterwards',
});

const updatedAt = columnName
  .optional()
  .meta({ description: 'Where the time (UTC) of the last change is written, if anywhere' });

const key = <const Sources extends readonly string[]>(sources: Sources) =>
  z
    .strictObject({
      column: columnName,
      from: z.enum(sources).meta({
        description:
          'object-id: this program writes the Entra object id there; login: the login is the key; database: the database fills it',
      }),
    })
    .meta({ description: 'The column that identifies a row, with a unique key on it alone' });

const field = z
  .union(
    [
      columnName.transform((column) => ({ column, empty: null })),
      z.strictObject({
        column: columnName,
        empty: z.union([z.literal(''), z.null()]).default(null),
      }),
    ],
    { error: 'must be the name of a column, or { "column": NAME, "empty": "" } where it takes no NULL' },
  )
  .optional();

const flag = z
  .union(
    [
      columnName.transform((column) => ({ column })),
      z.strictObject({
        column: columnName,
        yes: scalar.optional().meta({ description: 'What it holds for an enabled account' }),
        no: scalar.optional().meta({ description: 'What it holds for a disabled account' }),
      }),
      z.null(),
    ],
    {
      error:
        'must be the name of a column, { "column": NAME, "yes": VALUE, "no": VALUE }, or null where the table has none',
    },
  )
  .meta({
    description:
      'Says whether an account is enabled; null where the table has no such column: then the row of a disabled account is deleted',
  });

const fields = z
  .strictObject(
    Object.fromEntries(fieldNames.map((name) => [name, field])) as Record<FieldName, typeof field>,
  )
  .prefault({})
  .meta({ description: 'The column of each field; a field without one is not written' });

const accounts = z.strictObject({
  table: tableName,
  key: key(['object-id', 'login', 'database']),
  externalId: columnName.optional().meta({ description: 'Where the object id is written beside the key' }),
  login: columnName,
  fields,
  enabled: flag,
  updatedAt,
  constants,
});

const groups = z.strictObject({
  table: tableName,
  key: key(['object-id', 'database']),
  externalId: columnName.optional(),
  name: columnName,
  updatedAt,
  constants,
});

const memberships = z
  .strictObject({ table: tableName, account: columnName, group: columnName, constants })
  .meta({ description: 'account and group hold the keys of the two rows' });

/** The file as editors see it; `$schema` is for editors alone. */
export const sqlMappingSchema = z
  .strictObject({
    $schema: z.string().optional(),
    accounts,
    groups: groups.optional(),
    memberships: memberships.optional(),
  })
  .superRefine((mapping, context) => {
    for (const { path, message } of findContradictions(mapping))
      context.addIssue({ code: 'custom', path, message });
  })
  .meta({
    title: 'Tables and columns of gespage-graph-sync',
    description:
      'The names of the tables and columns that Gespage reads, where they are not the standard ones',
  });

/** The names of one site, with the shape that the SQL target takes. */
export type SqlMapping = Omit<z.output<typeof sqlMappingSchema>, '$schema'>;

export type ParsedSqlMapping =
  { readonly ok: true; readonly mapping: SqlMapping } | { readonly ok: false; readonly problems: string[] };

/** Reads the text of the file; every problem is reported, in plain words. */
export function parseSqlMapping(text: string): ParsedSqlMapping {
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ok: false, problems: [`the file is not JSON (${detail}); correct it at that place`] };
  }
  const result = sqlMappingSchema.safeParse(content, { reportInput: true });
  if (!result.success) return { ok: false, problems: result.error.issues.flatMap(explainIssue) };
  const { $schema: _, ...mapping } = result.data;
  return { ok: true, mapping };
}

interface Contradiction {
  readonly path: string[];
  readonly message: string;
}

/** What is wrong only in company. */
function findContradictions(mapping: SqlMapping): Contradiction[] {
  const found: Contradiction[] = [];
  const { accounts: people, groups: named, memberships: members } = mapping;
  if (people.key.from === 'login' && people.key.column !== people.login)
    found.push({
      path: ['accounts', 'key', 'column'],
      message: `must be the login's column ${people.login}, since the key comes from the login`,
    });
  if ((named === undefined) !== (members === undefined))
    found.push({
      path: [named === undefined ? 'groups' : 'memberships'],
      message: 'is missing; groups and memberships are named together, or neither of them',
    });
  const { enabled } = people;
  if (enabled !== null && 'yes' in enabled && enabled.yes !== undefined && enabled.yes === enabled.no)
    found.push({
      path: ['accounts', 'enabled', 'no'],
      message: 'is the same as "yes", so that nobody could tell who is disabled; write another value',
    });
  const tables = [people, named, members].flatMap((one) => (one === undefined ? [] : [one.table]));
  const labels = tables.map(
    ({ schema, name }: { schema?: string; name: string }) => `${schema ?? ''}.${name}`,
  );
  if (new Set(labels).size < labels.length)
    found.push({
      path: [],
      message: 'names one table twice; accounts, groups and memberships each have their own',
    });
  return [
    ...found,
    ...findRepeats('accounts', columnsOf(people)),
    ...findRepeats('groups', named && columnsOf(named)),
    ...findRepeats(
      'memberships',
      members && [members.account, members.group, ...Object.keys(members.constants)],
    ),
  ];
}

/** Every column that is written, the key too unless it is the login. */
function columnsOf(table: SqlMapping['accounts'] | NonNullable<SqlMapping['groups']>): string[] {
  const own =
    'login' in table
      ? [
          ...(table.key.from === 'login' ? [] : [table.key.column]),
          table.login,
          ...Object.values(table.fields).flatMap((one) => (one === undefined ? [] : [one.column])),
          ...(table.enabled === null ? [] : [table.enabled.column]),
        ]
      : [table.key.column, table.name];
  const { externalId, updatedAt: time, constants: fixed } = table;
  return [...own, ...[externalId, time].filter((one) => one !== undefined), ...Object.keys(fixed)];
}

function findRepeats(part: string, columns: readonly string[] = []): Contradiction[] {
  const twice = columns.filter((one, index) => columns.indexOf(one) < index);
  return [...new Set(twice)].map((column) => ({
    path: [part],
    message: `names the column ${column} twice; each column holds one thing`,
  }));
}
