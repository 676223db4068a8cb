// Owns what is to be done with a change batch, the same for every engine, within one open transaction.
import type { Account, FieldName } from '../../accounts/model.ts';
import type { Applied, ChangeBatch, Position } from '../target.ts';
import { findAccountFault, findGroupFault, findIdFault } from './acceptable.ts';
import { removeAccounts, restrictAccounts, writeAccounts } from './accounts.ts';
import type { Engine, Session, Written } from './engine.ts';
import { removeGroups, writeGroups } from './groups.ts';
import { createHalving } from './halving.ts';
import type { AccountLayout, Layout } from './layout.ts';
import { stateKey, stateTable } from './tables.ts';

/** Whether the target was empty at first and has taken nothing but new rows since. */
export interface Filling {
  isOn: boolean;
}

/**
 * Writes a batch: groups, accounts with their memberships, removed accounts, removed groups, position. Whoever
 * cannot be written is refused alone. Reads before it writes, so that what is right already is not written.
 */
export async function writeBatch(
  engine: Engine,
  session: Session,
  batch: ChangeBatch,
  layout: Layout,
  filling: Filling,
  onceFields: readonly FieldName[] = [],
): Promise<Applied> {
  const at = engine.time(batch.at);
  const writing = { layout, at, onceFields };
  const inHalves = createHalving(engine, session);
  const changed = new Set<string>();
  const refused = new Map<string, string>();
  let removed = 0;

  const merge = (result: Written) => {
    for (const id of result.changed) changed.add(id);
    for (const { externalId, reason } of result.refused) refused.set(externalId, reason);
  };
  const count = (rows: number) => (removed += rows);
  const refuseId = (id: string, reason: string) => refused.set(id, reason);
  const refuse = (item: Identified, reason: string) => refuseId(item.externalId, reason);

  /** Returns the accounts still to be written: all of them where one was there already. */
  async function fill(accounts: readonly Account[]): Promise<readonly Account[]> {
    try {
      merge(await session.attempt(() => writeAccounts(session, accounts, { ...writing, allNew: true })));
      return [];
    } catch (error) {
      if (engine.dataError(error) === undefined) throw error;
      filling.isOn = false;
      return accounts;
    }
  }

  const groupLayout = layout.groups;
  const named = groupLayout === undefined ? [] : batch.groups;
  const groups = selectValid(named, (group) => groupLayout && findGroupFault(group, groupLayout), refuse);
  await inHalves({
    items: groups,
    write: (items) => writeGroups(session, items, layout, at),
    written: merge,
    refuse,
  });

  // Of an id that is named twice, the later state.
  const latest = [...new Map(batch.accounts.map((account) => [account.externalId, account])).values()];
  // A table that cannot say who is disabled does not have them.
  const hasFlag = layout.accounts.enabled !== undefined;
  const wanted = hasFlag ? latest : latest.filter((account) => account.enabled);
  const accounts = selectValid(wanted, createAccountCheck(layout.accounts), refuse);
  const rest = filling.isOn && layout.accounts.isGuarded ? await fill(accounts) : accounts;
  await inHalves({
    items: rest,
    write: (items) => writeAccounts(session, items, writing),
    written: merge,
    refuse,
  });

  const withheld = wanted.filter(({ externalId }) => refused.has(externalId) && !findIdFault(externalId));
  const ignore = () => undefined;
  await inHalves({
    items: withheld,
    write: (items) => restrictAccounts(session, items, writing),
    written: ignore,
    refuse: ignore,
  });

  const { removedGroups } = batch;
  const disabled = hasFlag ? [] : latest.filter((account) => !account.enabled);
  const removedAccounts = [...batch.removedAccounts, ...disabled.map(({ externalId }) => externalId)];
  await inHalves({
    items: removedAccounts,
    write: (ids) => removeAccounts(session, layout, ids),
    written: count,
    refuse: refuseId,
  });
  await inHalves({
    items: removedGroups,
    write: (ids) => removeGroups(session, layout, ids),
    written: count,
    refuse: refuseId,
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

interface Identified {
  readonly externalId: string;
}

/** Refuses what has a fault and returns the rest. */
function selectValid<T extends Identified>(
  items: readonly T[],
  findFault: (item: T) => string | undefined,
  refuse: (item: T, reason: string) => void,
): T[] {
  return items.filter((item) => {
    const fault = findFault(item);
    if (fault !== undefined) refuse(item, fault);
    return fault === undefined;
  });
}

/** The faults of an account by itself, and a login that an earlier account of the batch wants too. */
function createAccountCheck(layout: AccountLayout): (account: Account) => string | undefined {
  const wanters = new Map<string, string>();
  return (account) => {
    const { login, externalId } = account;
    const fault = findAccountFault(account, layout);
    if (fault !== undefined) return fault;
    const other = wanters.get(login);
    if (other !== undefined)
      return `The login ${login} is wanted for ${other} too. Give one of them another login.`;
    wanters.set(login, externalId);
    return undefined;
  };
}
