// Owns the question whose row it is: rows that this product wrote are listed in a table beside them.
import type { Session } from './engine.ts';
import { groupTable, ownRowTable } from './tables.ts';

/** Those of the ids that stand for rows written by this product. */
export async function readOwnIds(session: Session, ids: readonly string[]): Promise<Set<string>> {
  const rows = await session.select(ownRowTable, ['external_id'], 'external_id', ids);
  return new Set(rows.map((row) => String(row.external_id)));
}

/** Those of the ids that are groups made by somebody else. An id that has no group row yet is not among them. */
export async function readForeignGroups(session: Session, ids: readonly string[]): Promise<Set<string>> {
  const rows = await session.select(groupTable, ['external_id'], 'external_id', ids);
  const present = rows.map((row) => String(row.external_id));
  const own = await readOwnIds(session, present);
  return new Set(present.filter((id) => !own.has(id)));
}

/** Lists the ids as ours; none of them may be listed yet. */
export async function addOwnIds(session: Session, ids: readonly string[]): Promise<void> {
  await session.insert(
    ownRowTable,
    ['external_id'],
    ids.map((id) => [id]),
  );
}

/** Deletes our rows of a table, and their mention as ours. */
export async function removeOwnRows(session: Session, table: string, ids: readonly string[]): Promise<void> {
  const rows = ids.map((id) => [id]);
  await session.remove(table, ['external_id'], rows);
  await session.remove(ownRowTable, ['external_id'], rows);
}

/** What a refusal says of a row that somebody else made. */
export const handOver = `To hand the row over to this product, add its external_id to ${ownRowTable}.`;
