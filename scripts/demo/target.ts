// Owns reading the demo's target the way Gespage would: by a connection of its own that cannot write.
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';

/** A person as the target has them, without the time of the last write. */
export type PersonState = Readonly<Record<string, unknown>> & { readonly groups: readonly string[] };

export interface DemoTarget {
  /** Accounts so far; 0 while the file is not there. */
  count(): number;
  /** Enabled people, in the order of their ids. */
  enabled(limit: number): string[];
  /** Null where there is no such account. */
  person(id: string): PersonState | null;
  groupName(id: string): string | null;
  /** Accounts written after `since` (ISO 8601) that are none of these. */
  changedBeside(ids: ReadonlySet<string>, since: string): number;
}

/** Opens the file when it is first needed. */
export function openTarget(file: string): DemoTarget {
  let database: Database.Database | undefined;
  const query = (sql: string): Database.Statement => {
    database ??= new Database(file, { readonly: true });
    return database.prepare(sql);
  };
  return {
    count() {
      if (!existsSync(file)) return 0;
      try {
        return query('SELECT count(*) FROM gespage_account').pluck().get() as number;
      } catch {
        return 0;
      }
    },
    enabled: (limit) =>
      query('SELECT external_id FROM gespage_account WHERE enabled = 1 ORDER BY external_id LIMIT ?')
        .pluck()
        .all(limit) as string[],
    person(id) {
      const row = query('SELECT * FROM gespage_account WHERE external_id = ?').get(id) as
        Record<string, unknown> | undefined;
      if (row === undefined) return null;
      const { updated_at: _, ...rest } = row;
      const groups = query('SELECT group_id FROM gespage_membership WHERE account_id = ? ORDER BY group_id')
        .pluck()
        .all(id) as string[];
      return { ...rest, groups };
    },
    groupName: (id) =>
      (query('SELECT name FROM gespage_group WHERE external_id = ?').pluck().get(id) as string | undefined) ??
      null,
    changedBeside: (ids, since) =>
      query(
        `SELECT count(*) FROM gespage_account WHERE updated_at > ? AND external_id NOT IN (SELECT value FROM json_each(?))`,
      )
        .pluck()
        .get(since, JSON.stringify([...ids])) as number,
  };
}
