// Owns a real OpenLDAP server for comparison: a child process with its own folder, loaded with the same entries.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Entry } from '../../../src/gespage/ldap/directory.ts';
import { makeSubschema } from '../../../src/gespage/ldap/wire/own-entries.ts';
import { eventuallyTrue } from '../../helpers/eventually.ts';
import { connectRaw } from './raw-client.ts';
import { baseDn } from './memory-directory.ts';
import { readerDn, readerPassword } from './serve-ldap.ts';

const program = '/usr/sbin/slapd';
const schemas = '/etc/ldap/schema';

export const hasOpenLdap = existsSync(program) && existsSync(`${schemas}/inetorgperson.schema`);

export interface OpenLdap {
  readonly port: number;
  close(): Promise<void>;
}

/** Attributes and classes that OpenLDAP has from its own files, or within itself. */
const theirs = new Set(
  [
    'objectClass cn sn serialNumber l street o ou title description member givenName initials distinguishedName',
    'uniqueMember uid mail dc carLicense departmentNumber employeeNumber employeeType displayName name entryUUID',
    'entryDN createTimestamp modifyTimestamp hasSubordinates subschemaSubentry structuralObjectClass',
    'namingContexts supportedExtension supportedControl supportedLDAPVersion supportedFeatures vendorName',
    'matchingRules attributeTypes objectClasses ldapSyntaxes top person organizationalPerson inetOrgPerson',
    'groupOfNames groupOfUniqueNames organization organizationalUnit domain dcObject subschema',
  ]
    .join(' ')
    .split(' '),
);

/** The rest of our schema, in the words of slapd.conf. */
function writeSchema(): string {
  const { operational } = makeSubschema();
  const describe = (name: string, keyword: string): string[] =>
    (operational.find((one) => one.name === name)?.values ?? [])
      .map(String)
      .filter((text) => !theirs.has(/NAME \(? ?'([^']+)'/.exec(text)?.[1] ?? ''))
      .map((text) => `${keyword} ${text}`);
  return [
    ...describe('attributeTypes', 'attributetype'),
    ...describe('objectClasses', 'objectclass'),
    '',
  ].join('\n');
}

/** Everything as octets, so that no character of a value means anything. */
export function writeLdif(entries: readonly Entry[]): string {
  const line = (name: string, value: Buffer): string => `${name}:: ${value.toString('base64')}`;
  return entries
    .map(({ dn, user, operational }) =>
      [
        line('dn', Buffer.from(dn)),
        ...[...user, ...operational].flatMap(({ name, values }) => values.map((value) => line(name, value))),
        '',
      ].join('\n'),
    )
    .join('\n');
}

/**
 * Starts slapd over these entries; the base and the units must be among them.
 * @param unchecked entries that slapd would refuse for its schema, such as groups without a member.
 */
export async function startOpenLdap(
  entries: readonly Entry[],
  unchecked: readonly Entry[] = [],
): Promise<OpenLdap> {
  const folder = mkdtempSync(path.join(tmpdir(), 'slapd-'));
  const file = (name: string): string => path.join(folder, name);
  mkdirSync(file('db'));
  writeFileSync(file('ours.schema'), writeSchema());
  writeFileSync(
    file('slapd.conf'),
    [
      ...['core', 'cosine', 'inetorgperson'].map((name) => `include ${schemas}/${name}.schema`),
      `include ${file('ours.schema')}`,
      'modulepath /usr/lib/ldap',
      'moduleload back_mdb',
      'sizelimit unlimited',
      'database mdb',
      `suffix "${baseDn}"`,
      `rootdn "${readerDn}"`,
      `rootpw "${readerPassword}"`,
      `directory ${file('db')}`,
      'maxsize 2147483648',
      'dbnosync',
      '',
    ].join('\n'),
  );
  const load = (list: readonly Entry[], ...options: string[]): void => {
    writeFileSync(file('data.ldif'), writeLdif(list));
    const { status, stderr } = spawnSync(
      '/usr/sbin/slapadd',
      ['-q', ...options, '-f', file('slapd.conf'), '-l', file('data.ldif')],
      { encoding: 'utf8' },
    );
    if (status === 0) return;
    rmSync(folder, { recursive: true });
    throw new Error(`slapadd: ${stderr}`);
  };
  load(entries);
  if (unchecked.length > 0) load(unchecked, '-s');
  const port = await freePort();
  const child = spawn(program, ['-d', '0', '-f', file('slapd.conf'), '-h', `ldap://127.0.0.1:${port}`], {
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await eventuallyTrue('slapd answers', async () => {
    const client = connectRaw(port);
    try {
      await client.bind();
      return true;
    } catch {
      return false;
    } finally {
      client.close();
    }
  });
  return {
    port,
    async close() {
      child.kill();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
