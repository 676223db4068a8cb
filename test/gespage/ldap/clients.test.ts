// Owns the tests with the clients of others: ldapts, OpenLDAP's ldapsearch, and Java's JNDI, as Gespage is a Java program.
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client, EqualityFilter, type SearchOptions } from 'ldapts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseDn, createMemoryDirectory, makeTree } from './memory-directory.ts';
import { readerDn, readerPassword, serveLdap, type ServedLdap } from './serve-ldap.ts';

const run = promisify(execFile);
const has = (program: string, argument: string): boolean =>
  spawnSync(program, [argument]).error === undefined;
const hasLdapsearch = has('ldapsearch', '-VV');
const hasJava = has('java', '-version');
if (!hasLdapsearch) console.warn('Skipped: reading with ldapsearch needs Debian’s package ldap-utils.');
if (!hasJava)
  console.warn('Skipped: reading with JNDI needs a Java 17 development kit, such as default-jdk-headless.');

const count = 1_000;
const entries = makeTree(count);
let served: ServedLdap;
let folder: string;
let caFile: string;

beforeAll(async () => {
  served = await serveLdap(createMemoryDirectory(entries), { tls: true });
  folder = mkdtempSync(path.join(tmpdir(), 'ldap-clients-'));
  caFile = path.join(folder, 'ca.pem');
  writeFileSync(caFile, served.ca);
});
afterAll(async () => {
  await served.close();
  rmSync(folder, { recursive: true });
});

const guid7 = '00000000000040008000000000000007';

/** Every kind of filter, and how many it finds. */
const filters: readonly (readonly [filter: string, found: number])[] = [
  ['(uid=USER7)', 1],
  ['(&(objectClass=user)(department=études))', 334],
  ['(|(uid=user1)(uid=user2)(cn=ada 3 lovelace))', 3],
  ['(&(objectClass=person)(!(memberOf=cn=Even, ou=groups,dc=gespage,dc=sync)))', 500],
  ['(mail=*)', 1_000],
  ['(cn=ada*9*lovelace)', 271],
  ['(userAccountControl>=514)', 200],
  ['(modifyTimestamp<=20260101120059Z)', 21],
  ['(sAMAccountName~=USER7)', 1],
  ['(nothing=x)', 0],
  ['(!(nothing=x))', 0],
  [`(objectGUID=${guid7.replace(/../g, '\\$&')})`, 1],
];
const bits = '(userAccountControl:1.2.840.113556.1.4.803:=2)';

describe('ldapts', () => {
  const open = (url: string): Client =>
    new Client({ url, ...(url.startsWith('ldaps') && { tlsOptions: { ca: served.ca } }) });
  const options: SearchOptions = {
    scope: 'sub',
    paged: { pageSize: 100 },
    explicitBufferAttributes: ['objectGUID'],
  };

  it.each(['ldap', 'ldaps', 'starttls'])('reads the whole directory by pages over %s', async (way) => {
    const client = open(`${way === 'ldaps' ? 'ldaps' : 'ldap'}://127.0.0.1:${served.port}`);
    if (way === 'starttls') await client.startTLS({ ca: served.ca, host: '127.0.0.1' });
    await client.bind(readerDn, readerPassword);
    const { searchEntries } = await client.search(baseDn, options);
    await client.unbind();
    expect(searchEntries.map(({ dn }) => dn)).toEqual(entries.map(({ dn }) => dn));
    const guids = searchEntries.filter(
      ({ objectGUID }) => Buffer.isBuffer(objectGUID) && objectGUID.length === 16,
    );
    expect(guids).toHaveLength(count);
  });

  // Octets that are no text ldapts takes as they are only where the filter is made, not read.
  it.each([
    ...filters.slice(0, -1),
    [new EqualityFilter({ attribute: 'objectGUID', value: Buffer.from(guid7, 'hex') }), 1] as const,
  ])('finds by %s', async (filter, found) => {
    const client = open(`ldap://127.0.0.1:${served.port}`);
    await client.bind(readerDn, readerPassword);
    const { searchEntries } = await client.search(baseDn, { ...options, filter });
    await client.unbind();
    expect(searchEntries).toHaveLength(found);
  });

  it('is told that an extensible match is not evaluated', async () => {
    const client = open(`ldap://127.0.0.1:${served.port}`);
    await client.bind(readerDn, readerPassword);
    await expect(client.search(baseDn, { ...options, filter: bits })).rejects.toMatchObject({ code: 18 });
    await client.unbind();
  });
});

describe.skipIf(!hasLdapsearch)('ldapsearch', () => {
  const search = async (address: readonly string[], ...more: string[]): Promise<string> => {
    const { stdout } = await run(
      'ldapsearch',
      [
        '-x',
        '-LLL',
        '-o',
        'ldif-wrap=no',
        ...address,
        '-D',
        readerDn,
        '-w',
        readerPassword,
        '-b',
        baseDn,
        ...more,
      ],
      { env: { ...process.env, LDAPTLS_CACERT: caFile }, maxBuffer: 2 ** 26 },
    );
    return stdout;
  };
  const dns = (ldif: string): string[] => [...ldif.matchAll(/^dn: (.*)$/gm)].map(([, dn = '']) => dn);
  const ways: Readonly<Record<string, () => string[]>> = {
    ldap: () => ['-H', `ldap://127.0.0.1:${served.port}`],
    ldaps: () => ['-H', `ldaps://127.0.0.1:${served.port}`],
    StartTLS: () => ['-ZZ', '-H', `ldap://127.0.0.1:${served.port}`],
  };

  it.each(Object.keys(ways))('reads the whole directory by pages over %s', async (way) => {
    const ldif = await search(ways[way]?.() ?? [], '-E', 'pr=100/noprompt');
    expect(dns(ldif)).toEqual(entries.map(({ dn }) => dn));
    expect(ldif.match(/^objectGUID:: /gm)).toHaveLength(count);
  });

  it('finds by every kind of filter', async () => {
    for (const [filter, found] of filters)
      expect([filter, dns(await search(ways['ldap']?.() ?? [], filter, '1.1')).length]).toEqual([
        filter,
        found,
      ]);
  });

  it('ends with the code of the result', async () => {
    await expect(search(ways['ldap']?.() ?? [], bits)).rejects.toMatchObject({ code: 18 });
    await expect(search(ways['ldap']?.() ?? [], '-z', '5')).rejects.toMatchObject({ code: 4 });
  });
});

describe.skipIf(!hasJava)('JNDI', () => {
  it('reads the whole directory by pages in every way, with referrals followed and ignored, and the schema', async () => {
    const { stdout } = await run(
      'java',
      [
        path.join(import.meta.dirname, 'ReadDirectory.java'),
        String(served.port),
        caFile,
        readerDn,
        readerPassword,
        baseDn,
        ...filters.map(([filter]) => filter),
        bits,
      ],
      { maxBuffer: 2 ** 24 },
    );
    const lines = entries
      .map(
        ({ dn, user }) =>
          `${dn} ${user.find(({ name }) => name === 'objectGUID')?.values[0]?.toString('hex') ?? ''}`,
      )
      .sort();
    const digest = createHash('sha256').update(lines.join('\n')).digest('hex');
    const whole = ['ldap', 'ldaps', 'starttls'].flatMap((way) =>
      ['ignore', 'follow', 'throw'].map((referrals) => `${way} ${referrals} ${entries.length} 6 ${digest}`),
    );
    expect(stdout.trim().split('\n')).toEqual([
      ...whole,
      ...filters.map(([, found]) => `found ${found}`),
      'refused InvalidSearchFilterException',
      'schema 1.2.840.113556.1.4.221',
      'schema organizationalPerson',
      `root ${baseDn}`,
      'write OperationNotSupportedException',
      'bind AuthenticationException',
    ]);
  }, 120_000);
});
