// Owns the comparison with a real OpenLDAP server: the same entries, the same filters, the same answers.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseDn, createMemoryDirectory, makeEntry, makeTree, type Values } from './memory-directory.ts';
import { hasOpenLdap, startOpenLdap, type OpenLdap } from './openldap.ts';
import { compareAnswers, makeFilters, showFilter } from './openldap-comparison.ts';
import { connectRaw, filters, type RawClient, type SearchAnswer } from './raw-client.ts';
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

const entries = [...makeTree(60), ...people];
const tree = makeFilters(entries);

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
