// Owns the ledger: the accounts and groups that Gespage should hold, each with the revision of its last change.
import { type Account, type FieldName, fieldNames } from '../accounts/model.ts';
import type { State } from './database.ts';
import { type HeldName, nameGroups } from './group-names.ts';

/** An account of the ledger; `present` is false once its row is to be gone from the targets. */
export interface LedgerRow extends Account {
  readonly key: number;
  readonly present: boolean;
  readonly disabledSince: number | null;
  readonly revision: number;
  readonly pingedAt: number | null;
}

export type AuditAction = 'adopt' | 'create' | 'update' | 'restore' | 'disable' | 'delete' | 'expire';

export interface AuditEntry {
  readonly at: number;
  readonly key: number;
  readonly action: AuditAction;
  readonly cause: string;
  readonly reason: string | null;
  readonly changes: Readonly<Record<string, readonly [unknown, unknown]>> | null;
}

/** Queries that give all of the ledger to whoever has attached its file. */
type Queries = Readonly<Record<'file' | 'ledgerId' | 'accounts' | 'groups' | 'revision', string>>;

/** Everything whose revision lies in `(from, to]`. */
export interface LedgerChanges {
  readonly to: number;
  readonly accounts: readonly LedgerRow[];
  readonly groups: readonly {
    readonly externalId: string;
    readonly name: string;
    readonly present: boolean;
  }[];
}

export interface Ledger {
  revision(): number;
  /** Where a target that reads SQLite files finds all of it, in its schema `ledger`. */
  source(file: string, ledgerId: string): Queries;
  /** Rows of the ledger that changed after this revision. */
  countChangesSince(revision: number): number;
  /** A row was written under a revision chosen elsewhere: those given from now on are higher. */
  passRevision(revision: number): void;
  /** Writes one account under the next revision. Logins must have been parked first where they change hands. */
  write(
    key: number,
    account: Account,
    loginKey: string,
    standing: { present: boolean; disabledSince: number | null; pingedAt: number | null },
  ): void;
  /**
   * Takes the named people's logins out of the way, so that logins can change hands within one transaction. What
   * stands in their place begins with a line feed, which no login does.
   */
  parkLogins(keys: readonly number[]): void;
  /** Who among the ledger's present accounts holds these login keys. */
  holders(loginKeys: readonly string[]): Map<string, number>;
  get(key: number): LedgerRow | undefined;
  /** Those accounts whose keys stand in a JSON list. */
  among(list: string): Map<number, LedgerRow>;
  audit(entry: AuditEntry): void;
  /** One entry for each of these new accounts. */
  auditCreated(keys: readonly number[], at: number, cause: string): void;
  countEnabled(): number;
  countPresent(): number;
  /** People whose enabled account was disabled or deleted since then. */
  countRemovedSince(at: number): number;
  changesSince(revision: number, limit: number): LedgerChanges;
  /**
   * Brings the published groups of the ledger to the mirror's; returns whether anything changed. With `present` alone,
   * groups that are no longer published stay; with `absent`, nothing but those goes: only while nobody waits to be
   * settled, so that the accounts have given up their memberships first.
   */
  settleGroups(half?: 'present' | 'absent'): boolean;
  /** Published groups whose name in the targets is another than in the tenant, since it is not the only one of that name. */
  renamedGroups(): { readonly id: string; readonly name: string; readonly wanted: string }[];
  /** Takes in a group that a target holds; where it is not published any more, `settleGroups` takes it away again. */
  adoptGroup(key: number, externalId: string, name: string): void;
  /** Accounts with keys after this one, in their order, present or not. */
  accountsAfter(key: number, limit: number): LedgerRow[];
  /** All published groups, present or not. */
  groups(): LedgerChanges['groups'];
  /** Gives the people whom a target refused a new revision, so that the targets are offered them once more. */
  offerRefusedAgain(): void;
  /** Whether somebody has been disabled since `limit` or longer. */
  hasExpired(limit: number): boolean;
  /** Rows that were deleted since then because the days of grace were over. */
  countExpiredSince(at: number): number;
  /** Marks for settling those who have been disabled since `limit` or longer, the longest first; returns how many. */
  markExpired(limit: number, most: number, cause: string): number;
  /** Since when the one has been disabled who was disabled next after `limit`. */
  nextExpiry(limit: number): number | undefined;
}

const columnOf: Record<FieldName, string> = {
  displayName: 'display_name',
  firstName: 'first_name',
  lastName: 'last_name',
  email: 'email',
  department: 'department',
  activity: 'activity',
  printCode: 'print_code',
  cardNumber: 'card_number',
  homeDirectory: 'home_directory',
};

/** The columns of the fields, in the fields' order. */
export const fieldColumns = fieldNames.map((name) => columnOf[name]);

/** The ledger's columns as `LedgerRow` parts; used by every query that reads accounts. */
export const accountColumns = [
  'a.key AS a_key, a.external_id, a.login, a.enabled, a.groups, a.present, a.disabled_at, a.revision, a.pinged_at AS a_pinged_at',
  ...fieldColumns.map((column) => `a.${column}`),
].join(', ');

export type AccountColumns = Record<string, string | number | null>;

/** Reads what `accountColumns` selected; undefined where the join found no account. */
export function readAccount(row: AccountColumns): LedgerRow | undefined {
  if (row['a_key'] === null || row['a_key'] === undefined) return undefined;
  const fields = {} as Record<FieldName, string | null>;
  for (const name of fieldNames) fields[name] = row[columnOf[name]] as string | null;
  return {
    key: row['a_key'] as number,
    externalId: row['external_id'] as string,
    login: row['login'] as string,
    fields,
    enabled: row['enabled'] === 1,
    groups: row['groups'] === '[]' ? [] : (JSON.parse(row['groups'] as string) as string[]),
    present: row['present'] === 1,
    disabledSince: row['disabled_at'] as number | null,
    revision: row['revision'] as number,
    pingedAt: row['a_pinged_at'] as number | null,
  };
}

/** Not those who cannot be judged: nothing would come of it, and they would be marked again without end. */
const expired = `FROM account WHERE present = 1 AND disabled_at IS NOT NULL AND disabled_at <= ?
  AND NOT EXISTS (SELECT 1 FROM person_issue i WHERE i.key = account.key AND i.kind IN ('no-login', 'failed'))`;
const groupColumns = 'SELECT external_id AS externalId, name, present FROM published_group';

function readGroups(rows: readonly unknown[]): LedgerChanges['groups'] {
  return (rows as { externalId: string; name: string; present: number }[]).map((group) => ({
    ...group,
    present: group.present === 1,
  }));
}

export function createLedger(state: State): Ledger {
  const names = ['key', 'external_id', 'login', 'login_key', ...fieldColumns, 'enabled', 'groups', 'present'];
  const all = [...names, 'disabled_at', 'revision', 'pinged_at'];
  const upsert = state.sql(
    `INSERT INTO account(${all.join(', ')}) VALUES (${all.map(() => '?').join(', ')})
     ON CONFLICT(key) DO UPDATE SET ${all
       .slice(1)
       .map((name) => `${name} = excluded.${name}`)
       .join(', ')}`,
  );
  const audit = state.sql(
    'INSERT INTO audit(at, key, action, cause, reason, changes) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const auditCreated = state.sql(
    `INSERT INTO audit(at, key, action, cause) SELECT :at, value, 'create', :cause FROM json_each(:list)`,
  );
  const among = state.sql(
    `SELECT ${accountColumns} FROM account a WHERE a.key IN (SELECT value FROM json_each(?))`,
  );
  const bounds = state
    .sql(
      `SELECT max(revision) FROM (
         SELECT revision FROM account WHERE revision > :from
         UNION ALL SELECT revision FROM published_group WHERE revision > :from ORDER BY revision LIMIT :limit)`,
    )
    .pluck();
  const newest = state
    .sql(
      'SELECT max((SELECT coalesce(max(revision), 0) FROM account), (SELECT coalesce(max(revision), 0) FROM published_group))',
    )
    .pluck();
  const revisionNow = (): number => newest.get() as number;
  let lastRevision = revisionNow();
  // Without the old receipt: the time until now says nothing about how fast changes travel.
  const touch = state.sql('UPDATE account SET revision = ?, pinged_at = NULL WHERE key = ?');
  // After a rollback a number is skipped, never given twice.
  const nextRevision = (): number => (lastRevision += 1);

  /** A target dropped the memberships together with the group: whoever still has one is written once more. */
  function offerMembersAgain(groupIds: readonly string[]): void {
    const keys = state
      .sql(
        `SELECT DISTINCT a.key FROM account a, json_each(a.groups) g
         WHERE a.present = 1 AND a.groups <> '[]' AND g.value IN (SELECT value FROM json_each(?))`,
      )
      .pluck()
      .all(JSON.stringify(groupIds)) as number[];
    for (const key of keys) touch.run(nextRevision(), key);
  }

  /** Writes the groups that are to be published and differ; returns them. */
  function writeGroups(): { id: string; was: 0 | 1 | null }[] {
    const wanted = state
      .sql(
        `SELECT g.key, o.id, coalesce(o.properties ->> 'displayName', o.id) AS name, p.name AS held, p.present AS was
         FROM relevant_group g JOIN directory_object o ON o.key = g.key LEFT JOIN published_group p ON p.key = g.key
         WHERE g.publish = 1`,
      )
      .all() as { key: number; id: string; name: string; held: string | null; was: 0 | 1 | null }[];
    const held = state
      .sql('SELECT external_id AS id, name FROM published_group WHERE present = 1')
      .all() as HeldName[];
    const names = nameGroups(wanted, held);
    const changed = wanted.filter(({ id, held, was }) => was !== 1 || held !== names.get(id));
    for (const { key, id } of changed) {
      state
        .sql(
          `INSERT INTO published_group(key, external_id, name, present, revision) VALUES (?, ?, ?, 1, ?)
           ON CONFLICT(key) DO UPDATE SET name = excluded.name, present = 1, revision = excluded.revision`,
        )
        .run(key, id, names.get(id), nextRevision());
    }
    return changed;
  }

  return {
    revision: revisionNow,
    source: (file, ledgerId) => ({
      file,
      ledgerId,
      accounts: `SELECT external_id, login, enabled, groups, ${fieldColumns.join(', ')} FROM ledger.account NOT INDEXED WHERE present = 1`,
      groups: 'SELECT external_id, name FROM ledger.published_group WHERE present = 1',
      revision: `SELECT max((SELECT coalesce(max(revision), 0) FROM ledger.account),
                           (SELECT coalesce(max(revision), 0) FROM ledger.published_group)) AS revision`,
    }),
    countChangesSince: (revision) =>
      state
        .sql(
          `SELECT (SELECT count(*) FROM account WHERE revision > :revision)
                + (SELECT count(*) FROM published_group WHERE revision > :revision)`,
        )
        .pluck()
        .get({ revision }) as number,
    passRevision(revision) {
      lastRevision = Math.max(lastRevision, revision);
    },
    write(key, account, loginKey, standing) {
      upsert.run(
        key,
        account.externalId,
        account.login,
        loginKey,
        ...fieldNames.map((name) => account.fields[name]),
        account.enabled ? 1 : 0,
        account.groups.length === 0 ? '[]' : JSON.stringify(account.groups),
        standing.present ? 1 : 0,
        standing.disabledSince,
        nextRevision(),
        standing.pingedAt,
      );
    },
    parkLogins(keys) {
      if (keys.length === 0) return;
      state
        .sql(`UPDATE account SET login_key = char(10) || key WHERE key IN (SELECT value FROM json_each(?))`)
        .run(JSON.stringify(keys));
    },
    holders(loginKeys) {
      const rows = state
        .sql(
          `SELECT login_key AS loginKey, key FROM account
           WHERE present = 1 AND login_key IN (SELECT value FROM json_each(?))`,
        )
        .all(JSON.stringify(loginKeys)) as { loginKey: string; key: number }[];
      return new Map(rows.map((row) => [row.loginKey, row.key]));
    },
    get(key) {
      const row = state.sql(`SELECT ${accountColumns} FROM account a WHERE a.key = ?`).get(key);
      return row === undefined ? undefined : readAccount(row as AccountColumns);
    },
    among(list) {
      const rows = among.all(list) as AccountColumns[];
      const accounts = rows.map(readAccount).filter((row) => row !== undefined);
      return new Map(accounts.map((row) => [row.key, row]));
    },
    auditCreated(keys, at, cause) {
      auditCreated.run({ at, cause, list: JSON.stringify(keys) });
    },
    audit(entry) {
      const changes = entry.changes === null ? null : JSON.stringify(entry.changes);
      audit.run(entry.at, entry.key, entry.action, entry.cause, entry.reason, changes);
    },
    countEnabled: () =>
      state.sql('SELECT count(*) FROM account WHERE present = 1 AND enabled = 1').pluck().get() as number,
    countPresent: () => state.sql('SELECT count(*) FROM account WHERE present = 1').pluck().get() as number,
    countRemovedSince: (at) =>
      state
        .sql(
          // Left to itself, the planner reads the whole audit in the order of its keys.
          `SELECT count(*) FROM (SELECT DISTINCT key FROM audit INDEXED BY audit_removal
           WHERE action IN ('disable', 'delete') AND at > ?)`,
        )
        .pluck()
        .get(at) as number,
    changesSince(from, limit) {
      const to = (bounds.get({ from, limit }) as number | null) ?? from;
      const accounts = state
        .sql(
          `SELECT ${accountColumns} FROM account a WHERE a.revision > ? AND a.revision <= ? ORDER BY a.revision`,
        )
        .all(from, to) as AccountColumns[];
      const groups = state.sql(`${groupColumns} WHERE revision > ? AND revision <= ?`).all(from, to);
      return {
        to,
        accounts: accounts.map(readAccount).filter((row) => row !== undefined),
        groups: readGroups(groups),
      };
    },
    settleGroups(half) {
      const changed = half === 'absent' ? [] : writeGroups();
      const removed =
        half === 'present'
          ? []
          : (state
              .sql(
                `SELECT key FROM published_group WHERE present = 1
                 AND key NOT IN (SELECT key FROM relevant_group WHERE publish = 1)`,
              )
              .pluck()
              .all() as number[]);
      const back = changed.filter((group) => group.was === 0);
      if (back.length > 0) offerMembersAgain(back.map((group) => group.id));
      for (const key of removed) {
        state
          .sql('UPDATE published_group SET present = 0, revision = ? WHERE key = ?')
          .run(nextRevision(), key);
      }
      // Names that are free now go to those who had to wait for them.
      if (removed.length > 0) writeGroups();
      return changed.length + removed.length > 0;
    },
    renamedGroups: () =>
      state
        .sql(
          `SELECT p.external_id AS id, p.name, o.properties ->> 'displayName' AS wanted
           FROM published_group p JOIN relevant_group g ON g.key = p.key JOIN directory_object o ON o.key = p.key
           WHERE p.present = 1 AND g.publish = 1 AND p.name <> o.properties ->> 'displayName' ORDER BY p.name`,
        )
        .all() as { id: string; name: string; wanted: string }[],
    adoptGroup(key, externalId, name) {
      state
        .sql('INSERT INTO published_group(key, external_id, name, present, revision) VALUES (?, ?, ?, 1, ?)')
        .run(key, externalId, name, nextRevision());
    },
    accountsAfter: (key, limit) =>
      (
        state
          .sql(`SELECT ${accountColumns} FROM account a WHERE a.key > ? ORDER BY a.key LIMIT ?`)
          .all(key, limit) as AccountColumns[]
      )
        .map(readAccount)
        .filter((row) => row !== undefined),
    groups: () => readGroups(state.sql(`${groupColumns} ORDER BY key`).all()),
    offerRefusedAgain() {
      state.transaction(() => {
        const keys = state.sql('SELECT DISTINCT key FROM refusal').pluck().all() as number[];
        for (const key of keys) touch.run(nextRevision(), key);
      });
    },
    hasExpired: (limit) => state.sql(`SELECT 1 ${expired} LIMIT 1`).get(limit) !== undefined,
    countExpiredSince: (at) =>
      state.sql(`SELECT count(*) FROM audit WHERE action = 'expire' AND at > ?`).pluck().get(at) as number,
    markExpired: (limit, most, cause) =>
      state
        .sql(
          `INSERT INTO unsettled(key, cause) SELECT key, ? ${expired} ORDER BY disabled_at LIMIT ?
           ON CONFLICT(key) DO NOTHING`,
        )
        .run(cause, limit, Math.max(0, most)).changes,
    nextExpiry(limit) {
      const next = state
        .sql(
          'SELECT min(disabled_at) FROM account WHERE present = 1 AND disabled_at IS NOT NULL AND disabled_at > ?',
        )
        .pluck()
        .get(limit) as number | null;
      return next ?? undefined;
    },
  };
}
