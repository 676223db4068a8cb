// Owns the search for a short way: which entries alone can match a filter, so that the others need not be looked at.
//
// The server evaluates the filter in any case. What stands here may therefore be too much, and must never be too little.
import { isUtf8 } from 'node:buffer';
import { normalizeDn } from '../dn.ts';
import type { Filter } from '../directory.ts';
import { findAttributeType, findObjectClass } from '../schema.ts';
import { decodeGuid, groupClasses, personClasses } from './attributes.ts';
import { locate } from './locate.ts';
import { type Base, groupName, personName, valueKey } from './names.ts';
import { splitKeys, type Writing } from './writing.ts';

/** Entries beside the fixed ones, which are always looked at; `units` are those of departments. `list` holds positions. */
export type Source =
  | { readonly kind: 'all' | 'people' | 'groups' | 'units' }
  | { readonly kind: 'members'; readonly group: number }
  | { readonly kind: 'unit'; readonly unit: number }
  | { readonly kind: 'list'; readonly positions: readonly number[] };

const all: Source = { kind: 'all' };
const people: Source = { kind: 'people' };
const groups: Source = { kind: 'groups' };
const units: Source = { kind: 'units' };
const nobody: Source = { kind: 'list', positions: [] };

/** Only people have these. */
const ofPeople: ReadonlySet<string> = new Set([
  ...['uid', 'sn', 'givenName', 'displayName', 'mail', 'departmentNumber', 'department', 'employeeNumber'],
  ...['employeeID', 'employeeType', 'homeDirectory', 'userPrincipalName', 'userAccountControl', 'memberOf'],
]);

const classes: readonly (readonly [Source, ReadonlySet<string>])[] = [
  [people, new Set<string>(personClasses.filter((name) => name !== 'top'))],
  [groups, new Set<string>(groupClasses.filter((name) => name !== 'top'))],
  [units, new Set(['organizationalUnit'])],
];

export function narrow(filter: Filter, base: Base, { sql, among }: Pick<Writing, 'sql' | 'among'>): Source {
  switch (filter.kind) {
    case 'and':
      return filter.parts.map((part) => narrow(part, base, { sql, among })).reduce(smaller, all);
    case 'or':
      return unite(filter.parts.map((part) => narrow(part, base, { sql, among })));
    case 'not':
      return all;
    case 'equal':
    case 'approximate':
      return narrowEqual(filter.name, filter.value);
    case 'present':
    case 'greater-or-equal':
    case 'less-or-equal':
    case 'substrings':
      return bearers(filter.name);
  }

  function narrowEqual(given: string, value: Buffer): Source {
    const name = findAttributeType(given)?.name ?? '';
    if (name === 'objectGUID') return byId(decodeGuid(value));
    if (!isUtf8(value)) return bearers(given);
    const text = value.toString('utf8');
    switch (name) {
      case 'objectClass':
        return classes.find(([, names]) => names.has(findObjectClass(text)?.name ?? ''))?.[0] ?? all;
      case 'uid':
        return byKeys([personName(text).key]);
      case 'sAMAccountName':
        return byKeys([personName(text).key, groupName(text).key]);
      case 'userPrincipalName':
        return byKeys([personName(text).key, ...withoutDomain(valueKey(text))]);
      case 'cn':
      case 'name':
      case 'displayName':
        return unite([byKeys([groupName(text).key]), byColumn('cn_key', valueKey(text))]);
      case 'mail':
        return byColumn('mail_key', valueKey(text));
      case 'entryUUID':
        return isUuid.test(text) ? byUuid(text.toLowerCase()) : all;
      case 'distinguishedName':
        return byDn(text);
      case 'memberOf':
        return byMemberOf(text);
      case 'member':
        return byMember(text);
      default:
        return bearers(given);
    }
  }

  function byKeys(keys: readonly string[]): Source {
    const select = 'SELECT e.position FROM json_each(?) j CROSS JOIN entry e ON e.key = j.value';
    return listOf(among<{ position: number }>(select, keys));
  }

  function byColumn(column: 'cn_key' | 'mail_key', key: string): Source {
    return listOf(sql(`SELECT position FROM entry WHERE ${column} = ?`).all(key) as { position: number }[]);
  }

  function byId(id: string | undefined): Source {
    if (id === undefined) return nobody;
    const select = `SELECT position FROM person WHERE id = :id UNION ALL
      SELECT position FROM grp WHERE id = :id AND position IS NOT NULL`;
    return listOf(sql(select).all({ id }) as { position: number }[]);
  }

  /** Units have no object id, and therefore no row by which theirs could be looked up. */
  function byUuid(uuid: string): Source {
    const found = byId(uuid);
    return found === nobody ? units : found;
  }

  function byDn(text: string): Source {
    const key = keyOfDn(text);
    const found = key === undefined ? undefined : locate(key, sql);
    return found === undefined ? nobody : listOf([found]);
  }

  function byMemberOf(text: string): Source {
    const key = keyOfDn(text);
    if (key === undefined) return nobody;
    const select = 'SELECT g.key FROM entry e JOIN grp g ON g.position = e.position WHERE e.key = ?';
    const group = sql(select).pluck().get(key) as number | undefined;
    return group === undefined ? nobody : { kind: 'members', group };
  }

  function byMember(text: string): Source {
    const key = keyOfDn(text);
    if (key === undefined) return nobody;
    const list = locate(key, sql)?.groups;
    const select = `SELECT g.position FROM json_each(?) j CROSS JOIN grp g ON g.key = j.value
      WHERE g.position IS NOT NULL`;
    return listOf(among<{ position: number }>(select, splitKeys(list ?? '')));
  }

  function keyOfDn(text: string): string | undefined {
    const normal = normalizeDn(text);
    return normal === undefined ? undefined : base.relative(normal);
  }

  function withoutDomain(key: string): string[] {
    const end = base.domain === undefined ? undefined : `@${valueKey(base.domain)}`;
    if (end === undefined || !key.endsWith(end)) return [];
    return [personName(key.slice(0, -end.length)).key];
  }
}

const isUuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Those who have the attribute at all. */
function bearers(given: string): Source {
  const name = findAttributeType(given)?.name ?? '';
  if (ofPeople.has(name)) return people;
  if (name === 'ou') return units;
  return name === 'member' ? groups : all;
}

function listOf(rows: readonly { readonly position: number }[]): Source {
  if (rows.length === 0) return nobody;
  return { kind: 'list', positions: sortUnique(rows.map(({ position }) => position)) };
}

function sortUnique(positions: readonly number[]): number[] {
  return [...new Set(positions)].sort((a, b) => a - b);
}

/** Whichever is likely to be shorter; either would do. */
export function smaller(one: Source, other: Source): Source {
  return rank(one) <= rank(other) ? one : other;
}

function rank(source: Source): number {
  switch (source.kind) {
    case 'list':
      return source.positions.length;
    case 'units':
      return 1e6;
    case 'groups':
      return 1e7;
    case 'unit':
    case 'members':
      return 1e8;
    case 'people':
      return 1e9;
    case 'all':
      return 1e10;
  }
}

function unite(sources: readonly Source[]): Source {
  const lists = sources.filter((source) => source.kind === 'list');
  if (lists.length === sources.length)
    return { kind: 'list', positions: sortUnique(lists.flatMap(({ positions }) => positions)) };
  const [first] = sources;
  if (first && sources.every((source) => isSame(source, first))) return first;
  return sources.every(({ kind }) => kind === 'people' || kind === 'members') ? people : all;
}

function isSame(one: Source, other: Source): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
