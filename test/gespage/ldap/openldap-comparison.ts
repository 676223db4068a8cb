// Owns what a comparison with OpenLDAP is made of: filters generated from the values of given entries, and telling two answers apart.
import fc from 'fast-check';
import type { Entry } from '../../../src/gespage/ldap/directory.ts';
import { escapeRdnValue, parseDn } from '../../../src/gespage/ldap/dn.ts';
import { attributeTypes } from '../../../src/gespage/ldap/schema.ts';
import { filters, type RawEntry, type SearchAnswer } from './raw-client.ts';

/** What OpenLDAP makes by itself, and what only the root DSE and the subschema have. */
const ownAttributes =
  /^(structural|hasSub|entryDN|subschemaSub|supported|vendor|namingC|matchingR|attributeT|objectClasses|ldapS)/;
/** OpenLDAP takes these two for supertypes of others; here they are attributes of their own, as in Active Directory. */
const supertypes = ['name', 'distinguishedName'];

const names = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(
      ...['cn', 'sn', 'uid', 'mail', 'displayName', 'description', 'title', 'department'],
    ),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...attributeTypes
        .map(({ name }) => name)
        .filter((name) => !supertypes.includes(name) && !ownAttributes.test(name)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'commonName',
      '2.5.4.3',
      'CN',
      'cn;lang-fr',
      'nothing',
      '1.2.3.4',
      'userPassword',
    ),
  },
);

const spellings = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.toLowerCase(),
  (text) => ` ${text.replaceAll(' ', '   ')} `,
  (text) => text.normalize('NFD'),
  (text) => text.slice(0, -1),
  (text) => `${text}x`,
);
/** Filters of every kind, encoded; most assert what some entry has, or nearly. */
export function makeFilters(entries: readonly Entry[]): fc.Arbitrary<Buffer> {
  const guids = entries.flatMap(({ user }) =>
    user.filter(({ name }) => name === 'objectGUID').flatMap(({ values }) => values),
  );
  const texts = [
    ...new Set(
      entries.flatMap(({ user, operational }) =>
        [...user, ...operational]
          .filter(({ name }) => name !== 'objectGUID')
          .flatMap(({ values }) => values.slice(0, 4).map(String)),
      ),
    ),
  ];

  const texted = fc.tuple(fc.constantFrom(...texts), spellings).map(([text, spell]) => spell(text));
  const values = fc.oneof(
    { weight: 10, arbitrary: texted },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '',
        ' ',
        '512',
        '-1',
        '007',
        '20260201',
        '20260101120500Z',
        '20260101140500+0200',
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('2.5.6.6', 'PERSON', 'nothing', 'TRUE', 'true', 'cn=EVEN, ou=groups'),
    },
  );
  /** Mostly a name with a value that it could have, cut into pieces. */
  const pieces = fc
    .tuple(texted, fc.array(fc.nat(12), { minLength: 1, maxLength: 3 }), fc.boolean(), fc.boolean())
    .map(([text, cuts, open, close]) => {
      const letters = [...text.replaceAll('*', '')];
      const parts: string[] = [];
      for (const cut of cuts)
        parts.push(letters.splice(0, cut + 1).join(''), letters.splice(0, 1).join('') && '');
      const middle = parts.filter((part) => part !== '').join('*');
      const whole = `${open ? '*' : ''}${middle}${close || !open ? '*' : ''}`;
      return /[^*]/.test(whole) ? whole : '* *';
    });

  const known = entries.flatMap(({ user, operational }) =>
    [...user, ...operational]
      .filter(({ name }) => name !== 'objectGUID' && !supertypes.includes(name))
      .map(({ name, values: [first = ''] }) => [name, String(first)] as const),
  );
  const asserted: fc.Arbitrary<readonly [name: string, value: string]> = fc.oneof(
    fc.tuple(names, values),
    fc
      .tuple(fc.constantFrom(...known), spellings)
      .map(([[name, text], spell]) => [name, spell(text)] as const),
  );

  const leaf = fc.oneof(
    asserted.map(([name, value]) => filters.equal(name, value)),
    fc.tuple(names, pieces).map(([name, text]) => filters.substrings(name, text)),
    names.map((name) => filters.present(name)),
    asserted.map(([name, value]) => filters.greater(name, value)),
    asserted.map(([name, value]) => filters.less(name, value)),
    fc
      .tuple(
        fc.constantFrom('userAccountControl', 'entryUUID', 'member', 'modifyTimestamp', 'objectClass'),
        values,
      )
      .map(([name, value]) => filters.approximate(name, value)),
    fc.constantFrom(...guids).map((guid) => filters.equal('objectGUID', guid)),
  );

  return fc.letrec<{ filter: Buffer }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'filter' },
      { weight: 5, arbitrary: leaf },
      {
        weight: 2,
        arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map((parts) => filters.and(...parts)),
      },
      {
        weight: 2,
        arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map((parts) => filters.or(...parts)),
      },
      { weight: 2, arbitrary: tie('filter').map((part) => filters.not(part)) },
    ),
  })).filter;
}

/** What differs, with as little as shows it; the order of entries, attributes and values does not matter. */
export function compareAnswers(one: SearchAnswer, other: SearchAnswer): string | undefined {
  if (one.result.code !== other.result.code)
    return `OpenLDAP gives ${one.result.code}, we ${other.result.code}: ${other.result.text}`;
  const left = new Map(one.entries.map((entry) => [respell(entry.dn), sortEntry(entry)]));
  const right = new Map(other.entries.map((entry) => [respell(entry.dn), sortEntry(entry)]));
  if (right.size !== other.entries.length) return 'we give an entry twice';
  const missing = [...left.keys()].filter((dn) => !right.has(dn));
  const excess = [...right.keys()].filter((dn) => !left.has(dn));
  if (missing.length > 0 || excess.length > 0)
    return `we lack ${missing.length} (${missing[0]}), and have ${excess.length} too many (${excess[0]})`;
  const changed = [...left].find(([dn, text]) => right.get(dn) !== text);
  return changed && `${changed[1]} is with us ${right.get(changed[0])}`;
}

/** Both `\\,` and `\\2C` are a comma (RFC 4514, 2.4): OpenLDAP writes the second, we write the first as Active Directory does. */
function respell(dn: string): string {
  const parts = parseDn(dn);
  if (parts === undefined) throw new Error(`${dn} is no name`);
  return parts
    .map((rdn) => rdn.map(({ type, value }) => `${type}=${escapeRdnValue(value)}`).join('+'))
    .join(',');
}

const named = new Set(['member', 'memberOf', 'distinguishedName']);

function readValue(name: string, value: Buffer): string {
  return named.has(name) ? respell(value.toString()) : value.toString('latin1');
}

function sortEntry({ attributes }: RawEntry): string {
  return JSON.stringify(
    Object.entries(attributes)
      .map(([name, values]) => [name, values.map((value) => readValue(name, value)).sort()])
      .sort(([one = ''], [other = '']) => (one < other ? -1 : 1)),
  );
}

export function showFilter(filter: Buffer): string {
  return filter.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
}
