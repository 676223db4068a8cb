// Owns the section of the mapping file that says how a CSV or XLSX file looks: its columns, words and encoding.
import { z } from 'zod';
import { type FieldName, fieldNames } from './model.ts';

/** What a column of the file can hold, in the order in which columns stand unless told otherwise. */
export const columnNames = [
  'login',
  'lastName',
  'firstName',
  'displayName',
  'email',
  'department',
  'activity',
  'printCode',
  'cardNumber',
  'homeDirectory',
  'enabled',
  'groups',
  'externalId',
] as const;

export type ColumnName = (typeof columnNames)[number];

/** Headers unless told otherwise: the columns of the view `gespage_user`. */
const standardHeaders: Readonly<Record<ColumnName, string>> = {
  login: 'login',
  lastName: 'last_name',
  firstName: 'first_name',
  displayName: 'display_name',
  email: 'email',
  department: 'department',
  activity: 'activity',
  printCode: 'print_code',
  cardNumber: 'card_number',
  homeDirectory: 'home_directory',
  enabled: 'enabled',
  groups: 'group_names',
  externalId: 'external_id',
};

const word = z
  .string()
  .regex(/^[^\r\n]*\S[^\r\n]*$/, 'is empty or holds a line end; write a short text')
  .meta({ description: 'A text without line ends' });

const columns = z
  .partialRecord(z.enum(columnNames), word)
  .superRefine((headers, context) => {
    if (headers.login === undefined)
      context.addIssue({
        code: 'custom',
        message:
          'has no login, so nobody could be told apart; add "login" with the header that it is to have',
      });
    const seen = new Map<string, string>();
    for (const [column, header] of Object.entries(headers)) {
      const folded = header.trim().toLowerCase();
      const other = seen.get(folded);
      if (other !== undefined)
        context.addIssue({
          code: 'custom',
          path: [column],
          message: `has the same header as ${other}; give each column a header of its own`,
        });
      seen.set(folded, column);
    }
  })
  .optional()
  .meta({
    description:
      'The columns in their order, each with its header; what is not named is left out. Without this: all that this product writes',
  });

/** Only for sites that set GESPAGE_FILE_PATH; of an .xlsx file only columns, words and disabled people count. */
export const fileSection = z
  .strictObject({
    delimiter: z
      .enum([';', ',', '\t', '|'])
      .default(';')
      .meta({ description: 'Between the values of a CSV file; French and German Excel open the semicolon' }),
    encoding: z
      .enum(['utf-8', 'windows-1252'])
      .default('utf-8')
      .meta({ description: 'Of a CSV file; windows-1252 cannot express every name' }),
    bom: z
      .boolean()
      .default(true)
      .meta({ description: 'Byte order mark before UTF-8, without which Excel spoils accents' }),
    columns,
    enabled: z
      .tuple([word, word])
      .refine(
        ([on, off]) => on !== off,
        'has the same word twice; write one for enabled and one for disabled',
      )
      .default(['1', '0'])
      .meta({ description: 'The words for an enabled and a disabled account' }),
    includeDisabled: z.boolean().default(true).meta({
      description: 'Whether disabled accounts stand in the file, until their days of grace are over',
    }),
  })
  .prefault({});

export type FileFormat = z.output<typeof fileSection>;

/** One column of the file as it is to be written. */
export interface FileColumn {
  readonly name: ColumnName;
  readonly header: string;
}

/** The columns in their order; fields that Gespage owns have none unless they are named, which the check refuses. */
export function columnsOf(format: FileFormat, owned: readonly FieldName[]): FileColumn[] {
  const { columns: named } = format;
  if (named !== undefined)
    return (Object.keys(named) as ColumnName[]).map((name) => ({ name, header: named[name] ?? name }));
  return columnNames
    .filter((name) => !isField(name) || !owned.includes(name))
    .map((name) => ({ name, header: standardHeaders[name] }));
}

export function isField(name: ColumnName): name is ColumnName & FieldName {
  return (fieldNames as readonly string[]).includes(name);
}

/** Says, for each column of a field that Gespage owns, why it must not stand in the file. */
export function findOwnedColumns(
  format: FileFormat,
  owned: readonly FieldName[],
): { readonly column: string; readonly message: string }[] {
  return Object.keys(format.columns ?? {})
    .filter((name) => (owned as readonly string[]).includes(name))
    .map((column) => ({
      column,
      message: `is the column of a field that Gespage owns, so it would always be empty; leave it out, or name properties under fields.${column}`,
    }));
}
