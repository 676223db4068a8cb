// Owns adoption: rows that a target holds and the ledger does not know become accounts of the ledger, as they stand.
//
// This is how a lost state database gets back whom it had forgotten: they are then decided like everybody else, so
// that whoever has left meanwhile passes the guard and the days of grace.
import { loginKey } from '../accounts/login.ts';
import type { Account } from '../accounts/model.ts';
import type { State } from './database.ts';
import type { FirstUsers } from './first-users.ts';
import type { Ledger } from './ledger.ts';
import type { Meta } from './meta.ts';

export interface FoundRows {
  readonly accounts: readonly Account[];
  readonly groups: readonly { readonly externalId: string; readonly name: string }[];
}

export interface Adopted {
  readonly accounts: number;
  readonly groups: number;
  /** Of these people the mirror knows nothing: only a complete full round of users can say whether they are gone. */
  readonly unread: number;
}

export interface Adoption {
  /** Whether the ledger never held anything, or was still taking in its first rows when the process ended. */
  isNew(): boolean;
  /** A first round that is under way is given up: it would append people who are taken in now a second time. */
  begin(): void;
  end(): void;
  /** Takes in those that the ledger does not know; their people are to be settled. */
  adopt(found: FoundRows, cause: string, now: number): Adopted;
}

const underWay = 'adopting';

export function createAdoption(state: State, ledger: Ledger, meta: Meta, firstUsers: FirstUsers): Adoption {
  const find = state.sql('SELECT key, kind, state FROM directory_object WHERE id = ?');
  const insertStub = state.sql(
    `INSERT INTO directory_object(id, kind, state, read) VALUES (?, ?, 'unread', 0) RETURNING key`,
  );
  const isAccount = state.sql('SELECT 1 FROM account WHERE key = ?');
  const isGroup = state.sql('SELECT 1 FROM published_group WHERE key = ?');
  const mark = state.sql('INSERT INTO unsettled(key, cause) VALUES (?, ?) ON CONFLICT(key) DO NOTHING');

  function adoptAccount(account: Account, cause: string, now: number): 'known' | 'adopted' | 'unread' {
    const row = find.get(account.externalId) as { key: number; kind: string; state: string } | undefined;
    if (row && (row.kind === 'group' || isAccount.get(row.key) !== undefined)) return 'known';
    const key = row?.key ?? (insertStub.pluck().get(account.externalId, 'user') as number);
    // Whoever has the login in the ledger keeps it; at the target one of the two gives way as soon as it is written.
    const isTaken = ledger.holders([loginKey(account.login)]).size > 0;
    const login = isTaken ? `~${account.externalId}` : account.login;
    const standing = { present: true, disabledSince: null, pingedAt: null };
    ledger.write(key, { ...account, login }, loginKey(login), standing);
    ledger.audit({ at: now, key, action: 'adopt', cause, reason: null, changes: null });
    if (row && row.state !== 'unread') {
      mark.run(key, cause);
      return 'adopted';
    }
    return 'unread';
  }

  function adoptGroup({ externalId, name }: { externalId: string; name: string }): boolean {
    const row = find.get(externalId) as { key: number } | undefined;
    if (row && isGroup.get(row.key) !== undefined) return false;
    const key = row?.key ?? (insertStub.pluck().get(externalId, 'group') as number);
    ledger.adoptGroup(key, externalId, name);
    return true;
  }

  return {
    isNew: () => ledger.revision() === 0 || meta.text(underWay) === 'yes',
    begin: () =>
      state.transaction(() => {
        if (firstUsers.isAppending()) firstUsers.giveUp();
        meta.setText(underWay, 'yes');
      }),
    end: () => meta.setText(underWay, 'no'),
    adopt: ({ accounts, groups }, cause, now) =>
      state.transaction(() => {
        const outcomes = accounts.map((account) => adoptAccount(account, cause, now));
        return {
          accounts: outcomes.filter((outcome) => outcome !== 'known').length,
          groups: groups.filter(adoptGroup).length,
          unread: outcomes.filter((outcome) => outcome === 'unread').length,
        };
      }),
  };
}
