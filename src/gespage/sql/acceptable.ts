// Owns what every engine can hold: the checks that keep a wrong value with the person whom it belongs to.
import { type Account, type FieldName } from '../../accounts/model.ts';
import { fieldColumns, groupNameLength, idLength, loginLength } from './tables.ts';

/** Why this account cannot be written, or undefined. The limits are the same in every engine. */
export function findAccountFault(account: Account, fields: readonly FieldName[]): string | undefined {
  if (account.login === '')
    return 'There is no login. Give the person one of the properties that login.from names.';
  const fault = findIdFault(account.externalId) ?? findFault('login', account.login, loginLength);
  if (fault !== undefined) return fault;
  for (const field of fields) {
    const { name, length } = fieldColumns[field];
    const value = account.fields[field];
    const found = value === null ? undefined : findFault(name, value, length);
    if (found !== undefined) return found;
  }
  for (const group of account.groups) {
    const found = findFault('group id', group, idLength);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Why this group cannot be written, or undefined. */
export function findGroupFault(group: {
  readonly externalId: string;
  readonly name: string;
}): string | undefined {
  if (group.name === '') return 'The group has no name. Give it one in Entra ID.';
  return findIdFault(group.externalId) ?? findFault('name', group.name, groupNameLength);
}

/** Why this object id cannot be a key, or undefined. */
export function findIdFault(id: string): string | undefined {
  return id === '' ? 'The object id is empty.' : findFault('external_id', id, idLength);
}

function findFault(name: string, value: string, limit: number): string | undefined {
  const fault = describeFault(value, limit);
  return fault === undefined
    ? undefined
    : `${name} ${fault} Correct it in Entra ID, or map another property.`;
}

function describeFault(value: string, limit: number): string | undefined {
  // PostgreSQL has no NUL in text, and no engine can store half a surrogate pair as UTF-8.
  if (value.includes('\u0000')) return 'holds a NUL character, which a database cannot store.';
  if (!value.isWellFormed())
    return 'holds half a character (an unpaired surrogate), which a database cannot store.';
  if (value.length <= limit) return undefined;
  const length = [...value].length;
  return length > limit ? `is ${length} characters long, and its column takes ${limit}.` : undefined;
}
