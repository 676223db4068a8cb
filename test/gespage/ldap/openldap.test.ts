// Owns the comparison with a real OpenLDAP server: the same entries, the same filters, the same answers.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attributeTypes } from '../../../src/gespage/ldap/schema.ts';
import { baseDn, createMemoryDirectory, makeEntry, makeTree, type Values } from './memory-directory.ts';
import { hasOpenLdap, startOpenLdap, type OpenLdap } from './openldap.ts';
import { connectRaw, filters, type RawClient, type RawEntry, type SearchAnswer } from './raw-client.ts';
import { serveLdap, type ServedLdap } from './serve-ldap.ts';

if (!hasOpenLdap) console.warn('Skipped: the comparison with OpenLDAP needs Debian’s package slapd.');

/** People whose values are made to be confused with each other. */
const odd: readonly Values[] = [
  { cn: ['Zoë  Müller', 'ZOE MULLER'], sn: 'Müller', displayName: 'ZOË müller', description: '  spaces  ' },
  { cn: 'Straße', sn: 'STRASSE', title: 'a*b(c)\\d', description: 'a  b' },
  { cn: 'Ὀδυσσεύς', sn: 'ΟΔΥΣΣΕΥΣ', displayName: 'é' },
  { cn: 'e\u0301', sn: 'É', displayName: 'e\u0301 x', employeeNumber: '007' },
  { cn: 'İstanbul', sn: 'Ⅳ', description: ['aaa', 'aba'], employeeNumber: '7' },
  { cn: '李四', sn: '李', title: 'ＡＢＣ', department: 'R&D, "Lab"; <x>' },
];

const people = odd.map((values, number) =>
  makeEntry(`uid=odd${number},ou=people,${baseDn}`, {
    objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'user'],
    uid: `odd${number}`,
    ...values,
    mail: [`Odd${number}@Example.org`, `odd.${number}@example.org`],
    sAMAccountName: `Odd${number}`,
    userAccountControl: String(512 + number),
    objectGUID: Buffer.from([0, number, 0xff, 0x80, 0x2a, 0x28, 0x29, 0x5c, 1, 2, 3, 4, 5, 6, 7, 8]),
    whenChanged: `2026020${number + 1}120000.${number}Z`,
    entryUUID: `abcdef00-0000-4000-8000-00000000000${number}`,
    createTimestamp: `2026020${number + 1}120000Z`,
    modifyTimestamp: `2026020${number + 1}120000Z`,
  }),
);

/** What OpenLDAP makes by itself, and what only the root DSE and the subschema have. */
const ownAttributes =
  /^(structural|hasSub|entryDN|subschemaSub|supported|vendor|namingC|matchingR|attributeT|objectClasses|ldapS)/;
const entries = [...makeTree(60), ...people];
/** OpenLDAP takes these two for supertypes of others; here they are attributes of their own, as in Active Directory. */
const supertypes = ['name', 'distinguishedName'];

const texts = [
  ...new Set(
    entries.flatMap(({ user, operational }) =>
      [...user, ...operational]
        .filter(({ name }) => name !== 'objectGUID')
        .flatMap(({ values }) => values.slice(0, 4).map(String)),
    ),
  ),
];

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

const leaf = fc.oneof(
  fc.tuple(names, values).map(([name, value]) => filters.equal(name, value)),
  fc.tuple(names, pieces).map(([name, text]) => filters.substrings(name, text)),
  names.map((name) => filters.present(name)),
  fc.tuple(names, values).map(([name, value]) => filters.greater(name, value)),
  fc.tuple(names, values).map(([name, value]) => filters.less(name, value)),
  fc
    .tuple(
      fc.constantFrom('userAccountControl', 'entryUUID', 'member', 'modifyTimestamp', 'objectClass'),
      values,
    )
    .map(([name, value]) => filters.approximate(name, value)),
  fc
    .constantFrom(...people)
    .map(({ user }) => filters.equal('objectGUID', user.find(isGuid)?.values[0] as Buffer)),
);
const isGuid = ({ name }: { name: string }): boolean => name === 'objectGUID';

const tree: fc.Arbitrary<Buffer> = fc.letrec<{ filter: Buffer }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filter' },
    { weight: 5, arbitrary: leaf },
    { weight: 2, arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map((parts) => filters.and(...parts)) },
    { weight: 2, arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map((parts) => filters.or(...parts)) },
    { weight: 2, arbitrary: tie('filter').map((part) => filters.not(part)) },
  ),
})).filter;

describe.skipIf(!hasOpenLdap)('beside a real OpenLDAP server', () => {
  let theirs: OpenLdap;
  let ours: ServedLdap;
  let clients: [RawClient, RawClient];

  beforeAll(async () => {
    theirs = await startOpenLdap(entries);
    ours = await serveLdap(createMemoryDirectory(entries));
    clients = [connectRaw(theirs.port), connectRaw(ours.port)];
    for (const client of clients) await client.bind();
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await ours.close();
    await theirs.close();
  });

  const askBoth = async (
    options: Parameters<RawClient['search']>[0],
  ): Promise<[SearchAnswer, SearchAnswer]> => [
    await clients[0].search(options),
    await clients[1].search(options),
  ];

  it('500 filters of every kind find the same entries with the same values', async () => {
    const sample = fc.sample(tree, {
      numRuns: 500,
      seed: Number(process.env['OLSEED'] ?? 4_511),
    });
    const attributes = ['*', 'entryUUID', 'modifyTimestamp'];
    let found = 0;
    let some = 0;
    const wrong: string[] = [];
    for (const filter of sample) {
      const [one, other] = await askBoth({ filter, attributes });
      if (one.entries.length > 0 && one.entries.length < entries.length) some += 1;
      found += one.entries.length;
      const difference = compareAnswers(one, other);
      if (difference !== undefined) wrong.push(`${showFilter(filter)}: ${difference}`);
    }
    expect(wrong).toEqual([]);
    // The filters tell entries apart: otherwise equal answers would say little.
    expect(some).toBeGreaterThan(100);
    expect(found).toBeGreaterThan(1_000);
  });

  it.each([
    [{ scope: 0 }],
    [{ scope: 1 }],
    [{ base: `OU=People , ${baseDn}`, scope: 1 }],
    [{ base: `uid=odd0,ou=people,${baseDn}`, scope: 0 }],
    [{ base: `uid=nobody,ou=people,${baseDn}` }],
    [{ base: `uid=odd0,ou=nowhere,${baseDn}` }],
    [{ base: 'dc=elsewhere' }],
    [{ base: 'not a name' }],
    [{ sizeLimit: 3, attributes: ['1.1'] }],
    [{ attributes: ['1.1', 'UID'], filter: filters.equal('uid', 'odd1') }],
    [{ attributes: ['2.5.4.3', 'commonName', 'SN'], filter: filters.equal('uid', 'odd1') }],
    [{ attributes: ['*', '1.1'], filter: filters.equal('uid', 'odd1') }],
    [{ attributes: ['nothing', 'cn;lang-fr', 'cn;binary'], filter: filters.equal('uid', 'odd1') }],
    [{ typesOnly: true, filter: filters.equal('uid', 'odd1') }],
    [{ filter: filters.and(), attributes: ['1.1'] }],
    [{ filter: filters.or(), attributes: ['1.1'] }],
  ])('gives the same for %j', async (options) => {
    const [one, other] = await askBoth(options);
    expect(compareAnswers(one, other)).toBeUndefined();
    expect(other.result.matched).toBe(one.result.matched);
  });
});

/** What differs, with as little as shows it; the order of entries, attributes and values does not matter. */
function compareAnswers(one: SearchAnswer, other: SearchAnswer): string | undefined {
  if (one.result.code !== other.result.code)
    return `OpenLDAP gives ${one.result.code}, we ${other.result.code}: ${other.result.text}`;
  const left = new Map(one.entries.map((entry) => [entry.dn, sortEntry(entry)]));
  const right = new Map(other.entries.map((entry) => [entry.dn, sortEntry(entry)]));
  if (right.size !== other.entries.length) return 'we give an entry twice';
  const missing = [...left.keys()].filter((dn) => !right.has(dn));
  const excess = [...right.keys()].filter((dn) => !left.has(dn));
  if (missing.length > 0 || excess.length > 0)
    return `we lack ${missing.length} (${missing[0]}), and have ${excess.length} too many (${excess[0]})`;
  const changed = [...left].find(([dn, text]) => right.get(dn) !== text);
  return changed && `${changed[1]} is with us ${right.get(changed[0])}`;
}

function sortEntry({ attributes }: RawEntry): string {
  return JSON.stringify(
    Object.entries(attributes)
      .map(([name, values]) => [name, values.map((value) => value.toString('latin1')).sort()])
      .sort(([one = ''], [other = '']) => (one < other ? -1 : 1)),
  );
}

function showFilter(filter: Buffer): string {
  return filter.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
}
