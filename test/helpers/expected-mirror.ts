// Owns the comparison of the mirror with the tenant, and of the ledger with the target.
import { selectedProperties, type Mapping } from '../../src/accounts/mapping.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import type { ObjectTruth, Snapshot } from '../emulator/truth.ts';
import type { TargetTables } from './target-tables.ts';

interface MirrorObject {
  readonly key: number;
  readonly id: string;
  readonly state: string;
  readonly properties: string | null;
}

const expectedStates: Record<ObjectTruth['status'], readonly (string | undefined)[]> = {
  active: ['present'],
  // Who is not in a full round is taken for gone until a sign of life.
  deleted: ['soft-deleted', 'gone', undefined],
  purged: ['gone', undefined],
};

/**
 * Compares users, groups and direct memberships; gives one sentence for each difference.
 * @param hidesDeleted whether the tenant's full rounds say nothing of those who are deleted: then nobody can tell
 * somebody deleted for good from somebody deleted for now.
 */
export function findMirrorDifferences(
  snapshot: Snapshot,
  { state }: StateRooms,
  mapping: Mapping,
  hidesDeleted: boolean,
): string[] {
  const wrong: string[] = [];
  const rows = state.sql('SELECT key, id, state, properties FROM directory_object').all() as MirrorObject[];
  const mirror = new Map(rows.map((row) => [row.id, row]));
  const edges = new Map<string, Set<string>>();
  for (const { g, m } of state
    .sql(
      `SELECT g.id AS g, m.id AS m FROM membership e JOIN directory_object g ON g.key = e.group_key
       JOIN directory_object m ON m.key = e.member_key WHERE m.state <> 'gone'`,
    )
    .all() as { g: string; m: string }[]) {
    edges.set(g, (edges.get(g) ?? new Set()).add(m));
  }
  const compare = (kind: string, object: ObjectTruth, names: readonly string[]): void => {
    const row = mirror.get(object.id);
    const wanted = expectedStates[object.status];
    // A member of whom no more than the id was ever read is as good as unknown.
    const found = row?.state === 'unread' ? undefined : row?.state;
    if (
      !wanted.includes(found) &&
      !(hidesDeleted && object.status === 'purged' && found === 'soft-deleted')
    ) {
      wrong.push(
        `mirror: the ${kind} ${object.id} is ${object.status} and stands there as ${found ?? 'unknown'}`,
      );
    }
    if (object.status !== 'active' || !row) return;
    const properties = JSON.parse(row.properties ?? '{}') as Record<string, unknown>;
    for (const name of names) {
      const truth = name === 'id' ? undefined : (object.props[name] ?? undefined);
      const known = name === 'id' ? undefined : (properties[name] ?? undefined);
      if (typeof truth !== 'object' && truth !== known)
        wrong.push(
          `mirror: ${name} of the ${kind} ${object.id} is ${String(truth)} and stands there as ${String(known)}`,
        );
    }
  };
  const deleted = new Set(
    [...snapshot.users, ...snapshot.groups].filter(({ status }) => status !== 'active').map(({ id }) => id),
  );
  const selected = selectedProperties(mapping);
  for (const user of snapshot.users) compare('user', user, selected);
  for (const group of snapshot.groups) {
    compare('group', group, ['displayName']);
    if (group.status !== 'active') continue;
    // Memberships of the deleted are of no effect, and Graph need not tell them.
    const isCertain = (id: string): boolean => !deleted.has(id);
    const truth = group.members
      .map(({ id }) => id)
      .filter(isCertain)
      .sort();
    const known = [...(edges.get(group.id) ?? [])].filter(isCertain).sort();
    if (truth.join() !== known.join()) {
      const named = (id: string): string => `${id} (${mirror.get(id)?.state ?? 'unknown'})`;
      const lacks = truth.filter((id) => !known.includes(id)).map(named);
      const extra = known.filter((id) => !truth.includes(id)).map(named);
      wrong.push(
        `mirror: the group ${group.id} lacks the members [${lacks.join()}] and has [${extra.join()}] too many`,
      );
    }
  }
  return wrong;
}

/** Compares what the ledger says with what the target has. */
export function findLedgerDifferences({ ledger, people }: StateRooms, target: TargetTables): string[] {
  const wrong: string[] = [];
  const present = new Set<string>();
  const { accounts, groups } = ledger.changesSince(0, 1_000_000);
  for (const account of accounts) {
    if (!account.present) continue;
    present.add(account.externalId);
    const row = target.accounts.get(account.externalId);
    if (row?.login !== account.login || row.enabled !== Number(account.enabled))
      wrong.push(`ledger: ${account.externalId} stands otherwise in the target`);
    if (account.groups.join() !== (target.memberships.get(account.externalId) ?? []).join())
      wrong.push(`ledger: ${account.externalId} has other groups in the target`);
  }
  for (const id of target.accounts.keys())
    if (!present.has(id)) wrong.push(`ledger: it does not know the account ${id}`);
  for (const group of groups) {
    if (group.present !== target.groups.has(group.externalId))
      wrong.push(`ledger: the group ${group.externalId} stands otherwise in the target`);
  }
  if (!people.isEmpty()) wrong.push('ledger: somebody waits to be settled');
  return wrong;
}
