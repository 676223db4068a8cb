// Owns what is to be done with a change batch, in the order that leaves nothing half, within one open transaction.
import type { Applied, ChangeBatch, Position } from '../../target.ts';
import { removeGroups, stampTouched, writeGroups } from './groups.ts';
import { removePeople, writePeople } from './people.ts';
import { removeEmptyUnits } from './units.ts';
import type { Writing } from './writing.ts';

/** Writes a batch with its position. Reads before it writes, so that what is right already stays as it is. */
export async function writeBatch(writing: Writing, batch: ChangeBatch): Promise<Applied> {
  const groups = await writeGroups(writing, batch.groups);
  // Of an id that is named twice, the later state.
  const wanted = [...new Map(batch.accounts.map((account) => [account.externalId, account])).values()];
  const leaving = new Set(batch.removedAccounts);
  let removed = await removePeople(writing, batch.removedAccounts);
  const people = await writePeople(
    writing,
    wanted.filter(({ externalId }) => !leaving.has(externalId)),
  );
  removed += await removeGroups(writing, batch.removedGroups);
  removeEmptyUnits(writing);
  await stampTouched(writing);
  writePosition(writing, batch.to);
  return {
    upserted: groups.changed + people.changed,
    removed,
    refused: [...groups.refused, ...people.refused],
  };
}

export function readPosition(sql: Writing['sql']): Position | undefined {
  const row = sql('SELECT ledger_id, revision FROM state').get() as
    { ledger_id: string | null; revision: number | null } | undefined;
  if (row === undefined || row.ledger_id === null || row.revision === null) return undefined;
  return { ledgerId: row.ledger_id, revision: row.revision };
}

function writePosition(writing: Writing, { ledgerId, revision }: Position): void {
  writing
    .sql('UPDATE state SET ledger_id = ?, revision = ? WHERE ledger_id IS NOT ? OR revision IS NOT ?')
    .run(ledgerId, revision, ledgerId, revision);
}
