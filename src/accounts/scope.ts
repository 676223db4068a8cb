// Owns the patterns of a mapping: which groups and which users a list of ids, names and `*` patterns means.
import type { DirectoryGroup, DirectoryUser } from './model.ts';
import { foldText } from './values.ts';

const objectId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the shape of an Entra object id. */
export function isObjectId(text: string): boolean {
  return objectId.test(text);
}

/**
 * Makes the test for groups. A pattern of the shape of an object id means that group and no other, even one
 * that bears the id as its name; a pattern without `*` means every group of exactly that display name
 * (names need not be unique in Entra); `*` stands for any text, also none. Case never matters. A group whose
 * name is unknown can be meant by its id alone.
 */
export function compilePatterns(patterns: readonly string[]): (group: DirectoryGroup) => boolean {
  const matches = compileNames(patterns);
  return (group) => matches(group.id, group.displayName);
}

/** Makes the test for users, of `scope.exclude`: as for groups, with the user principal name as the name. */
export function compileUserPatterns(patterns: readonly string[]): (user: DirectoryUser) => boolean {
  if (patterns.length === 0) return () => false;
  const matches = compileNames(patterns);
  return (user) => {
    const name = user.properties['userPrincipalName'];
    return matches(user.id, typeof name === 'string' ? name : null);
  };
}

/** The patterns that mean none of the groups, in their order: most often a spelling mistake worth a warning. */
export function unmatchedPatterns(patterns: readonly string[], groups: Iterable<DirectoryGroup>): string[] {
  let open = [...new Set(patterns)].map((pattern) => ({ pattern, matches: compilePatterns([pattern]) }));
  for (const group of groups) {
    if (open.length === 0) break;
    open = open.filter(({ matches }) => !matches(group));
  }
  return open.map(({ pattern }) => pattern);
}

type NameTest = (name: string) => boolean;

function compileNames(patterns: readonly string[]): (id: string, name: string | null) => boolean {
  const ids = new Set<string>();
  const names = new Set<string>();
  const wildcards: NameTest[] = [];
  for (const raw of patterns) {
    const pattern = foldText(raw.trim());
    if (pattern === '') continue;
    if (isObjectId(pattern)) ids.add(pattern);
    else if (pattern.includes('*')) wildcards.push(compileWildcard(pattern));
    else names.add(pattern);
  }
  return (id, name) => {
    if (ids.size > 0 && ids.has(id.toLowerCase())) return true;
    if (name === null || (names.size === 0 && wildcards.length === 0)) return false;
    const folded = foldText(name.trim());
    return names.has(folded) || wildcards.some((matches) => matches(folded));
  };
}

/**
 * No regular expression: a name or pattern is text, never code, and the time stays proportional to the
 * lengths. Taking the leftmost place for each middle part is enough, since only the ends are anchored.
 */
function compileWildcard(pattern: string): NameTest {
  const parts = pattern.split('*');
  const head = parts[0] ?? '';
  const tail = parts.at(-1) ?? '';
  const middle = parts.slice(1, -1).filter((part) => part !== '');
  return (name) => {
    const end = name.length - tail.length;
    if (end < head.length || !name.startsWith(head) || !name.endsWith(tail)) return false;
    let from = head.length;
    for (const part of middle) {
      const found = name.indexOf(part, from);
      if (found === -1 || found + part.length > end) return false;
      from = found + part.length;
    }
    return true;
  };
}
