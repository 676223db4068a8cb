// Owns the rows of the file: one for each account of the staging database, in the order of logins, as texts.
import type Database from 'better-sqlite3';
import type { FileColumn, FileFormat } from '../../accounts/file-format.ts';
import { isField } from '../../accounts/file-format.ts';
import { fieldColumns, userView } from '../sql/tables.ts';

/** What could not be written as it is, for the log. */
export interface Losses {
  /** People with characters that the encoding cannot express; a question mark stands in their place. */
  readonly replaced: Lost;
  /** People whose login the encoding cannot express: another login would be another person's, so they are left out. */
  readonly leftOut: Lost;
  /** People whose groups do not fit one cell; the last ones are missing. */
  readonly shortened: Lost;
}

export interface Lost {
  count: number;
  /** A few of their object ids. */
  readonly first: string[];
}

export interface RowRules {
  readonly columns: readonly FileColumn[];
  readonly format: Pick<FileFormat, 'enabled' | 'includeDisabled'>;
  readonly canExpress: (text: string) => boolean;
  /** UTF-16 units that one value may have. */
  readonly longest: number;
}

export function noLosses(): Losses {
  const none = (): Lost => ({ count: 0, first: [] });
  return { replaced: none(), leftOut: none(), shortened: none() };
}

/** The header, then the people. One statement, so that all rows are of one moment. */
export function* readRows(
  database: Database.Database,
  { columns, format, canExpress, longest }: RowRules,
  losses: Losses,
): Generator<string[]> {
  yield columns.map(({ header }) => header);
  const named = columns.map(({ name }) => (isField(name) ? fieldColumns[name].name : sources[name]));
  const sql = `SELECT external_id, login, enabled, ${named.map((column, index) => `${column} AS c${index}`).join(', ')}
    FROM ${userView} ${format.includeDisabled ? '' : 'WHERE enabled = 1'} ORDER BY login`;
  const groups = columns.findIndex(({ name }) => name === 'groups');
  const flag = columns.findIndex(({ name }) => name === 'enabled');
  for (const row of database.prepare(sql).iterate() as IterableIterator<StagedRow>) {
    if (!canExpress(row.login)) {
      lose(losses.leftOut, row);
      continue;
    }
    const values = columns.map((_, index) => row[`c${index}`] ?? '').map(String);
    if (flag !== -1) values[flag] = format.enabled[row.enabled === 1 ? 0 : 1];
    if (groups !== -1 && (values[groups]?.length ?? 0) > longest) {
      values[groups] = cutNames(values[groups] ?? '', longest);
      lose(losses.shortened, row);
    }
    if (!values.every(canExpress)) lose(losses.replaced, row);
    yield values;
  }
}

interface StagedRow {
  readonly external_id: string;
  readonly login: string;
  readonly enabled: number;
  readonly [column: `c${number}`]: string | number | null;
}

const sources = {
  login: 'login',
  enabled: 'enabled',
  groups: 'group_names',
  externalId: 'external_id',
} as const;

const namedPeople = 10;

function lose(lost: Lost, { external_id }: StagedRow): void {
  lost.count += 1;
  if (lost.first.length < namedPeople) lost.first.push(external_id);
}

/** Whole names only: half a name could be another group's. */
function cutNames(names: string, longest: number): string {
  const end = names.lastIndexOf(';', longest);
  return end === -1 ? '' : names.slice(0, end);
}
