// Owns the writing of account rows: what changes, whose login must give way, and who is refused.
import { createHash } from 'node:crypto';
import type { Account, FieldName } from '../../accounts/model.ts';
import type { Refusal } from '../target.ts';
import { type Row, RowFault, type Session, type Value, type Written } from './engine.ts';
import { type AccountLayout, isOn, isSame, type Layout } from './layout.ts';
import { findIdFault } from './acceptable.ts';
import { moveMembers, writeMemberships } from './memberships.ts';
import { readAccountOwners, readOwnAccounts } from './own-accounts.ts';
import { addOwnRows, forgetOwnRows, handOver, relistOwnRows } from './own-rows.ts';

/** What is the same for all accounts of a batch. */
export interface Writing {
  readonly layout: Layout;
  /** Written with a new row alone; whatever the database has later is right. */
  readonly onceFields?: readonly FieldName[];
  /** In the engine's form. */
  readonly at: string;
  /** Takes it that nothing of these accounts is there yet: asks nothing, and fails for its data where that is wrong. */
  readonly allNew?: boolean;
}

/** A row that has a wanted login; `owner` is the object id of its person, undefined where it is somebody else's row. */
interface Holder {
  readonly key: string;
  readonly owner: string | undefined;
}

/** What the tables hold that bears on some accounts. */
interface Standing {
  /** Object id -> key of its row, for rows of ours. The row itself may have been deleted by hand. */
  readonly keys: ReadonlyMap<string, string>;
  readonly rows: ReadonlyMap<string, Row>;
  /** Wanted login -> the row of another account that has it now. */
  readonly holders: ReadonlyMap<string, Holder>;
  /** Object ids that stand in rows of others. */
  readonly foreign: ReadonlySet<string>;
}

const nothing: Standing = { keys: new Map(), rows: new Map(), holders: new Map(), foreign: new Set() };

type Pair = readonly [id: string, key: string];

/**
 * Writes rows and memberships of accounts that passed `findAccountFault`, each id and each login at most once.
 * A row of ours that still has a wanted login gives it up for a stopgap: the ledger never wants one login for
 * two people, so that row has its own change in this batch or a later one.
 */
export async function writeAccounts(
  session: Session,
  accounts: readonly Account[],
  { layout, at, onceFields = [], allNew = false }: Writing,
): Promise<Written> {
  const { table, key, login, columns } = layout.accounts;
  const standing = allNew ? nothing : await readStanding(session, accounts, layout);
  const refused: Refusal[] = [];
  const accepted: Account[] = [];
  for (const account of accounts) {
    const reason = findConflict(account, standing, layout.accounts);
    if (reason === undefined) accepted.push(account);
    else refused.push({ externalId: account.externalId, reason });
  }

  const kept = columns.filter(({ field }) => field === undefined || !onceFields.includes(field));
  const keys = new Map(standing.keys);
  const time = layout.accounts.updatedAt === undefined ? [] : [at];
  const timeColumn = layout.accounts.updatedAt === undefined ? [] : [layout.accounts.updatedAt];
  const moved: (readonly [id: string, before: string, after: string])[] = [];
  const move = (id: string, before: string, after: string): void => {
    if (before === after) return;
    moved.push([id, before, after]);
    keys.set(id, after);
  };

  const parked = accepted.flatMap((account) => standing.holders.get(account.login) ?? []);
  const stopgaps = parked.map(({ key: held, owner = '' }): [string, string, string] => [
    owner,
    held,
    stopgapLogin(owner, layout.accounts),
  ]);
  await session.update(
    table,
    [key.sql, login.sql, ...timeColumn],
    stopgaps.map(([, held, stopgap]) => [held, stopgap, ...time]),
  );
  if (key.source === 'login') for (const [owner, held, stopgap] of stopgaps) move(owner, held, stopgap);

  const inserts: Account[] = [];
  const updates: Account[] = [];
  const updateRows: Value[][] = [];
  const insertRows: Value[][] = [];
  for (const account of accepted) {
    const row = standing.rows.get(account.externalId);
    const isNew = row === undefined;
    const values = (isNew ? columns : kept).map((column) => column.of(account));
    if (isNew) {
      inserts.push(account);
      insertRows.push([...values, ...time, ...layout.accounts.constants.map(({ value }) => value)]);
    } else if (kept.some((column, index) => !isSame(row[column.name], values[index]))) {
      updates.push(account);
      // Where the key is a column that is written, it says of itself what it is to be.
      const written = key.source === 'object-id' ? values.slice(1) : values;
      updateRows.push([keys.get(account.externalId) ?? '', ...written, ...time]);
    }
  }
  const names = columns.map(({ sql }) => sql);
  const constants = layout.accounts.constants.map(({ sql }) => sql);
  await session.insert(table, [...names, ...timeColumn, ...constants], insertRows);
  const keptNames = kept.map(({ sql }) => sql);
  const updateNames = key.source === 'object-id' ? keptNames : [key.sql, ...keptNames];
  await session.update(table, [...updateNames, ...timeColumn], updateRows);
  if (key.source === 'login')
    for (const account of updates)
      move(account.externalId, keys.get(account.externalId) ?? '', account.login);

  const inserted = await findKeys(session, layout.accounts, inserts);
  await moveMembers(session, layout, moved);
  await noteKeys(session, layout, inserted, moved, keys);
  const wanted = new Map(accepted.map((account) => [account.externalId, account.groups]));
  const members = await writeMemberships(session, layout, wanted, keys, allNew);
  const changed = [...inserts, ...updates].map(({ externalId }) => externalId);
  return { refused, changed: [...changed, ...members] };
}

/** The keys of rows that were added just now. */
async function findKeys(
  session: Session,
  { table, label, key, login }: AccountLayout,
  inserted: readonly Account[],
): Promise<Pair[]> {
  if (key.source === 'object-id') return inserted.map(({ externalId: id }) => [id, id]);
  if (key.source === 'login') return inserted.map((account) => [account.externalId, account.login]);
  const logins = inserted.map((account) => account.login);
  const rows = await session.select(table, [key.sql, login.sql], login.sql, logins);
  const made = new Map(rows.map((row) => [String(row[login.name]), String(row[key.name])]));
  return inserted.map((account) => {
    const found = made.get(account.login);
    if (found !== undefined) return [account.externalId, found];
    throw new RowFault(
      `The row for the login ${account.login} cannot be found again in ${label}: the database has changed its ${login.name}.`,
    );
  });
}

/** Lists new rows as ours, and those that have another key than before. */
async function noteKeys(
  session: Session,
  layout: Layout,
  inserted: readonly Pair[],
  moved: readonly (readonly [id: string, before: string, after: string])[],
  keys: Map<string, string>,
): Promise<void> {
  if (layout.isKeyed) {
    const last = new Map([...moved.map(([id, , after]): Pair => [id, after]), ...inserted]);
    await relistOwnRows(session, layout, 'account', [...last]);
  } else {
    // A row that somebody deleted by hand is listed already.
    const added = inserted.filter(([id]) => !keys.has(id));
    await addOwnRows(session, layout, 'account', added);
  }
  for (const [id, key] of inserted) keys.set(id, key);
}

/**
 * For people whose new state was refused but who have a row of ours: whatever else stays as it was, nobody keeps
 * access that the directory took away. Disables them where that is wanted, and sets their memberships.
 */
export async function restrictAccounts(
  session: Session,
  accounts: readonly Account[],
  { layout, at }: Writing,
): Promise<void> {
  const { table, key, enabled, updatedAt } = layout.accounts;
  const keys = await readOwnAccounts(
    session,
    layout,
    accounts.map((account) => account.externalId),
  );
  const flagged = enabled === undefined ? [] : [enabled.sql];
  const rows = await session.select(table, [key.sql, ...flagged], key.sql, [...keys.values()]);
  const present = new Map(rows.map((row) => [String(row[key.name]), row]));
  const ours = accounts.filter(({ externalId }) => present.has(keys.get(externalId) ?? ''));
  if (enabled !== undefined) {
    const disabled = ours
      .filter((account) => !account.enabled)
      .map((account) => keys.get(account.externalId) ?? '')
      .filter((one) => isOn(enabled, present.get(one) ?? {}));
    const time = updatedAt === undefined ? [] : [updatedAt];
    await session.update(
      table,
      [key.sql, enabled.sql, ...time],
      disabled.map((one) => [one, enabled.off, ...(updatedAt === undefined ? [] : [at])]),
    );
  }
  const wanted = ours.map(({ externalId, groups }): [string, string[]] => [
    externalId,
    groups.filter((id) => findIdFault(id) === undefined),
  ]);
  await writeMemberships(session, layout, new Map(wanted), keys);
}

/** Removes our rows with their memberships; returns how many. */
export async function removeAccounts(
  session: Session,
  layout: Layout,
  ids: readonly string[],
): Promise<number> {
  const { table, key } = layout.accounts;
  const keys = await readOwnAccounts(session, layout, ids);
  await writeMemberships(session, layout, new Map([...keys.keys()].map((id) => [id, []])), keys);
  await session.remove(
    table,
    [key.sql],
    [...keys.values()].map((one) => [one]),
  );
  await forgetOwnRows(session, [...keys.keys()]);
  return keys.size;
}

async function readStanding(
  session: Session,
  accounts: readonly Account[],
  layout: Layout,
): Promise<Standing> {
  const { table, key, externalId, login, columns } = layout.accounts;
  const ids = accounts.map((account) => account.externalId);
  const keys = await readOwnAccounts(session, layout, ids);
  const ownerOf = new Map([...keys].map(([id, one]) => [one, id]));
  const names = [...new Set([key.sql, ...columns.map(({ sql }) => sql)])];
  const rows = new Map<string, Row>();
  const foreign = new Set<string>();
  const lookedFor = key.source === 'object-id' ? ids : [...keys.values()];
  for (const row of await session.select(table, names, key.sql, lookedFor)) {
    const found = String(row[key.name]);
    const owner = ownerOf.get(found);
    if (owner === undefined) foreign.add(found);
    else rows.set(owner, row);
  }
  if (externalId !== undefined) {
    const known = await session.select(table, [key.sql, externalId.sql], externalId.sql, ids);
    for (const row of known)
      if (!ownerOf.has(String(row[key.name]))) foreign.add(String(row[externalId.name]));
  }
  const wanters = new Map(accounts.map((account) => [account.login, account.externalId]));
  const sameLogin = await session.select(table, [...new Set([key.sql, login.sql])], login.sql, [
    ...wanters.keys(),
  ]);
  const others = sameLogin.filter(
    (row) => wanters.get(String(row[login.name])) !== ownerOf.get(String(row[key.name])),
  );
  const owners = await readAccountOwners(
    session,
    layout,
    others.map((row) => String(row[key.name])),
  );
  const holders = new Map<string, Holder>();
  for (const row of others) {
    const [held, wanted] = [String(row[key.name]), String(row[login.name])];
    const owner = owners.get(held);
    // Of two rows with one login, that of somebody else decides.
    if (owner === undefined || !holders.has(wanted)) holders.set(wanted, { key: held, owner });
  }
  return { keys, rows, holders, foreign };
}

/** Why the account cannot have its row: somebody else's row is in the way. */
function findConflict(
  account: Account,
  { rows, holders, foreign }: Standing,
  { label, key, externalId, login }: AccountLayout,
): string | undefined {
  if (foreign.has(account.externalId)) {
    const column = externalId ?? key;
    return `${label} has a row with this ${column.name} that this product did not write, so it is left alone. ${handOver}`;
  }
  const holder = holders.get(account.login);
  if (holder === undefined || holder.owner !== undefined) return undefined;
  // Who had the login before that row came does not lose it.
  if (isSame(rows.get(account.externalId)?.[login.name], account.login)) return undefined;
  return (
    `The login ${account.login} belongs to the row ${holder.key} of ${label}, which this product did not write. ` +
    `Change or delete that row, or give this person another login. ${handOver}`
  );
}

/** A login that nobody wants, as long as the column takes. */
function stopgapLogin(id: string, { login }: AccountLayout): string {
  if (login.holds !== 'text')
    throw new RowFault(`The login of ${id} cannot give way, since ${login.name} takes numbers alone.`);
  if (login.limit > id.length) return `~${id}`;
  const hash = createHash('sha256').update(id).digest('hex');
  return `~${hash.slice(0, Math.max(0, login.limit - 1))}`;
}
