// Owns the ledger during the first full round of users: accounts are written with the pages, and nobody may read them
// as decided before the round is complete. Its indexes are made at the end, in one go: logins come in random order, so that
// each would touch another corner of theirs.
import { type Account, fieldNames } from '../accounts/model.ts';
import type { State } from './database.ts';
import { fieldColumns, type Ledger } from './ledger.ts';
import { createRowWriter } from './row-writer.ts';

/** Somebody whose login belongs to another from now on. */
export interface LoginLoser {
  readonly key: number;
  readonly externalId: string;
  readonly login: string;
  readonly loginKey: string;
  /** Object id of the one who has it. */
  readonly heldBy: string;
}

export interface FirstAccount {
  /** Among the people of its page. */
  readonly place: number;
  readonly account: Pick<Account, 'externalId' | 'login' | 'fields'>;
  readonly loginKey: string;
}

export interface FirstAccounts {
  /** Whether the ledger never held anything, so that accounts may be written without asking it. */
  isPossible(): boolean;
  /** Forgets what an earlier beginning wrote. */
  begin(): void;
  /** `firstKey`: of the page's first person. In the order of places. */
  add(firstKey: number, accounts: readonly FirstAccount[]): void;
  /** Takes away the accounts of rows that the mirror has dropped as outdated. */
  dropOutdated(): void;
  /**
   * Makes the indexes. Of people with one login the smallest object id gets it, as in `assignLogins`; the
   * others lose their account, and are returned.
   */
  shareLogins(): LoginLoser[];
  /** One entry in the audit for each account with a key after this one; returns the last key, undefined at the end. */
  audit(afterKey: number, limit: number, at: number, cause: string): number | undefined;
  /** Where an audit that was cut off goes on. */
  lastAudited(): number;
}

/** As the schema has them. */
const uniqueLogins = 'CREATE UNIQUE INDEX account_login ON account(login_key) WHERE present = 1';
const others = {
  account_revision: 'CREATE UNIQUE INDEX account_revision ON account(revision)',
  account_enabled: 'CREATE INDEX account_enabled ON account(key) WHERE present = 1 AND enabled = 1',
};

export function createFirstAccounts(state: State, ledger: Ledger): FirstAccounts {
  const columns = ['key', 'external_id', 'login', 'login_key', ...fieldColumns];
  const write = createRowWriter(
    state,
    `INSERT INTO account(${columns.join(', ')}, revision, enabled, groups, present)
     SELECT ${columns.map((_, place) => `column${place + 1}`).join(', ')}, column1, 1, '[]', 1`,
    columns.length,
  );
  const isMissing = (index: string): boolean =>
    state.sql('SELECT 1 FROM sqlite_master WHERE name = ?').get(index) === undefined;
  const makeIndex = (): void => void state.sql(uniqueLogins).run();

  return {
    isPossible: () =>
      state.sql('SELECT 1 FROM account UNION ALL SELECT 1 FROM audit LIMIT 1').get() === undefined,
    begin() {
      for (const table of ['account', 'person_issue', 'audit']) state.sql(`DELETE FROM ${table}`).run();
      for (const index of ['account_login', ...Object.keys(others)])
        state.sql(`DROP INDEX IF EXISTS ${index}`).run();
    },
    add(firstKey, accounts) {
      write(accounts.length, (row, values, at) => {
        const { place, account, loginKey } = accounts[row] as FirstAccount;
        values[at] = firstKey + place;
        values[at + 1] = account.externalId;
        values[at + 2] = account.login;
        values[at + 3] = loginKey;
        fieldNames.forEach((name, field) => {
          values[at + 4 + field] = account.fields[name];
        });
      });
      ledger.passRevision(firstKey + (accounts.at(-1)?.place ?? 0));
    },
    dropOutdated() {
      for (const table of ['account', 'person_issue'])
        state.sql(`DELETE FROM ${table} WHERE key NOT IN (SELECT key FROM directory_object)`).run();
    },
    shareLogins() {
      for (const [index, make] of Object.entries(others)) if (isMissing(index)) state.sql(make).run();
      if (!isMissing('account_login')) return [];
      return state.transaction(() => {
        try {
          makeIndex();
          return [];
        } catch (error) {
          if ((error as { code?: unknown }).code !== 'SQLITE_CONSTRAINT_UNIQUE') throw error;
        }
        const losers = state
          .sql(
            `SELECT key, external_id AS externalId, login, login_key AS loginKey, heldBy FROM (
               SELECT key, external_id, login, login_key,
                      first_value(external_id) OVER (PARTITION BY login_key ORDER BY external_id) AS heldBy
               FROM account) WHERE external_id <> heldBy`,
          )
          .all() as LoginLoser[];
        state
          .sql('DELETE FROM account WHERE key IN (SELECT value FROM json_each(?))')
          .run(JSON.stringify(losers.map(({ key }) => key)));
        makeIndex();
        return losers;
      });
    },
    audit(afterKey, limit, at, cause) {
      return state.transaction(() => {
        const last = state
          .sql('SELECT max(key) FROM (SELECT key FROM account WHERE key > ? ORDER BY key LIMIT ?)')
          .pluck()
          .get(afterKey, limit) as number | null;
        if (last === null) return undefined;
        state
          .sql(
            `INSERT INTO audit(at, key, action, cause) SELECT ?, key, 'create', ? FROM account
             WHERE key > ? AND key <= ? ORDER BY key`,
          )
          .run(at, cause, afterKey, last);
        return last;
      });
    },
    lastAudited: () => state.sql('SELECT coalesce(max(key), 0) FROM audit').pluck().get() as number,
  };
}
