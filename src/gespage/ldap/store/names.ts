// Owns the names in the tree: where people and groups stand under the base, and the keys by which they are found.
import { escapeRdnValue, isWithin, normalizeDn, parentOf, parseDn } from '../dn.ts';
import { prepareText } from '../text.ts';

/** `name` is relative to the base, as clients see it; `key` is the same in normal form. */
export interface PlaceName {
  readonly name: string;
  readonly key: string;
}

export const peopleUnit: PlaceName = { name: 'ou=people', key: 'ou=people' };
export const groupsUnit: PlaceName = { name: 'ou=groups', key: 'ou=groups' };

/** The key holds wherever a person stands, since no two have one login; `unit` is in the name alone. */
export function personName(login: string, unit: Pick<PlaceName, 'name'> = peopleUnit): PlaceName {
  return placeName('uid', login, { name: unit.name, key: peopleUnit.key });
}

export function departmentName(department: string): PlaceName {
  return placeName('ou', department, peopleUnit);
}

/**
 * Under which key an entry is kept, of a normal form relative to the base, and for a person within the unit of a
 * department the key of that unit.
 */
export function keptUnder(relative: string): { readonly key: string; readonly unit: string | null } {
  const above = parentOf(relative);
  if (above === undefined || above === peopleUnit.key || !relative.startsWith('uid='))
    return { key: relative, unit: null };
  return { key: `${relative.slice(0, -above.length - 1)},${peopleUnit.key}`, unit: above };
}

export function groupName(name: string): PlaceName {
  return placeName('cn', name, groupsUnit);
}

function placeName(type: 'uid' | 'cn' | 'ou', value: string, unit: PlaceName): PlaceName {
  return {
    name: `${type}=${escapeRdnValue(value)},${unit.name}`,
    // What `normalizeDn` makes of such a name, without reading it first.
    key: `${type}=${escapeRdnValue(prepareText(value))},${unit.key}`,
  };
}

/** The key of a value by which equality can be looked up. */
export function valueKey(value: string): string {
  return prepareText(value);
}

/** Where the tree hangs. */
export interface Base {
  /** As configured. */
  readonly dn: string;
  readonly normal: string;
  /** Type and value of its first part, for the base entry's own attributes. */
  readonly first: { readonly type: string; readonly value: string };
  /** The base as a name of DNS, where its parts say one: `dc=gespage,dc=sync` gives `gespage.sync`. */
  readonly domain: string | undefined;
  /** Whether people with a department stand in a unit of that name. */
  readonly departments: boolean;
  /** The DN of a name that is relative to the base. */
  dnOf(name: string): string;
  /** A normal form relative to the base, empty for the base itself; undefined outside. */
  relative(normalized: string): string | undefined;
}

/** @throws Error where the text is no DN, or the root. */
export function createBase(dn: string, departments = false): Base {
  const rdns = parseDn(dn);
  const normal = normalizeDn(dn);
  const first = rdns?.[0]?.[0];
  if (rdns === undefined || normal === undefined || first === undefined)
    throw new Error(`"${dn}" is not a distinguished name under which a tree can stand.`);
  const parts = rdns.flat().filter(({ type }) => type === 'dc');
  return {
    dn,
    normal,
    first,
    domain: parts.length === 0 ? undefined : parts.map(({ value }) => value).join('.'),
    departments,
    dnOf: (name) => (name === '' ? dn : `${name},${dn}`),
    relative(normalized) {
      if (!isWithin(normalized, normal)) return undefined;
      return normalized === normal ? '' : normalized.slice(0, -normal.length - 1);
    },
  };
}
