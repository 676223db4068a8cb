// Owns the writing of group rows.
import type { ChangeBatch, Refusal } from '../target.ts';
import type { Session, Written } from './engine.ts';
import { emptyGroup } from './memberships.ts';
import { addOwnIds, handOver, readForeignGroups, readOwnIds, removeOwnRows } from './own-rows.ts';
import { groupTable } from './tables.ts';

export type Group = ChangeBatch['groups'][number];

/** Writes groups that passed `findGroupFault`; refuses those whose id somebody else's row has. */
export async function writeGroups(session: Session, groups: readonly Group[], at: string): Promise<Written> {
  const ids = groups.map((group) => group.externalId);
  const rows = await session.select(groupTable, ['external_id', 'name'], 'external_id', ids);
  const names = new Map(rows.map((row) => [String(row.external_id), row.name]));
  const own = await readOwnIds(session, ids);
  const refused: Refusal[] = [];
  const inserts: string[][] = [];
  const updates: string[][] = [];
  for (const { externalId, name } of groups) {
    if (!names.has(externalId)) inserts.push([externalId, name, at]);
    else if (!own.has(externalId)) {
      const reason = `${groupTable} has a row with this external_id that this product did not write, so it is left alone. ${handOver}`;
      refused.push({ externalId, reason });
    } else if (names.get(externalId) !== name) updates.push([externalId, name, at]);
  }
  const columns = ['external_id', 'name', 'updated_at'];
  await session.insert(groupTable, columns, inserts);
  await session.update(groupTable, columns, updates);
  const inserted = inserts.map(([id]) => id ?? '');
  await addOwnIds(
    session,
    inserted.filter((id) => !own.has(id)),
  );
  return { changed: [...inserted, ...updates.map(([id]) => id ?? '')], refused };
}

/** Removes our rows with their memberships, and memberships of a group that never had a row. Returns how many rows. */
export async function removeGroups(session: Session, ids: readonly string[]): Promise<number> {
  const foreign = await readForeignGroups(session, ids);
  for (const id of ids) if (!foreign.has(id)) await emptyGroup(session, id);
  const own = [...(await readOwnIds(session, ids))];
  await removeOwnRows(session, groupTable, own);
  return own.length;
}
