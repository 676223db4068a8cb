// Owns the writing of group rows.
import type { ChangeBatch, Refusal } from '../target.ts';
import { RowFault, type Session, type Value, type Written } from './engine.ts';
import type { GroupLayout, Layout } from './layout.ts';
import { emptyGroup, settlePending } from './memberships.ts';
import {
  addOwnRows,
  forgetOwnRows,
  handOver,
  moveOwnRows,
  readForeignGroups,
  readOwnKeys,
} from './own-rows.ts';

export type Group = ChangeBatch['groups'][number];

/** Writes groups that passed `findGroupFault`; refuses those whose id somebody else's row has. */
export async function writeGroups(
  session: Session,
  groups: readonly Group[],
  layout: Layout,
  at: string,
): Promise<Written> {
  if (layout.groups === undefined) return { changed: [], refused: [] };
  const { table, label, key, externalId, name } = layout.groups;
  const ids = groups.map((group) => group.externalId);
  const own = await readOwnKeys(session, layout, 'group', ids);
  const lookedFor = key.source === 'object-id' ? ids : [...own.values()];
  const rows = await session.select(table, [key.sql, name.sql], key.sql, lookedFor);
  const names = new Map(rows.map((row) => [String(row[key.name]), row[name.name]]));
  const foreign = await findForeignIds(session, layout.groups, ids, new Set(own.values()));
  const refused: Refusal[] = [];
  const inserts: Group[] = [];
  const updates: [key: string, group: Group][] = [];
  for (const group of groups) {
    const { externalId: id } = group;
    const known = own.get(id);
    const found = names.get(known ?? id);
    if (foreign.has(id) || (known === undefined && found !== undefined)) {
      const reason = `${label} has a row with this ${(externalId ?? key).name} that this product did not write, so it is left alone. ${handOver}`;
      refused.push({ externalId: id, reason });
    } else if (found === undefined) inserts.push(group);
    else if (found !== group.name) updates.push([known ?? id, group]);
  }
  const added = await insertGroups(session, layout.groups, inserts, at);
  const time = layout.groups.updatedAt === undefined ? [] : [layout.groups.updatedAt];
  await session.update(
    table,
    [key.sql, name.sql, ...time],
    updates.map(([one, group]) => [one, group.name, ...time.map(() => at)]),
  );
  await addOwnRows(
    session,
    layout,
    'group',
    added.filter(([id]) => !own.has(id)),
  );
  await moveOwnRows(
    session,
    layout,
    'group',
    added.filter(([id, made]) => own.has(id) && own.get(id) !== made),
  );
  await settlePending(session, layout, added);
  const changed = [...inserts, ...updates.map(([, group]) => group)];
  return { changed: changed.map((group) => group.externalId), refused };
}

/** Object ids that stand beside the key in rows of others. */
async function findForeignIds(
  session: Session,
  { table, key, externalId }: GroupLayout,
  ids: readonly string[],
  own: ReadonlySet<string>,
): Promise<Set<string>> {
  if (externalId === undefined) return new Set();
  const rows = await session.select(table, [key.sql, externalId.sql], externalId.sql, ids);
  return new Set(
    rows.filter((row) => !own.has(String(row[key.name]))).map((row) => String(row[externalId.name])),
  );
}

/** Adds rows and returns object id and key of each. */
async function insertGroups(
  session: Session,
  layout: GroupLayout,
  groups: readonly Group[],
  at: string,
): Promise<[id: string, key: string][]> {
  const { table, label, key, externalId, name, updatedAt, constants } = layout;
  const isId = key.source === 'object-id';
  const columns = [
    ...(isId ? [key.sql] : []),
    ...(externalId === undefined ? [] : [externalId.sql]),
    name.sql,
    ...(updatedAt === undefined ? [] : [updatedAt]),
    ...constants.map(({ sql }) => sql),
  ];
  const toRow = (group: Group): Value[] => [
    ...(isId ? [group.externalId] : []),
    ...(externalId === undefined ? [] : [group.externalId]),
    group.name,
    ...(updatedAt === undefined ? [] : [at]),
    ...constants.map(({ value }) => value),
  ];
  if (isId) {
    await session.insert(table, columns, groups.map(toRow));
    return groups.map(({ externalId: id }) => [id, id]);
  }
  const added: [string, string][] = [];
  // One by one, since two groups may have one name: the key that was not there before is the new one.
  for (const group of groups) {
    const keysOf = async (): Promise<string[]> =>
      (await session.select(table, [key.sql], name.sql, [group.name])).map((row) => String(row[key.name]));
    const before = new Set(await keysOf());
    await session.insert(table, columns, [toRow(group)]);
    const [made] = (await keysOf()).filter((one) => !before.has(one));
    if (made === undefined)
      throw new RowFault(`The row for the group ${group.name} cannot be found again in ${label}.`);
    added.push([group.externalId, made]);
  }
  return added;
}

/** Removes our rows with their memberships, and memberships of a group that never had a row. Returns how many rows. */
export async function removeGroups(
  session: Session,
  layout: Layout,
  ids: readonly string[],
): Promise<number> {
  const { groups } = layout;
  if (groups === undefined) return 0;
  const own = await readOwnKeys(session, layout, 'group', ids);
  const foreign =
    groups.key.source === 'object-id'
      ? await readForeignGroups(session, layout, groups, ids)
      : new Set<string>();
  const emptied =
    groups.key.source === 'object-id' ? ids.filter((id) => !foreign.has(id)) : [...own.values()];
  for (const key of emptied) await emptyGroup(session, layout, key);
  await session.remove(
    groups.table,
    [groups.key.sql],
    [...own.values()].map((key) => [key]),
  );
  await forgetOwnRows(session, [...own.keys()]);
  return own.size;
}
