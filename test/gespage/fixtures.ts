// Owns short ways to write accounts and batches in the target tests.
import { type Account, type AccountFields, fieldNames } from '../../src/accounts/model.ts';
import type { ChangeBatch } from '../../src/gespage/target.ts';

export const firstMoment = new Date('2031-02-03T04:05:06.789Z');
export const laterMoment = new Date('2031-02-04T00:00:00.001Z');

/** An object id that reads as its number. */
export function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export const noFields = Object.fromEntries(fieldNames.map((name) => [name, null])) as AccountFields;

interface AccountParts {
  readonly fields?: Partial<AccountFields>;
  readonly enabled?: boolean;
  readonly groups?: readonly number[];
}

export function makeAccount(number: number, login: string, parts: AccountParts = {}): Account {
  const { fields = {}, enabled = true, groups = [] } = parts;
  return {
    externalId: idOf(number),
    login,
    fields: { ...noFields, ...fields },
    enabled,
    groups: groups.map(idOf),
  };
}

export function makeGroup(number: number, name: string): ChangeBatch['groups'][number] {
  return { externalId: idOf(number), name };
}

let revision = 0;

/** A batch with the next revision of ledger `ledger-1`, unless told otherwise. */
export function makeBatch(parts: Partial<ChangeBatch>): ChangeBatch {
  return {
    to: { ledgerId: 'ledger-1', revision: ++revision },
    at: firstMoment,
    groups: [],
    removedGroups: [],
    accounts: [],
    removedAccounts: [],
    isCurrent: false,
    ...parts,
  };
}
