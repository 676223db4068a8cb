// Owns memberships at the target: those between our accounts and groups that are not somebody else's.
import type { Session } from './engine.ts';
import { readForeignGroups } from './own-rows.ts';
import { accountTable, membershipTable, ownRowTable } from './tables.ts';

const columns = ['account_id', 'group_id'];

/**
 * Gives each of our accounts exactly the groups named for it; rows that are right already stay. A group need not
 * have its own row yet. Memberships of groups made by somebody else are neither added nor deleted.
 * `allNew`: takes it that none of the accounts has a membership yet, without asking.
 * @returns the accounts of which something changed.
 */
export async function writeMemberships(
  session: Session,
  wanted: ReadonlyMap<string, readonly string[]>,
  allNew = false,
): Promise<Set<string>> {
  const present = new Map<string, Set<string>>();
  const groups = new Set([...wanted.values()].flat());
  const known = allNew
    ? []
    : await session.select(membershipTable, columns, 'account_id', [...wanted.keys()]);
  for (const row of known) {
    const [account, group] = [String(row.account_id), String(row.group_id)];
    present.set(account, (present.get(account) ?? new Set()).add(group));
    groups.add(group);
  }
  const foreign = await readForeignGroups(session, [...groups]);

  const missing: string[][] = [];
  const surplus: string[][] = [];
  for (const [account, wantedGroups] of wanted) {
    const has = present.get(account) ?? new Set();
    const wants = new Set(wantedGroups);
    for (const group of wants) if (!has.has(group) && !foreign.has(group)) missing.push([account, group]);
    for (const group of has) if (!wants.has(group) && !foreign.has(group)) surplus.push([account, group]);
  }
  await session.remove(membershipTable, columns, surplus);
  await session.insert(membershipTable, columns, missing);
  return new Set([...missing, ...surplus].map(([account]) => account ?? ''));
}

/** Empties a group, all but the members whom somebody else entered. In SQL, since the group may be very large. */
export async function emptyGroup(session: Session, group: string): Promise<void> {
  await session.run(
    `DELETE FROM ${membershipTable} WHERE group_id = ? AND NOT EXISTS (
       SELECT 1 FROM ${accountTable} a LEFT JOIN ${ownRowTable} o ON o.external_id = a.external_id
        WHERE a.external_id = ${membershipTable}.account_id AND o.external_id IS NULL)`,
    [group],
  );
}
