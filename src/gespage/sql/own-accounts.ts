// Owns the question whose account row it is, where a key alone does not tell.
//
// A key of the database's own may have been given to another row since ours was deleted by hand. Where the object id
// stands beside the key, a row counts as ours only if it says so too.
import type { Session } from './engine.ts';
import type { Layout } from './layout.ts';
import { readOwners, readOwnKeys } from './own-rows.ts';

/** Object id -> key of its row, for rows that this product wrote. A row that is gone counts as well. */
export async function readOwnAccounts(
  session: Session,
  layout: Layout,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const keys = await readOwnKeys(session, layout, 'account', ids);
  const written = await readWrittenIds(session, layout, [...keys.values()]);
  if (written === undefined) return keys;
  return new Map([...keys].filter(([id, key]) => !written.has(key) || written.get(key) === id));
}

/** Key of a row -> object id, for those of the keys whose rows this product wrote. */
export async function readAccountOwners(
  session: Session,
  layout: Layout,
  keys: readonly string[],
): Promise<Map<string, string>> {
  const owners = await readOwners(session, layout, 'account', keys);
  const written = await readWrittenIds(session, layout, [...owners.keys()]);
  if (written === undefined) return owners;
  return new Map([...owners].filter(([key, id]) => written.get(key) === id));
}

/** Key -> the object id beside it, for rows that exist; undefined where the key itself tells. */
async function readWrittenIds(
  session: Session,
  { accounts: { table, key, externalId } }: Layout,
  keys: readonly string[],
): Promise<Map<string, string> | undefined> {
  if (key.source !== 'database' || externalId === undefined) return undefined;
  const rows = await session.select(table, [key.sql, externalId.sql], key.sql, keys);
  return new Map(rows.map((row) => [String(row[key.name]), String(row[externalId.name]).toLowerCase()]));
}
