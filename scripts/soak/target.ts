// Owns the target of a soak by kills: a database of its own, read as Gespage would.
import path from 'node:path';
import {
  readTarget,
  type AccountRow,
  type GroupRow,
  type TargetTables,
} from '../../test/helpers/target-tables.ts';
import type { TargetName } from './options.ts';

export interface SoakTarget {
  readonly url: string;
  read(): Promise<TargetTables>;
  close(): Promise<void>;
}

/** Makes it. @throws where the server's variable is missing. */
export async function openTarget(name: TargetName, folder: string): Promise<SoakTarget> {
  if (name === 'sqlite') {
    const file = path.join(folder, 'gespage.db');
    return {
      url: `sqlite:${file}`,
      read: () => Promise.resolve(readTarget(file)),
      close: () => Promise.resolve(),
    };
  }
  const { engines } = await import('../../test/gespage/databases.ts');
  const engine = engines.find((one) => one.name === name);
  if (engine?.missing !== undefined) throw new Error(`The target ${name} cannot be used: ${engine.missing}.`);
  const database = await engine?.create();
  if (!database) throw new Error(`There is no target ${name}.`);
  return {
    url: database.url,
    async read() {
      const [accounts = [], groups = [], memberships = []] = await readTables(database.query);
      return toTables(accounts, groups, memberships);
    },
    close: () => database.drop(),
  };
}

type Rows = Record<string, unknown>[];

/** Nothing where the tables are not there yet. */
async function readTables(query: (sql: string) => Promise<Rows>): Promise<Rows[]> {
  const tables: Rows[] = [];
  try {
    for (const table of ['gespage_account', 'gespage_group', 'gespage_membership'])
      tables.push(await query(`SELECT * FROM ${table}`));
    return tables;
  } catch (error) {
    if (/exist/.test(error instanceof Error ? error.message : '')) return [];
    throw error;
  }
}

function toTables(accounts: Rows, groups: Rows, members: Rows): TargetTables {
  const memberships = new Map<string, string[]>();
  for (const { account_id: account, group_id: group } of members as {
    account_id: string;
    group_id: string;
  }[])
    memberships.set(account, [...(memberships.get(account) ?? []), group].sort());
  return {
    accounts: new Map(
      (accounts as unknown as AccountRow[]).map((row) => [
        row.external_id,
        { ...row, enabled: Number(row.enabled) },
      ]),
    ),
    groups: new Map((groups as unknown as GroupRow[]).map((row) => [row.external_id, row])),
    memberships,
  };
}
