// Owns what is to be done with a change batch, the same for every engine, within one open transaction.
import type { Account, FieldName } from '../../accounts/model.ts';
import type { Applied, ChangeBatch, Position, Refusal } from '../target.ts';
import { findAccountFault, findGroupFault, findIdFault } from './acceptable.ts';
import { restrictAccounts, writeAccounts } from './accounts.ts';
import type { Engine, Session } from './engine.ts';
import { emptyGroup, writeMemberships } from './memberships.ts';
import { addOwnIds, handOver, readForeignGroups, readOwnIds, removeOwnRows } from './own-rows.ts';
import { accountTable, groupTable, stateKey, stateTable } from './tables.ts';

type Group = ChangeBatch['groups'][number];

/**
 * More rows of one batch than this, refused by the database itself, mean that the table is at fault and not the
 * people: then the batch fails as a whole, is tried again, and nobody is passed over.
 */
const refusalsByDatabase = 50;

/**
 * Writes a batch: groups, accounts with their memberships, removed accounts, removed groups, position. Whoever
 * cannot be written is refused alone. Reads before it writes, so that what is right already is not written.
 */
export async function writeBatch(
  engine: Engine,
  session: Session,
  batch: ChangeBatch,
  fields: readonly FieldName[],
): Promise<Applied> {
  const at = engine.time(batch.at);
  const refused = new Map<string, string>();
  const withheld: Account[] = [];
  const changed = new Set<string>();
  let removed = 0;
  const inHalves = createHalving(engine, session);

  await inHalves({
    items: selectValid(batch.groups, findGroupFault, refused),
    write: (groups) => writeGroups(session, groups, at),
    written: (result) => {
      for (const id of result.changed) changed.add(id);
      for (const refusal of result.refused) refused.set(refusal.externalId, refusal.reason);
    },
    refuse: (group, reason) => refused.set(group.externalId, reason),
  });

  const byId = new Map(batch.accounts.map((account) => [account.externalId, account]));
  const accounts = selectValid([...byId.values()], createAccountCheck(fields), refused);
  await inHalves({
    items: accounts,
    write: (items) => writeAccounts(session, items, fields, at),
    written: (result) => {
      for (const id of result.changed) changed.add(id);
      for (const refusal of result.refused) refused.set(refusal.externalId, refusal.reason);
    },
    refuse: (account, reason) => refused.set(account.externalId, reason),
  });

  for (const account of byId.values()) {
    const groups = account.groups.filter((id) => findIdFault(id) === undefined);
    if (refused.has(account.externalId) && !findIdFault(account.externalId))
      withheld.push({ ...account, groups });
  }
  await inHalves({
    items: withheld,
    write: (items) => restrictAccounts(session, items, at),
    written: () => undefined,
    refuse: () => undefined,
  });

  await inHalves({
    items: batch.removedAccounts,
    write: (ids) => removeAccounts(session, ids),
    written: (count) => (removed += count),
    refuse: (externalId, reason) => refused.set(externalId, reason),
  });
  await inHalves({
    items: batch.removedGroups,
    write: (ids) => removeGroups(session, ids),
    written: (count) => (removed += count),
    refuse: (externalId, reason) => refused.set(externalId, reason),
  });

  await writePosition(session, batch.to, at);
  return {
    upserted: changed.size,
    removed,
    refused: [...refused].map(([externalId, reason]) => ({ externalId, reason })),
  };
}

/** The position that the target holds, undefined where nothing was ever written. */
export async function readPosition(session: Session): Promise<Position | undefined> {
  const [row] = await session.select(stateTable, ['ledger_id', 'revision'], 'id', [stateKey]);
  return row === undefined ? undefined : { ledgerId: String(row.ledger_id), revision: Number(row.revision) };
}

async function writePosition(session: Session, to: Position, at: string): Promise<void> {
  const columns = ['id', 'ledger_id', 'revision', 'updated_at'];
  const row = [stateKey, to.ledgerId, to.revision, at];
  const present = await readPosition(session);
  if (present === undefined) await session.insert(stateTable, columns, [row]);
  else if (present.ledgerId !== to.ledgerId || present.revision !== to.revision) {
    await session.update(stateTable, columns, [row]);
  }
}

async function writeGroups(
  session: Session,
  groups: readonly Group[],
  at: string,
): Promise<{ changed: string[]; refused: Refusal[] }> {
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

async function removeAccounts(session: Session, ids: readonly string[]): Promise<number> {
  const own = [...(await readOwnIds(session, ids))];
  await writeMemberships(session, new Map(own.map((id) => [id, []])));
  await removeOwnRows(session, accountTable, own);
  return own.length;
}

async function removeGroups(session: Session, ids: readonly string[]): Promise<number> {
  const foreign = await readForeignGroups(session, ids);
  for (const id of ids) if (!foreign.has(id)) await emptyGroup(session, id);
  const own = [...(await readOwnIds(session, ids))];
  await removeOwnRows(session, groupTable, own);
  return own.length;
}

/** Refuses what has a fault and returns the rest. */
function selectValid<T extends { readonly externalId: string }>(
  items: readonly T[],
  findFault: (item: T) => string | undefined,
  refused: Map<string, string>,
): T[] {
  return items.filter((item) => {
    const fault = findFault(item);
    if (fault !== undefined) refused.set(item.externalId, fault);
    return fault === undefined;
  });
}

/** The faults of an account by itself, and a login that an earlier account of the batch wants too. */
function createAccountCheck(fields: readonly FieldName[]): (account: Account) => string | undefined {
  const wanters = new Map<string, string>();
  return (account) => {
    const fault = findAccountFault(account, fields);
    if (fault !== undefined) return fault;
    const other = wanters.get(account.login);
    if (other !== undefined)
      return `The login ${account.login} is wanted for ${other} too. Give one of them another login.`;
    wanters.set(account.login, account.externalId);
    return undefined;
  };
}

interface HalvingStep<T, R> {
  readonly items: readonly T[];
  readonly write: (items: readonly T[]) => Promise<R>;
  readonly written: (result: R) => void;
  readonly refuse: (item: T, reason: string) => void;
}

/** Writes a step as a whole; where the database refuses it for its data, in halves, down to the culprits. */
function createHalving(engine: Engine, session: Session): <T, R>(step: HalvingStep<T, R>) => Promise<void> {
  let left = refusalsByDatabase;
  return async function inHalves(step) {
    const { items, write, written, refuse } = step;
    if (items.length === 0) return;
    try {
      written(await session.attempt(() => write(items)));
    } catch (error) {
      const reason = engine.dataError(error);
      if (reason === undefined) throw error;
      const [first] = items;
      if (items.length === 1 && first !== undefined) {
        if (left-- === 0) throw error;
        refuse(first, `The database refuses the row: ${reason}`);
        return;
      }
      const middle = Math.ceil(items.length / 2);
      await inHalves({ ...step, items: items.slice(0, middle) });
      await inHalves({ ...step, items: items.slice(middle) });
    }
  };
}
