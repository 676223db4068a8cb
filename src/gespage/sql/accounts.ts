// Owns the writing of account rows: what changes, whose login must give way, and who is refused.
import type { Account, FieldName } from '../../accounts/model.ts';
import type { Refusal } from '../target.ts';
import { findIdFault } from './acceptable.ts';
import type { Engine, Row, Session, Value, Written } from './engine.ts';
import { writeMemberships } from './memberships.ts';
import { addOwnIds, handOver, readOwnIds, removeOwnRows } from './own-rows.ts';
import { accountTable, fieldColumns } from './tables.ts';

/** What is the same for all accounts of a batch. */
export interface Writing {
  readonly fields: readonly FieldName[];
  readonly flag: Engine['flag'];
  /** In the engine's form. */
  readonly at: string;
  /** Takes it that nothing of these accounts is there yet: asks nothing, and fails for its data where that is wrong. */
  readonly allNew?: boolean;
}

/** What the tables hold that bears on some accounts. */
interface Standing {
  readonly rows: ReadonlyMap<string, Row>;
  /** Wanted login -> id of the row of another account that has it now. */
  readonly holders: ReadonlyMap<string, string>;
  readonly own: ReadonlySet<string>;
}

const nothing: Standing = { rows: new Map(), holders: new Map(), own: new Set() };

/**
 * Writes rows and memberships of accounts that passed `findAccountFault`, each id and each login at most once.
 * A row of ours that still has a wanted login gives it up for `~external_id`: the ledger never wants one login for
 * two people, so that row has its own change in this batch or a later one.
 */
export async function writeAccounts(
  session: Session,
  accounts: readonly Account[],
  { fields, flag, at, allNew = false }: Writing,
): Promise<Written> {
  const columns = ['external_id', 'login', ...fields.map((field) => fieldColumns[field].name), 'enabled'];
  const standing = allNew ? nothing : await readStanding(session, accounts, columns);
  const refused: Refusal[] = [];
  const accepted: Account[] = [];
  for (const account of accounts) {
    const reason = findConflict(account, standing);
    if (reason === undefined) accepted.push(account);
    else refused.push({ externalId: account.externalId, reason });
  }

  const parked = accepted
    .map((account) => standing.holders.get(account.login))
    .filter((id) => id !== undefined);
  const inserts: Value[][] = [];
  const updates: Value[][] = [];
  for (const account of accepted) {
    const values = toValues(account, fields, flag(account.enabled), at);
    const row = standing.rows.get(account.externalId);
    if (row === undefined) inserts.push(values);
    else if (columns.some((column, index) => !isSame(row[column], values[index]))) updates.push(values);
  }

  await session.update(
    accountTable,
    ['external_id', 'login', 'updated_at'],
    parked.map((id) => [id, `~${id}`, at]),
  );
  await session.insert(accountTable, [...columns, 'updated_at'], inserts);
  await session.update(accountTable, [...columns, 'updated_at'], updates);
  const inserted = inserts.map(([id]) => String(id));
  await addOwnIds(
    session,
    inserted.filter((id) => !standing.own.has(id)),
  );
  const wanted = new Map(accepted.map((account) => [account.externalId, account.groups]));
  const moved = await writeMemberships(session, wanted, allNew);
  return { refused, changed: [...inserted, ...updates.map(([id]) => String(id)), ...moved] };
}

/**
 * For people whose new state was refused but who have a row of ours: whatever else stays as it was, nobody keeps
 * access that the directory took away. Disables them where that is wanted, and sets their memberships.
 */
export async function restrictAccounts(
  session: Session,
  accounts: readonly Account[],
  { flag, at }: Writing,
): Promise<void> {
  const ids = accounts.map((account) => account.externalId);
  const own = await readOwnIds(session, ids);
  const rows = await session.select(accountTable, ['external_id', 'enabled'], 'external_id', ids);
  const enabled = new Map(rows.map((row) => [String(row.external_id), Boolean(row.enabled)]));
  const ours = accounts.filter(({ externalId }) => own.has(externalId) && enabled.has(externalId));
  const disabled = ours.filter((account) => !account.enabled && enabled.get(account.externalId) === true);
  await session.update(
    accountTable,
    ['external_id', 'enabled', 'updated_at'],
    disabled.map((account) => [account.externalId, flag(false), at]),
  );
  const wanted = ours.map(({ externalId, groups }): [string, string[]] => [
    externalId,
    groups.filter((id) => findIdFault(id) === undefined),
  ]);
  await writeMemberships(session, new Map(wanted));
}

/** Removes our rows with their memberships; returns how many. */
export async function removeAccounts(session: Session, ids: readonly string[]): Promise<number> {
  const own = [...(await readOwnIds(session, ids))];
  await writeMemberships(session, new Map(own.map((id) => [id, []])));
  await removeOwnRows(session, accountTable, own);
  return own.length;
}

async function readStanding(
  session: Session,
  accounts: readonly Account[],
  columns: readonly string[],
): Promise<Standing> {
  const ids = accounts.map((account) => account.externalId);
  const wanters = new Map(accounts.map((account) => [account.login, account.externalId]));
  const rows = await session.select(accountTable, columns, 'external_id', ids);
  const holders = new Map<string, string>();
  const sameLogin = await session.select(accountTable, ['external_id', 'login'], 'login', [
    ...wanters.keys(),
  ]);
  for (const row of sameLogin) {
    const [id, login] = [String(row.external_id), String(row.login)];
    if (wanters.get(login) !== id) holders.set(login, id);
  }
  const own = await readOwnIds(session, [...new Set([...ids, ...holders.values()])]);
  return { rows: new Map(rows.map((row) => [String(row.external_id), row])), holders, own };
}

/** Why the account cannot have its row: somebody else's row is in the way. */
function findConflict(account: Account, { rows, holders, own }: Standing): string | undefined {
  if (rows.has(account.externalId) && !own.has(account.externalId)) {
    return `${accountTable} has a row with this external_id that this product did not write, so it is left alone. ${handOver}`;
  }
  const holder = holders.get(account.login);
  if (holder === undefined || own.has(holder)) return undefined;
  return (
    `The login ${account.login} belongs to the row ${holder} of ${accountTable}, which this product did not write. ` +
    `Change or delete that row, or give this person another login. ${handOver}`
  );
}

function toValues(account: Account, fields: readonly FieldName[], enabled: Value, at: string): Value[] {
  const values: Value[] = [account.externalId, account.login];
  for (const field of fields) values.push(account.fields[field] === '' ? null : account.fields[field]);
  values.push(enabled, at);
  return values;
}

/** Compares a stored with a wanted value; an engine may give back 0 and 1 for what it takes as a boolean. */
function isSame(stored: Value | undefined, wanted: Value | undefined): boolean {
  return stored === wanted || (typeof wanted === 'boolean' && Boolean(stored) === wanted);
}
