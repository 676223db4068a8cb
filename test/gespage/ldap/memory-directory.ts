// Owns a directory in memory for tests of the LDAP server: a tree that can be replaced, and revisions held open.
import type {
  Attribute,
  Directory,
  Entry,
  Found,
  Query,
  Snapshot,
} from '../../../src/gespage/ldap/directory.ts';
import { isWithin, normalizeDn, parentOf } from '../../../src/gespage/ldap/dn.ts';
import { findAttributeType } from '../../../src/gespage/ldap/schema.ts';
import { encodeAttributes } from '../../../src/gespage/ldap/wire/selection.ts';

export interface MemoryDirectory extends Directory {
  /** Shows this tree from now on; undefined makes it a directory that was never filled. */
  fill(entries: readonly Entry[] | undefined): void;
  /** Snapshots not closed yet. */
  held(): number;
}

export const baseDn = 'dc=gespage,dc=sync';

/** By name; text or octets. */
export type Values = Readonly<Record<string, string | Buffer | readonly (string | Buffer)[]>>;

/** An entry from names and values; the schema tells which attributes are operational. */
export function makeEntry(dn: string, values: Values): Entry {
  const attributes: Attribute[] = Object.entries(values).map(([name, given]) => ({
    name,
    values: [given]
      .flat()
      .map((value) => (typeof value === 'string' ? Buffer.from(value) : (value as Buffer))),
  }));
  const isOperational = ({ name }: Attribute): boolean => findAttributeType(name)?.operational ?? false;
  const user = attributes.filter((attribute) => !isOperational(attribute));
  return {
    dn,
    user,
    operational: attributes.filter(isOperational),
    encodedUser: encodeAttributes(user),
  };
}

export function createMemoryDirectory(first?: readonly Entry[]): MemoryDirectory {
  let tree = first && index(first);
  let held = 0;
  return {
    namingContexts: [baseDn],
    fill(entries) {
      tree = entries && index(entries);
    },
    held: () => held,
    open() {
      if (tree === undefined) throw new Error('never filled');
      held += 1;
      return snapshotOf(tree, () => (held -= 1));
    },
  };
}

type Tree = readonly { readonly dn: string; readonly entry: Entry }[];

function index(entries: readonly Entry[]): Tree {
  return entries.map((entry) => ({ dn: normalizeDn(entry.dn) as string, entry }));
}

function snapshotOf(tree: Tree, closed: () => void): Snapshot {
  return {
    resolve(base) {
      const names = new Set(tree.map(({ dn }) => dn));
      if (names.has(base)) return { exists: true };
      let above = parentOf(base);
      while (above !== undefined && !names.has(above)) above = parentOf(above);
      return { exists: false, matched: above ?? '' };
    },
    *search({ base, scope, after = -1 }: Query): IterableIterator<Found> {
      for (const [position, { dn, entry }] of tree.entries()) {
        if (position <= after) continue;
        const isIn =
          scope === 'base' ? dn === base : scope === 'one' ? parentOf(dn) === base : isWithin(dn, base);
        if (isIn) yield { position, entry };
      }
    },
    close: closed,
  };
}

/** A small tree: the base, two units, and as many people as asked for, each in the group of its parity. */
export function makeTree(people: number): Entry[] {
  const groups = `ou=groups,${baseDn}`;
  const persons = Array.from({ length: people }, (_, number) => makePerson(number));
  return [
    makeEntry(baseDn, { objectClass: ['top', 'domain'], dc: 'gespage', ...stamps('f0', 0) }),
    makeEntry(`ou=people,${baseDn}`, {
      objectClass: ['top', 'organizationalUnit'],
      ou: 'people',
      ...stamps('f1', 0),
    }),
    makeEntry(groups, { objectClass: ['top', 'organizationalUnit'], ou: 'groups', ...stamps('f2', 0) }),
    ...persons,
    makeEntry(`cn=even,${groups}`, {
      objectClass: ['top', 'groupOfNames', 'group'],
      cn: 'even',
      member: persons.filter((_, number) => number % 2 === 0).map(({ dn }) => dn),
      groupType: '-2147483646',
      ...stamps('f3', 0),
    }),
  ];
}

/** What each entry has: an id that begins so, and two times. */
function stamps(begin: string, number: number): { entryUUID: string; [name: string]: string } {
  return {
    entryUUID: `${begin.padEnd(8, '0')}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`,
    createTimestamp: '20260101120000Z',
    modifyTimestamp: `2026010112${String(number % 60).padStart(2, '0')}00Z`,
  };
}

function makePerson(number: number): Entry {
  const uid = `user${number}`;
  const stamp = stamps('0', number);
  return makeEntry(`uid=${uid},ou=people,${baseDn}`, {
    objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'user'],
    uid,
    cn: `Ada ${number} Lovelace`,
    sn: 'Lovelace',
    givenName: 'Ada',
    mail: `${uid}@example.org`,
    ...(number % 3 === 0 && { department: 'Études' }),
    ...(number % 2 === 0 && { memberOf: `cn=even,ou=groups,${baseDn}` }),
    sAMAccountName: uid,
    userAccountControl: number % 5 === 0 ? '514' : '512',
    objectGUID: Buffer.from(stamp.entryUUID.replaceAll('-', ''), 'hex'),
    ...stamp,
  });
}
