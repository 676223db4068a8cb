// Owns the login rule: which text a person signs in to Gespage with, and when two logins are the same.
import type { Mapping } from './mapping.ts';
import { compileFirst, foldText, type ValueReader } from './values.ts';

/**
 * Makes the reader of a person's login: the first non-empty property of `login.from`, in lower case unless
 * the mapping preserves it. `null` when no property holds anything.
 */
export function compileLogin(rule: Mapping['login']): ValueReader {
  const read = compileFirst(rule.from);
  if (rule.case === 'preserve') return read;
  return (user) => read(user)?.toLowerCase() ?? null;
}

/**
 * The key under which two logins collide: `Anna` and `anna` are one login whatever the case rule says, and
 * so are two spellings that differ in their Unicode form alone.
 */
export function loginKey(login: string): string {
  return foldText(login);
}
