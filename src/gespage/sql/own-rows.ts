// Owns the question whose row it is: rows that this product wrote are listed in a table beside them.
import type { Session } from './engine.ts';
import type { GroupLayout, Layout } from './layout.ts';
import { ownRowTable } from './tables.ts';

/** Accounts and groups may have keys that look alike, so a key is listed with the letter of its table. */
const letters = { account: 'a:', group: 'g:' } as const;
export type Part = keyof typeof letters;

type OwnLayout = Pick<Layout, 'isKeyed'>;

/** Object id -> key of its row, for those of the ids that stand for rows written by this product. */
export async function readOwnKeys(
  session: Session,
  { isKeyed }: OwnLayout,
  part: Part,
  ids: readonly string[],
): Promise<Map<string, string>> {
  if (!isKeyed) {
    const rows = await session.select(ownRowTable, ['external_id'], 'external_id', ids);
    return new Map(rows.map((row) => [String(row.external_id), String(row.external_id)]));
  }
  const rows = await session.select(ownRowTable, ['external_id', 'row_key'], 'external_id', ids);
  const letter = letters[part];
  return new Map(
    rows
      .filter((row) => String(row.row_key).startsWith(letter))
      .map((row) => [String(row.external_id), String(row.row_key).slice(letter.length)]),
  );
}

/** Key of a row -> object id, for those of the keys whose rows this product wrote. */
export async function readOwners(
  session: Session,
  layout: OwnLayout,
  part: Part,
  keys: readonly string[],
): Promise<Map<string, string>> {
  if (!layout.isKeyed) return readOwnKeys(session, layout, part, keys);
  const letter = letters[part];
  const listed = keys.map((key) => letter + key);
  const rows = await session.select(ownRowTable, ['external_id', 'row_key'], 'row_key', listed);
  return new Map(rows.map((row) => [String(row.row_key).slice(letter.length), String(row.external_id)]));
}

/** Those of the keys that are groups made by somebody else. A key that has no row is not among them. */
export async function readForeignGroups(
  session: Session,
  layout: OwnLayout,
  { table, key }: GroupLayout,
  keys: readonly string[],
): Promise<Set<string>> {
  const rows = await session.select(table, [key.sql], key.sql, keys);
  const present = rows.map((row) => String(row[key.name]));
  const own = await readOwners(session, layout, 'group', present);
  return new Set(present.filter((one) => !own.has(one)));
}

/** Lists rows as ours; none of the ids may be listed yet. */
export async function addOwnRows(
  session: Session,
  { isKeyed }: OwnLayout,
  part: Part,
  rows: readonly (readonly [id: string, key: string])[],
): Promise<void> {
  const columns = isKeyed ? ['external_id', 'row_key'] : ['external_id'];
  const values = rows.map(([id, key]) => (isKeyed ? [id, letters[part] + key] : [id]));
  await session.insert(ownRowTable, columns, values);
}

/** Notes the new keys of rows that are listed already. */
export async function moveOwnRows(
  session: Session,
  layout: OwnLayout,
  part: Part,
  rows: readonly (readonly [id: string, key: string])[],
): Promise<void> {
  // Keys may change places, which row by row would be twice the same for a moment.
  await forgetOwnRows(
    session,
    rows.map(([id]) => id),
  );
  await addOwnRows(session, layout, part, rows);
}

/** Takes the mention of rows as ours away. */
export async function forgetOwnRows(session: Session, ids: readonly string[]): Promise<void> {
  await session.remove(
    ownRowTable,
    ['external_id'],
    ids.map((id) => [id]),
  );
}

/** The key of an account, as SQL has it in our own table. */
export function listedAccountSql(key: string): string {
  return `CONCAT('${letters.account}', ${key})`;
}

/** What a refusal says of a row that somebody else made. */
export const handOver =
  'To hand such rows over to this product, see what "gespage-sync adopt --dry-run" says.';
