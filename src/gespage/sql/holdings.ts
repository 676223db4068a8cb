// Owns what a target tells of its rows: those that this product wrote, page by page.
import { type Account, type AccountFields, fieldNames } from '../../accounts/model.ts';
import type { Holdings } from '../target.ts';
import type { Row, Session } from './engine.ts';
import { type AccountLayout, fromColumn, isOn, type Layout } from './layout.ts';
import { readOwners, readOwnKeys } from './own-rows.ts';
import { ownRowTable } from './tables.ts';

/** One page of our rows; a row that somebody deleted by hand is left out. */
export async function readHoldings(
  session: Session,
  layout: Layout,
  after: string,
  limit: number,
): Promise<Holdings> {
  const ids = await session.next(ownRowTable, 'external_id', after, limit);
  const keys = await readOwnKeys(session, layout, 'account', ids);
  const idOf = new Map([...keys].map(([id, key]) => [key, id]));
  const { table, key, columns } = layout.accounts;
  const names = [...new Set([key.sql, ...columns.map(({ sql }) => sql)])];
  const rows = await session.select(table, names, key.sql, [...keys.values()]);
  const groupsOf = await readGroupsOf(session, layout, [...keys.values()]);
  return {
    accounts: rows.map((row) => {
      const found = String(row[key.name]);
      return readAccount(row, idOf.get(found) ?? found, layout.accounts, groupsOf.get(found) ?? []);
    }),
    groups: await readGroups(session, layout, ids),
    last: ids.length < limit ? undefined : ids.at(-1),
  };
}

async function readGroups(
  session: Session,
  layout: Layout,
  ids: readonly string[],
): Promise<Holdings['groups'][number][]> {
  if (layout.groups === undefined) return [];
  const { table, key, name } = layout.groups;
  const keys = await readOwnKeys(session, layout, 'group', ids);
  const idOf = new Map([...keys].map(([id, one]) => [one, id]));
  const rows = await session.select(table, [key.sql, name.sql], key.sql, [...keys.values()]);
  return rows.map((row) => {
    const found = String(row[key.name]);
    return { externalId: idOf.get(found) ?? found, name: String(row[name.name]) };
  });
}

/** Key of an account -> object ids of its groups; without those of groups that have keys and are somebody else's. */
async function readGroupsOf(
  session: Session,
  layout: Layout,
  keys: readonly string[],
): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  if (layout.memberships === undefined || layout.groups === undefined) return found;
  const { table, account, group } = layout.memberships;
  const rows = await session.select(table, [account.sql, group.sql], account.sql, keys);
  const isId = layout.groups.key.source === 'object-id';
  const named = [...new Set(rows.map((row) => String(row[group.name])))];
  const owners = isId ? undefined : await readOwners(session, layout, 'group', named);
  for (const row of rows) {
    const [one, other] = [String(row[account.name]), String(row[group.name])];
    const id = isId ? other : owners?.get(other);
    if (id !== undefined) found.set(one, [...(found.get(one) ?? []), id]);
  }
  return found;
}

function readAccount(row: Row, id: string, layout: AccountLayout, groups: readonly string[]): Account {
  const columnOf = new Map(layout.fields.map(({ field, column }) => [field, column]));
  const fields = Object.fromEntries(
    fieldNames.map((field) => {
      const column = columnOf.get(field);
      return [field, column === undefined ? null : fromColumn(column, row[column.name])];
    }),
  ) as unknown as AccountFields;
  return {
    externalId: id,
    login: String(row[layout.login.name]),
    fields,
    enabled: layout.enabled === undefined || isOn(layout.enabled, row),
    groups: groups.toSorted(),
  };
}
