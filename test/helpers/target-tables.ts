// Owns reading the embedded target as Gespage would: its three tables, by a connection that cannot write.
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';

export interface AccountRow {
  readonly external_id: string;
  readonly login: string;
  readonly display_name: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly email: string | null;
  readonly department: string | null;
  readonly activity: string | null;
  readonly print_code: string | null;
  readonly card_number: string | null;
  readonly home_directory: string | null;
  readonly enabled: number;
  readonly updated_at: string;
}

export interface GroupRow {
  readonly external_id: string;
  readonly name: string;
  readonly updated_at: string;
}

export interface TargetTables {
  readonly accounts: ReadonlyMap<string, AccountRow>;
  readonly groups: ReadonlyMap<string, GroupRow>;
  /** Sorted group ids of each account that has any. */
  readonly memberships: ReadonlyMap<string, readonly string[]>;
}

const nothing: TargetTables = { accounts: new Map(), groups: new Map(), memberships: new Map() };

/** Everything in one snapshot; empty tables while the file is not there yet. */
export function readTarget(file: string): TargetTables {
  if (!existsSync(file)) return nothing;
  const database = new Database(file, { readonly: true });
  try {
    return database.transaction(() => readTables(database))();
  } catch (error) {
    if (error instanceof Error && /no such table/.test(error.message)) return nothing;
    throw error;
  } finally {
    database.close();
  }
}

function readTables(database: Database.Database): TargetTables {
  const rows = <T>(sql: string): T[] => database.prepare(sql).all() as T[];
  const memberships = new Map<string, string[]>();
  for (const { account_id: account, group_id: group } of rows<{ account_id: string; group_id: string }>(
    'SELECT account_id, group_id FROM gespage_membership ORDER BY account_id, group_id',
  )) {
    memberships.set(account, [...(memberships.get(account) ?? []), group]);
  }
  return {
    accounts: new Map(rows<AccountRow>('SELECT * FROM gespage_account').map((row) => [row.external_id, row])),
    groups: new Map(rows<GroupRow>('SELECT * FROM gespage_group').map((row) => [row.external_id, row])),
    memberships,
  };
}

/** What differs between two looks at the target, `updated_at` included, as the ids of people and groups touched. */
export function touched(before: TargetTables, after: TargetTables): string[] {
  const ids = new Set<string>();
  const compare = (one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): void => {
    for (const id of new Set([...one.keys(), ...other.keys()])) {
      if (JSON.stringify(one.get(id)) !== JSON.stringify(other.get(id))) ids.add(id);
    }
  };
  compare(before.accounts, after.accounts);
  compare(before.groups, after.groups);
  compare(before.memberships, after.memberships);
  return [...ids].sort();
}
