// Owns what a target tells of its rows: those that this product wrote, page by page.
import { type Account, type AccountFields, type FieldName, fieldNames } from '../../accounts/model.ts';
import type { Holdings } from '../target.ts';
import type { Row, Session } from './engine.ts';
import { accountTable, fieldColumns, groupTable, membershipTable, ownRowTable } from './tables.ts';

/** One page of our rows; a row that somebody deleted by hand is left out. */
export async function readHoldings(
  session: Session,
  fields: readonly FieldName[],
  after: string,
  limit: number,
): Promise<Holdings> {
  const ids = await session.next(ownRowTable, 'external_id', after, limit);
  const columns = ['external_id', 'login', 'enabled', ...fields.map((field) => fieldColumns[field].name)];
  const rows = await session.select(accountTable, columns, 'external_id', ids);
  const groups = await session.select(groupTable, ['external_id', 'name'], 'external_id', ids);
  const groupsOf = new Map<string, string[]>();
  for (const row of await session.select(membershipTable, ['account_id', 'group_id'], 'account_id', ids)) {
    const account = String(row.account_id);
    groupsOf.set(account, [...(groupsOf.get(account) ?? []), String(row.group_id)]);
  }
  return {
    accounts: rows.map((row) => readAccount(row, fields, groupsOf.get(String(row.external_id)) ?? [])),
    groups: groups.map((row) => ({ externalId: String(row.external_id), name: String(row.name) })),
    last: ids.length < limit ? undefined : ids.at(-1),
  };
}

function readAccount(row: Row, written: readonly FieldName[], groups: readonly string[]): Account {
  const fields = Object.fromEntries(
    fieldNames.map((field) => {
      const value = written.includes(field) ? row[fieldColumns[field].name] : null;
      return [field, value === null || value === undefined ? null : String(value)];
    }),
  ) as unknown as AccountFields;
  return {
    externalId: String(row.external_id),
    login: String(row.login),
    fields,
    enabled: Boolean(row.enabled),
    groups: groups.toSorted(),
  };
}
