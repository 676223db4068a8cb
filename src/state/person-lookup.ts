// Owns finding one person, and everything that the database knows of why the person is, or is not, an account.
import type { DirectoryUser, ObjectState } from '../accounts/model.ts';
import type { State } from './database.ts';
import type { RemovalState } from './people.ts';

export interface GroupName {
  readonly id: string;
  readonly name: string;
}

/** A user of the mirror met while looking through it. */
export interface SeenUser {
  readonly key: number;
  readonly user: DirectoryUser;
  /** Folded login of the person's account, if there is or was one. */
  readonly loginKey: string | null;
}

export interface RemovalView {
  readonly state: RemovalState;
  readonly how: 'disable' | 'delete';
  readonly reason: string;
  readonly cause: string;
  readonly holdId: number | null;
  readonly proposedAt: number;
}

export interface IssueView {
  readonly kind: 'login-collision' | 'no-login' | 'failed';
  readonly detail: string;
  readonly loginKey: string | null;
  readonly since: number;
}

/** A scope group that has the person, with the groups between them: the direct one first, the scope group last. */
export type ScopePath = readonly GroupName[];

export interface PersonLookup {
  keyOfUser(id: string): number | undefined;
  /** Who has, or waits for, the login of this key. */
  keysOfLogin(loginKey: string): number[];
  /**
   * Every user of the mirror whose properties hold the text (ASCII compared without case), or whose login it is.
   * Takes turns with other work between slices.
   */
  scan(text: string, loginKey: string): AsyncGenerator<SeenUser, void, undefined>;
  directGroups(key: number): GroupName[];
  scopePaths(key: number): ScopePath[];
  groupNames(ids: readonly string[]): GroupName[];
  countScopeGroups(): number;
  removal(key: number): RemovalView | undefined;
  issue(key: number): IssueView | undefined;
  refusals(key: number): { target: string; reason: string; at: number }[];
  isUnsettled(key: number): boolean;
}

const sliceSize = 10_000;
/** Nesting deeper or wider than this is not followed for an explanation. */
const mostGroups = 2_000;

interface GroupRow extends GroupName {
  readonly key: number;
}

export function createPersonLookup(state: State): PersonLookup {
  const named = `o.key, o.id, coalesce(o.properties ->> 'displayName', o.id) AS name`;

  async function* scan(text: string, loginKey: string): AsyncGenerator<SeenUser, void, undefined> {
    // JSON keeps other letters as they are, but only ASCII is compared without case: others are looked through whole.
    const isPlain = /^[\u0020-\u007e]*$/.test(text) && !/["\\]/.test(text);
    const pattern = isPlain ? `%${text.replace(/[\\%_]/g, '\\$&')}%` : '%';
    const last = state.sql('SELECT max(key) FROM directory_object').pluck().get() as number | null;
    const slice = state.sql(
      `SELECT o.key, o.id, o.state, o.properties, a.login_key AS loginKey
       FROM directory_object o LEFT JOIN account a ON a.key = o.key
       WHERE o.key > ? AND o.key <= ? AND o.kind = 'user' AND o.state <> 'unread'
         AND (o.properties LIKE ? ESCAPE '\\' OR a.login_key = ?)`,
    );
    for (let from = 0; from < (last ?? 0); from += sliceSize) {
      const rows = slice.all(from, from + sliceSize, pattern, loginKey) as {
        key: number;
        id: string;
        state: ObjectState;
        properties: string | null;
        loginKey: string | null;
      }[];
      for (const row of rows) {
        const properties = JSON.parse(row.properties ?? '{}') as Record<string, unknown>;
        yield { key: row.key, loginKey: row.loginKey, user: { id: row.id, state: row.state, properties } };
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const parents = (key: number, nested: 0 | 1): GroupRow[] =>
    state
      .sql(
        `SELECT ${named} FROM membership m JOIN directory_object o ON o.key = m.group_key
         WHERE m.member_key = ? AND m.nested = ? AND o.state = 'present' ORDER BY name`,
      )
      .all(key, nested) as GroupRow[];

  function scopePaths(key: number): ScopePath[] {
    const roots = new Set(
      state.sql('SELECT key FROM relevant_group WHERE scope = 1').pluck().all() as number[],
    );
    const seen = new Set<number>();
    const paths: ScopePath[] = [];
    let layer: { group: GroupRow; path: GroupName[] }[] = parents(key, 0).map((group) => ({
      group,
      path: [],
    }));
    while (layer.length > 0 && seen.size < mostGroups) {
      const next: typeof layer = [];
      for (const { group, path } of layer) {
        if (seen.has(group.key)) continue;
        seen.add(group.key);
        const here = [...path, { id: group.id, name: group.name }];
        if (roots.has(group.key)) paths.push(here);
        for (const parent of parents(group.key, 1)) next.push({ group: parent, path: here });
      }
      layer = next;
    }
    return paths;
  }

  return {
    keyOfUser: (id) =>
      state
        .sql(`SELECT key FROM directory_object WHERE id = ? AND kind IN ('user', 'unknown')`)
        .pluck()
        .get(id) as number | undefined,
    keysOfLogin: (loginKey) =>
      state
        .sql(
          `SELECT key FROM account WHERE present = 1 AND login_key = ?
           UNION SELECT key FROM person_issue WHERE login_key = ? LIMIT 20`,
        )
        .pluck()
        .all(loginKey, loginKey) as number[],
    scan,
    directGroups: (key) => parents(key, 0).map(({ id, name }) => ({ id, name })),
    scopePaths,
    groupNames: (ids) =>
      (
        state
          .sql(
            `SELECT ${named} FROM directory_object o WHERE o.id IN (SELECT value FROM json_each(?)) ORDER BY name`,
          )
          .all(JSON.stringify(ids)) as GroupRow[]
      ).map(({ id, name }) => ({ id, name })),
    countScopeGroups: () =>
      state.sql('SELECT count(*) FROM relevant_group WHERE scope = 1').pluck().get() as number,
    removal: (key) =>
      state
        .sql(
          `SELECT state, how, reason, cause, hold_id AS holdId, proposed_at AS proposedAt
           FROM removal WHERE key = ?`,
        )
        .get(key) as RemovalView | undefined,
    issue: (key) =>
      state
        .sql('SELECT kind, detail, login_key AS loginKey, since FROM person_issue WHERE key = ?')
        .get(key) as IssueView | undefined,
    refusals: (key) =>
      state.sql('SELECT target, reason, at FROM refusal WHERE key = ?').all(key) as {
        target: string;
        reason: string;
        at: number;
      }[],
    isUnsettled: (key) => state.sql('SELECT 1 FROM unsettled WHERE key = ?').get(key) !== undefined,
  };
}
