// Owns what the columns can hold: the checks that keep a wrong value with the person whom it belongs to.
import type { Account } from '../../accounts/model.ts';
import type { AccountLayout, GroupLayout, LayoutColumn } from './layout.ts';
import { idLength } from './tables.ts';

/** Why this account cannot be written, or undefined. */
export function findAccountFault(account: Account, layout: AccountLayout): string | undefined {
  if (account.login === '')
    return 'There is no login. Give the person one of the properties that login.from names.';
  const fault = findIdFault(account.externalId) ?? findKeyFault(layout, account.externalId);
  if (fault !== undefined) return fault;
  const loginFault = findFault(layout.login, account.login);
  if (loginFault !== undefined) return loginFault;
  for (const { field, column } of layout.fields) {
    const value = account.fields[field];
    const found = value === null || value === '' ? findGap(column) : findFault(column, value);
    if (found !== undefined) return found;
  }
  for (const group of account.groups) {
    const found = findTextFault('group id', group, idLength);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Why this group cannot be written, or undefined. */
export function findGroupFault(
  group: { readonly externalId: string; readonly name: string },
  layout: GroupLayout,
): string | undefined {
  if (group.name === '') return 'The group has no name. Give it one in Entra ID.';
  return (
    findIdFault(group.externalId) ??
    findKeyFault(layout, group.externalId) ??
    findFault(layout.name, group.name)
  );
}

/** Why this object id cannot be a key of our own tables, or undefined. */
export function findIdFault(id: string): string | undefined {
  return id === '' ? 'The object id is empty.' : findTextFault('external_id', id, idLength);
}

function findKeyFault({ key, externalId }: AccountLayout | GroupLayout, id: string): string | undefined {
  const column = key.source === 'object-id' ? key : externalId;
  return column === undefined ? undefined : findFault(column, id);
}

function findGap({ name, empty, isNullable }: LayoutColumn): string | undefined {
  if (empty === '' || isNullable) return undefined;
  return (
    `${name} is empty, and its column takes no NULL. Fill it in Entra ID, map another property, ` +
    'or let "empty" in GESPAGE_SQL_MAPPING_FILE say that an empty text stands for it.'
  );
}

function findFault(column: LayoutColumn, value: string): string | undefined {
  if (column.holds === 'text') return findTextFault(column.name, value, column.limit);
  const fault = column.holds === 'uuid' ? describeNoGuid(value) : describeNoInteger(column, value);
  return fault === undefined ? undefined : `${column.name} ${fault} ${advice}`;
}

function findTextFault(name: string, value: string, limit: number): string | undefined {
  const fault = describeFault(value, limit);
  return fault === undefined ? undefined : `${name} ${fault} ${advice}`;
}

const advice = 'Correct it in Entra ID, or map another property.';

function describeFault(value: string, limit: number): string | undefined {
  // PostgreSQL has no NUL in text, and no engine can store half a surrogate pair as UTF-8.
  if (value.includes('\u0000')) return 'holds a NUL character, which a database cannot store.';
  if (!value.isWellFormed())
    return 'holds half a character (an unpaired surrogate), which a database cannot store.';
  if (value.length <= limit) return undefined;
  const length = [...value].length;
  return length > limit ? `is ${length} characters long, and its column takes ${limit}.` : undefined;
}

function describeNoGuid(value: string): string | undefined {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(value)
    ? undefined
    : 'is no object id, and its column takes nothing else.';
}

/** Only what comes back exactly as it was written: a leading zero would be lost. */
function describeNoInteger({ integer }: LayoutColumn, value: string): string | undefined {
  if (!/^(0|-?[1-9]\d{0,19})$/.test(value))
    return 'is no whole number without leading zeros, and its column takes nothing else.';
  const { bytes, isSigned } = integer ?? { bytes: 8, isSigned: true };
  const span = 1n << BigInt(8 * bytes);
  const [least, most] = isSigned ? [-span / 2n, span / 2n - 1n] : [0n, span - 1n];
  const number = BigInt(value);
  return number < least || number > most
    ? `is outside of what its column takes, ${least} to ${most}.`
    : undefined;
}
