// Owns the tests of who may read: binds of every kind, what each identity sees, TLS on one port, who-am-I.
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createBindCheck } from '../../../src/gespage/ldap/wire/bind.ts';
import { element, integer, octets } from '../../../src/gespage/ldap/wire/ber-writer.ts';
import type { Refused } from '../../../src/gespage/ldap/wire/results.ts';
import { baseDn, createMemoryDirectory, makeTree } from './memory-directory.ts';
import { connectRaw, control, message, operations, talkOver, type RawClient } from './raw-client.ts';
import { readerDn, readerPassword, serveLdap, type ServedLdap } from './serve-ldap.ts';

const startTls = '1.3.6.1.4.1.1466.20037';
const whoAmI = '1.3.6.1.4.1.4203.1.11.3';

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function serve(options?: Parameters<typeof serveLdap>[1]): Promise<ServedLdap> {
  const served = await serveLdap(createMemoryDirectory(makeTree(10)), options);
  toClose.push(() => served.close());
  return served;
}

function client(served: ServedLdap, ca?: string): RawClient {
  const made = connectRaw(served.port, ca === undefined ? {} : { ca });
  toClose.push(() => made.close());
  return made;
}

describe('a simple bind', () => {
  it.each([
    ['as the reader', readerDn, readerPassword, 0],
    ['as the reader in another spelling', `CN=Reader , DC=GESPAGE,dc=sync`, readerPassword, 0],
    ['of nobody', '', '', 0],
    ['with a wrong password', readerDn, 'wrong', 49],
    ['with a longer password', readerDn, `${readerPassword}x`, 49],
    ['with another name', `cn=root,${baseDn}`, readerPassword, 49],
    ['with what is no name', 'reader', readerPassword, 49],
    ['with a password and no name', '', readerPassword, 49],
    ['with a name and no password', readerDn, '', 53],
  ])('%s is answered rightly', async (_, dn, password, code) => {
    const raw = client(await serve());
    expect((await raw.ask(operations.bind(dn, password))).code).toBe(code);
    const isReader = code === 0 && dn !== '';
    expect((await raw.search({})).entries.length).toBe(isReader ? 14 : 0);
  });

  it('by LDAPv2 is a protocol error, by SASL unknown, and with a critical control refused', async () => {
    const raw = client(await serve());
    expect((await raw.ask(operations.bind(readerDn, readerPassword, 2))).code).toBe(2);
    const sasl = element(0x60, integer(3), octets(''), element(0xa3, octets('EXTERNAL')));
    expect((await raw.ask(sasl)).code).toBe(7);
    const strange = control('1.2.3', undefined, true);
    expect((await raw.ask(operations.bind(readerDn, readerPassword), strange)).code).toBe(12);
    expect((await raw.search({})).result.code).toBe(50);
  });

  it('that fails takes away what an earlier one gave', async () => {
    const raw = client(await serve());
    await raw.bind();
    expect((await raw.search({})).result.code).toBe(0);
    expect((await raw.ask(operations.bind(readerDn, 'wrong'))).code).toBe(49);
    expect(await raw.search({})).toMatchObject({ entries: [], result: { code: 50 } });
  });

  it('that fails five times ends the connection, and is logged without the password', async () => {
    const served = await serve();
    const raw = client(served);
    for (let times = 0; times < 5; times += 1)
      expect((await raw.ask(operations.bind(readerDn, 'guess-of-mine'))).code).toBe(49);
    expect(await raw.next()).toMatchObject({ id: 0, code: 53, name: '1.3.6.1.4.1.1466.20036' });
    await raw.closed;
    expect(served.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(5);
    expect(served.log.text()).not.toContain('guess-of-mine');
  });

  it('that fails holds back what is sent behind it, until its own answer is out', async () => {
    const raw = client(await serve({ limits: { failedBindMs: 30 } }));
    raw.send(
      Buffer.concat([
        message(1, operations.bind(readerDn, 'wrong')),
        message(2, operations.bind(readerDn, readerPassword)),
        message(3, operations.extended(whoAmI)),
      ]),
    );
    expect(await raw.next()).toMatchObject({ id: 1, code: 49 });
    expect(await raw.next()).toMatchObject({ id: 2, code: 0 });
    expect((await raw.next())?.value?.toString()).toBe(`dn:${readerDn}`);
  });
});

describe('a client that has not bound', () => {
  it.each([
    ['the base', { base: baseDn, scope: 0 }],
    ['the tree', { base: baseDn, scope: 2 }],
    ['a person', { base: `uid=user1,ou=people,${baseDn}`, scope: 0 }],
    ['somebody who does not exist', { base: `uid=nobody,${baseDn}`, scope: 0 }],
    ['the whole from the root', { base: '', scope: 2 }],
    ['one level below the root', { base: '', scope: 1 }],
  ])('gets nothing of %s, and the same answer as for everything', async (_, options) => {
    const raw = client(await serve());
    expect(await raw.search(options)).toMatchObject({ entries: [], result: { code: 50, matched: '' } });
  });

  it('gets the root DSE and the schema, and may not compare', async () => {
    const raw = client(await serve({ tls: true }));
    const root = await raw.search({ base: '', scope: 0, attributes: ['*', '+'] });
    expect(root.entries).toHaveLength(1);
    const of = (name: string): string[] | undefined => root.entries[0]?.attributes[name]?.map(String);
    expect(of('namingContexts')).toEqual([baseDn]);
    expect(of('supportedLDAPVersion')).toEqual(['3']);
    expect(of('supportedExtension')).toContain(startTls);
    expect(of('supportedControl')).toContain('1.2.840.113556.1.4.319');
    expect(of('subschemaSubentry')).toEqual(['cn=subschema']);
    const plain = await raw.search({ base: '', scope: 0 });
    expect(Object.keys(plain.entries[0]?.attributes ?? {})).toEqual(['objectClass']);
    const schema = await raw.search({ base: 'cn=Subschema', scope: 0, attributes: ['attributeTypes'] });
    expect(schema.entries[0]?.attributes['attributeTypes']?.length).toBeGreaterThan(40);
    expect((await raw.ask(operations.compare(`uid=user1,ou=people,${baseDn}`, 'uid', 'user1'))).code).toBe(
      50,
    );
  });
});

describe('TLS', () => {
  it('is spoken from the first octet, or from StartTLS on, on one port', async () => {
    const served = await serve({ tls: true });
    const secure = client(served, served.ca);
    await secure.bind();
    expect((await secure.search({})).entries).toHaveLength(14);

    const plain = client(served);
    expect((await plain.ask(operations.extended(startTls))).code).toBe(0);
    plain.socket.removeAllListeners('data');
    const upgraded = connectTls({ socket: plain.socket, ca: served.ca, host: '127.0.0.1' });
    await once(upgraded, 'secureConnect');
    const raw = talkOver(upgraded);
    await raw.bind();
    expect((await raw.search({})).entries).toHaveLength(14);
    expect((await raw.ask(operations.extended(startTls))).code).toBe(1);
    raw.close();
  });

  it('takes away the identity that was proved in the clear', async () => {
    const served = await serve({ tls: true });
    const plain = client(served);
    await plain.bind();
    expect((await plain.ask(operations.extended(startTls))).code).toBe(0);
    plain.socket.removeAllListeners('data');
    const upgraded = connectTls({ socket: plain.socket, ca: served.ca, host: '127.0.0.1' });
    await once(upgraded, 'secureConnect');
    const raw = talkOver(upgraded);
    expect((await raw.search({})).result.code).toBe(50);
    raw.close();
  });

  it('is refused where there is no certificate', async () => {
    const served = await serve();
    const raw = client(served);
    expect((await raw.ask(operations.extended(startTls))).code).toBe(2);
    const secure = client(served, served.ca);
    await secure.closed;
  });

  it('ends the connection where anything stands behind StartTLS in the clear', async () => {
    const served = await serve({ tls: true });
    const raw = client(served);
    raw.send(Buffer.concat([message(1, operations.extended(startTls)), message(2, operations.bind('', ''))]));
    expect(await raw.next()).toMatchObject({ id: 0, code: 2 });
    await raw.closed;
  });

  it('that breaks off in its handshake takes nothing else with it', async () => {
    const served = await serve({ tls: true });
    for (const octets of [
      Buffer.from([0x16]),
      Buffer.from('160301000501ffffffff', 'hex'),
      Buffer.alloc(500, 0x16),
    ]) {
      const broken = connectRaw(served.port);
      broken.send(octets);
      broken.socket.end();
      await broken.closed;
    }
    const raw = client(served, served.ca);
    await raw.bind();
  });

  it('is demanded for passwords from other machines, as soon as there is a certificate', () => {
    const check = createBindCheck({ reader: { dn: readerDn, password: readerPassword }, encryptable: true });
    const request = {
      kind: 'bind',
      version: 3,
      name: readerDn,
      password: Buffer.from(readerPassword),
    } as const;
    const codeOf = (way: { encrypted: boolean; loopback: boolean }): string => {
      try {
        return check(request, way);
      } catch (error) {
        return (error as Refused).result.code;
      }
    };
    expect(codeOf({ encrypted: false, loopback: false })).toBe('confidentialityRequired');
    expect(codeOf({ encrypted: false, loopback: true })).toBe('reader');
    expect(codeOf({ encrypted: true, loopback: false })).toBe('reader');
  });
});

it('who-am-I tells the identity, and other extended operations are unknown', async () => {
  const raw = client(await serve());
  expect((await raw.ask(operations.extended(whoAmI))).value?.toString()).toBe('');
  await raw.bind();
  expect((await raw.ask(operations.extended(whoAmI))).value?.toString()).toBe(`dn:${readerDn}`);
  expect((await raw.ask(operations.extended('1.3.6.1.4.1.4203.1.11.1'))).code).toBe(2);
  expect((await raw.ask(operations.extended(whoAmI, Buffer.from('x')))).code).toBe(2);
});

it.each([
  ['', 'no name'],
  ['reader', 'no DN'],
])('a reader %j is refused when the server is made', (dn) => {
  const reader = { dn, password: 'x' };
  expect(() => createBindCheck({ reader, encryptable: false })).toThrow(/not a distinguished name/);
  expect(() => createBindCheck({ reader: { dn: readerDn, password: '' }, encryptable: false })).toThrow(
    /empty/,
  );
});
