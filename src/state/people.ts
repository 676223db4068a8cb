// Owns the queue of people to settle: who is to be decided again, with all that the decision needs.
import type { DirectoryUser, ObjectState } from '../accounts/model.ts';
import type { State } from './database.ts';
import type { Ledger, LedgerRow } from './ledger.ts';

export type RemovalState = 'proposed' | 'approved' | 'held' | 'kept';

/** One person with everything that a decision needs. */
export interface Person {
  readonly key: number;
  /** Undefined for members that are no users, and for users never read. */
  readonly user: DirectoryUser | undefined;
  readonly account: LedgerRow | undefined;
  readonly removal: RemovalState | undefined;
  readonly hasIssue: boolean;
  readonly inScopeGroup: boolean;
  /** Published groups, sorted object ids. */
  readonly groups: readonly string[];
  readonly cause: string;
  readonly pingedAt: number | null;
}

/** Why a person has no account, or not the wanted login. */
export interface PersonIssue {
  readonly key: number;
  readonly kind: 'login-collision' | 'no-login' | 'failed';
  readonly detail: string;
  readonly loginKey: string | null;
  readonly since: number;
}

export interface People {
  /** Keys of the next people to settle: those whose change was notified before all others, in ascending order. */
  nextKeys(limit: number): number[];
  /** The people of these keys, in their order. `nested`: whether published groups count nested members. */
  load(keys: readonly number[], nested: boolean): Person[];
  /** Those of these people who wait to be settled or stand in conflict over a login. */
  unresolved(keys: readonly number[]): number[];
  /** Marks those who wait for one of these logins. */
  markWaiting(loginKeys: readonly string[], cause: string): void;
  setIssue(key: number, issue: Omit<PersonIssue, 'key'>): void;
  clearIssue(key: number): void;
  countIssues(): number;
  issues(limit: number): (PersonIssue & { id: string })[];
  done(keys: readonly number[]): void;
  mark(keys: readonly number[], cause: string): void;
  /** Marks every user of the mirror with a key in `(afterKey, …]`; returns the last key, undefined at the end. */
  markRange(afterKey: number, limit: number, cause: string): number | undefined;
  count(): number;
  isEmpty(): boolean;
  keyOf(id: string): number | undefined;
}

const none: readonly string[] = [];

export function createPeople(state: State, ledger: Ledger): People {
  const select = state.sql(
    `SELECT k.value AS key, coalesce(u.cause, 'login freed') AS cause, u.pinged_at AS pingedAt, o.id, o.kind, o.state,
            o.properties, r.state AS removal, i.key AS issue
     FROM json_each(?) k
     LEFT JOIN unsettled u ON u.key = k.value
     LEFT JOIN directory_object o ON o.key = k.value
     LEFT JOIN removal r ON r.key = k.value
     LEFT JOIN person_issue i ON i.key = k.value`,
  );
  const memberships = state.sql(
    `SELECT DISTINCT m.member_key AS key, o.id, g.scope,
            g.publish AND (:nested OR r.group_key = r.root_key) AS publish
     FROM json_each(:list) k
     JOIN membership m ON m.member_key = k.value
     JOIN group_reach r ON r.group_key = m.group_key
     JOIN relevant_group g ON g.key = r.root_key
     JOIN directory_object o ON o.key = g.key`,
  );
  const firstPinged = state
    .sql('SELECT key FROM unsettled WHERE pinged_at IS NOT NULL ORDER BY key LIMIT ?')
    .pluck();
  const first = state.sql('SELECT key FROM unsettled ORDER BY key LIMIT ?').pluck();
  const anyRelevant = state.sql('SELECT 1 FROM relevant_group LIMIT 1');
  const markOne = state.sql('INSERT INTO unsettled(key, cause) VALUES (?, ?) ON CONFLICT(key) DO NOTHING');

  return {
    nextKeys(limit) {
      const pinged = firstPinged.all(limit) as number[];
      return pinged.length > 0 ? pinged : (first.all(limit) as number[]);
    },
    load(keys, nested) {
      const list = JSON.stringify(keys);
      // In the order of the keys: what stands left of a left join is its outer loop.
      const rows = select.all(list) as PersonRow[];
      const accounts = ledger.among(list);
      const scope = new Set<number>();
      const groups = new Map<number, Set<string>>();
      if (rows.length > 0 && anyRelevant.get() !== undefined) {
        for (const row of memberships.all({ list, nested: nested ? 1 : 0 }) as {
          key: number;
          id: string;
          scope: number;
          publish: number;
        }[]) {
          if (row.scope) scope.add(row.key);
          if (!row.publish) continue;
          const known = groups.get(row.key);
          if (known) known.add(row.id);
          else groups.set(row.key, new Set([row.id]));
        }
      }
      return rows.map((row) => {
        const { key } = row;
        const user = readUser(row);
        // Whoever is gone for good is a member of nothing, whatever the stream of groups still says.
        const isGone = user?.state === 'gone';
        return {
          key,
          user,
          account: accounts.get(key),
          removal: row.removal ?? undefined,
          hasIssue: row.issue !== null,
          inScopeGroup: !isGone && scope.has(key),
          groups: isGone || !groups.has(key) ? none : [...(groups.get(key) ?? none)].sort(),
          cause: row.cause,
          pingedAt: row.pingedAt,
        };
      });
    },
    unresolved: (keys) =>
      state
        .sql(
          `SELECT value FROM json_each(?) k WHERE EXISTS (SELECT 1 FROM unsettled WHERE key = k.value)
           OR EXISTS (SELECT 1 FROM person_issue WHERE key = k.value AND kind = 'login-collision')`,
        )
        .pluck()
        .all(JSON.stringify(keys)) as number[],
    markWaiting(loginKeys, cause) {
      if (loginKeys.length === 0) return;
      state
        .sql(
          `INSERT INTO unsettled(key, cause) SELECT key, ? FROM person_issue
           WHERE login_key IN (SELECT value FROM json_each(?)) ON CONFLICT(key) DO NOTHING`,
        )
        .run(cause, JSON.stringify(loginKeys));
    },
    setIssue(key, issue) {
      state
        .sql(
          `INSERT INTO person_issue(key, kind, detail, login_key, since) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT(key) DO UPDATE SET since = CASE WHEN kind = excluded.kind THEN since ELSE excluded.since END,
             kind = excluded.kind, detail = excluded.detail, login_key = excluded.login_key`,
        )
        .run(key, issue.kind, issue.detail, issue.loginKey, issue.since);
    },
    clearIssue(key) {
      state.sql('DELETE FROM person_issue WHERE key = ?').run(key);
    },
    countIssues: () => state.sql('SELECT count(*) FROM person_issue').pluck().get() as number,
    issues: (limit) =>
      state
        .sql(
          `SELECT i.key, o.id, i.kind, i.detail, i.login_key AS loginKey, i.since FROM person_issue i
           JOIN directory_object o ON o.key = i.key ORDER BY i.since DESC LIMIT ?`,
        )
        .all(limit) as (PersonIssue & { id: string })[],
    done(keys) {
      state
        .sql('DELETE FROM unsettled WHERE key IN (SELECT value FROM json_each(?))')
        .run(JSON.stringify(keys));
    },
    mark(keys, cause) {
      state.transaction(() => {
        for (const key of keys) markOne.run(key, cause);
      });
    },
    markRange(afterKey, limit, cause) {
      return state.transaction(() => {
        const last = state
          .sql('SELECT max(key) FROM (SELECT key FROM directory_object WHERE key > ? ORDER BY key LIMIT ?)')
          .pluck()
          .get(afterKey, limit) as number | null;
        if (last === null) return undefined;
        state
          .sql(
            `INSERT INTO unsettled(key, cause) SELECT key, ? FROM directory_object
             WHERE key > ? AND key <= ? AND kind = 'user' AND state <> 'unread' ON CONFLICT(key) DO NOTHING`,
          )
          .run(cause, afterKey, last);
        return last;
      });
    },
    count: () => state.sql('SELECT count(*) FROM unsettled').pluck().get() as number,
    isEmpty: () => state.sql('SELECT 1 FROM unsettled LIMIT 1').get() === undefined,
    keyOf: (id) =>
      state.sql('SELECT key FROM directory_object WHERE id = ?').pluck().get(id) as number | undefined,
  };
}

interface PersonRow {
  readonly key: number;
  readonly cause: string;
  readonly pingedAt: number | null;
  readonly id: string | null;
  readonly kind: string | null;
  readonly state: ObjectState | 'unread' | null;
  readonly properties: string | null;
  readonly removal: RemovalState | null;
  readonly issue: number | null;
}

function readUser({ id, kind, state, properties }: PersonRow): DirectoryUser | undefined {
  if (id === null || kind !== 'user' || state === null || state === 'unread') return undefined;
  return {
    id,
    state,
    properties: properties === null ? {} : (JSON.parse(properties) as Record<string, unknown>),
  };
}
