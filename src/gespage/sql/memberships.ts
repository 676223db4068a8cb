// Owns memberships at the target: those between our accounts and groups that are not somebody else's.
import type { Session } from './engine.ts';
import type { GroupLayout, Layout, MembershipLayout } from './layout.ts';
import { listedAccountSql, readForeignGroups, readOwners, readOwnKeys } from './own-rows.ts';
import { ownRowTable, pendingTable } from './tables.ts';

/**
 * Gives each of our accounts exactly the groups named for it; rows that are right already stay. A group need not
 * have its own row yet. Memberships of groups made by somebody else are neither added nor deleted.
 * `keys`: object id -> key of the row, for these accounts and perhaps others.
 * `allNew`: takes it that none of the accounts has a membership yet, without asking.
 * @returns the accounts of which something changed.
 */
export async function writeMemberships(
  session: Session,
  layout: Layout,
  wanted: ReadonlyMap<string, readonly string[]>,
  keys: ReadonlyMap<string, string>,
  allNew = false,
): Promise<Set<string>> {
  const { groups, memberships } = layout;
  if (groups === undefined || memberships === undefined) return new Set();
  const { table, account, group } = memberships;
  const keyOf = (id: string): string => keys.get(id) ?? id;
  const present = new Map<string, Set<string>>();
  const known = allNew
    ? []
    : await session.select(table, [account.sql, group.sql], account.sql, [...wanted.keys()].map(keyOf));
  for (const row of known) {
    const [one, other] = [String(row[account.name]), String(row[group.name])];
    present.set(one, (present.get(one) ?? new Set()).add(other));
  }
  const resolve = await resolveGroups(session, layout, groups, wanted, present);
  await notePending(session, groups, wanted, (one) => resolve.isPending(one), allNew);

  const missing: string[][] = [];
  const surplus: string[][] = [];
  const changed = new Set<string>();
  for (const [id, wantedGroups] of wanted) {
    const own = keyOf(id);
    const has = present.get(own) ?? new Set();
    const wants = new Set(wantedGroups.flatMap((one) => resolve.keyOf(one) ?? []));
    const added = [...wants].filter((one) => !has.has(one) && !resolve.isForeign(one));
    const removed = [...has].filter((one) => !wants.has(one) && !resolve.isForeign(one));
    missing.push(...added.map((one) => [own, one]));
    surplus.push(...removed.map((one) => [own, one]));
    if (added.length + removed.length > 0) changed.add(id);
  }
  await session.remove(table, [account.sql, group.sql], surplus);
  await addMembers(session, memberships, missing);
  return changed;
}

interface ResolvedGroups {
  /** The key by which memberships name a group, undefined while the group has none. */
  keyOf(id: string): string | undefined;
  /** Whether the group of this key was made by somebody else. */
  isForeign(key: string): boolean;
  isPending(id: string): boolean;
}

async function resolveGroups(
  session: Session,
  layout: Layout,
  groups: GroupLayout,
  wanted: ReadonlyMap<string, readonly string[]>,
  present: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<ResolvedGroups> {
  const ids = [...new Set([...wanted.values()].flat())];
  const held = [...new Set([...present.values()].flatMap((keys) => [...keys]))];
  if (groups.key.source === 'object-id') {
    const all = [...new Set([...ids, ...held])];
    const foreign = await readForeignGroups(session, layout, groups, all);
    return { keyOf: (id) => id, isForeign: (key) => foreign.has(key), isPending: () => false };
  }
  const keys = await readOwnKeys(session, layout, 'group', ids);
  const owners = await readOwners(session, layout, 'group', held);
  const ours = new Set([...keys.values(), ...owners.keys()]);
  return {
    keyOf: (id) => keys.get(id),
    isForeign: (key) => !ours.has(key),
    isPending: (id) => !keys.has(id),
  };
}

/** Notes which memberships have to wait for the key of their group. */
async function notePending(
  session: Session,
  groups: GroupLayout,
  wanted: ReadonlyMap<string, readonly string[]>,
  isPending: (id: string) => boolean,
  allNew: boolean,
): Promise<void> {
  if (groups.key.source === 'object-id') return;
  const accounts = [...wanted.keys()].map((id) => [id]);
  if (!allNew) await session.remove(pendingTable, ['account_id'], accounts);
  const waiting = [...wanted].flatMap(([id, ids]) =>
    [...new Set(ids)].filter(isPending).map((group) => [id, group]),
  );
  await session.insert(pendingTable, ['account_id', 'group_id'], waiting);
}

/** Writes the memberships that have waited for these groups; `added` has object id and key of each. */
export async function settlePending(
  session: Session,
  layout: Layout,
  added: readonly (readonly [id: string, key: string])[],
): Promise<void> {
  const { memberships, groups } = layout;
  if (memberships === undefined || groups?.key.source !== 'database') return;
  for (const [id, key] of added) {
    const rows = await session.select(pendingTable, ['account_id'], 'group_id', [id]);
    const waiting = rows.map((row) => String(row.account_id));
    const keys = await readOwnKeys(session, layout, 'account', waiting);
    await addMembers(
      session,
      memberships,
      [...keys.values()].map((account) => [account, key]),
    );
    await session.remove(pendingTable, ['group_id'], [[id]]);
  }
}

async function addMembers(
  session: Session,
  { table, account, group, constants }: MembershipLayout,
  pairs: readonly string[][],
): Promise<void> {
  const columns = [account.sql, group.sql, ...constants.map(({ sql }) => sql)];
  const rows =
    constants.length === 0 ? pairs : pairs.map((pair) => [...pair, ...constants.map(({ value }) => value)]);
  await session.insert(table, columns, rows);
}

/** Takes the memberships of accounts along to their new keys, in the order in which they moved. */
export async function moveMembers(
  session: Session,
  { memberships }: Layout,
  moved: readonly (readonly [id: string, before: string, after: string])[],
): Promise<void> {
  if (memberships === undefined) return;
  const { table, account } = memberships;
  for (const [, before, after] of moved)
    await session.run(`UPDATE ${table} SET ${account.sql} = ? WHERE ${account.sql} = ?`, [after, before]);
}

/** Empties a group, all but the members whom somebody else entered. In SQL, since the group may be very large. */
export async function emptyGroup(session: Session, layout: Layout, key: string): Promise<void> {
  const { accounts, memberships, groups } = layout;
  if (memberships === undefined || groups === undefined) return;
  const listed = layout.isKeyed
    ? `o.row_key = ${listedAccountSql(`a.${accounts.key.sql}`)}`
    : `o.external_id = a.${accounts.key.sql}`;
  await session.run(
    `DELETE FROM ${memberships.table} WHERE ${memberships.group.sql} = ? AND NOT EXISTS (
       SELECT 1 FROM ${accounts.table} a LEFT JOIN ${ownRowTable} o ON ${listed}
        WHERE a.${accounts.key.sql} = ${memberships.table}.${memberships.account.sql} AND o.external_id IS NULL)`,
    [key],
  );
}
