// Owns the tests of searches: scopes, selections, limits, pages over one revision, and everything that is refused.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { element, integer, octets } from '../../../src/gespage/ldap/wire/ber-writer.ts';
import { eventuallyTrue } from '../../helpers/eventually.ts';
import { baseDn, createMemoryDirectory, makeTree, type MemoryDirectory } from './memory-directory.ts';
import { connectRaw, control, filters, message, operations, paged, type RawClient } from './raw-client.ts';
import { serveLdap, type ServedLdap } from './serve-ldap.ts';

const people = `ou=people,${baseDn}`;
let directory: MemoryDirectory;
let served: ServedLdap;
let raw: RawClient;
let clock = 0;

beforeAll(async () => {
  directory = createMemoryDirectory();
  served = await serveLdap(directory, { now: () => clock });
});
afterAll(() => served.close());
beforeEach(async () => {
  directory.fill(makeTree(20));
  raw = connectRaw(served.port);
  await raw.bind();
});
afterEach(async () => {
  raw.close();
  await eventuallyTrue('every revision is closed with its connection', () => directory.held() === 0);
});

const names = (answer: { entries: readonly { dn: string }[] }): string[] =>
  answer.entries.map(({ dn }) => dn);

describe('a search', () => {
  it('finds by its scope', async () => {
    expect(names(await raw.search({ scope: 0 }))).toEqual([baseDn]);
    expect(names(await raw.search({ scope: 1 }))).toEqual([people, `ou=groups,${baseDn}`]);
    expect((await raw.search({ scope: 2 })).entries).toHaveLength(24);
    expect((await raw.search({ base: people, scope: 1 })).entries).toHaveLength(20);
    expect((await raw.search({ base: people, scope: 2 })).entries).toHaveLength(21);
  });

  it('of no existing base says how far the name exists', async () => {
    expect((await raw.search({ base: `uid=nobody,${people}` })).result).toMatchObject({
      code: 32,
      matched: people,
    });
    expect((await raw.search({ base: 'dc=elsewhere' })).result).toMatchObject({ code: 32, matched: '' });
    expect((await raw.search({ base: 'nonsense' })).result.code).toBe(34);
    const notText = operations.search({ base: 'dc=x' });
    notText[notText.indexOf('dc=x') + 3] = 0xff;
    expect((await raw.ask(notText)).code).toBe(34);
  });

  it('without a base is no search for everything', async () => {
    expect(await raw.search({ base: '' })).toMatchObject({ entries: [], result: { code: 32 } });
    expect(await raw.search({ base: '', scope: 1 })).toMatchObject({ entries: [], result: { code: 32 } });
  });

  it('[pitfall 29] with an unknown attribute finds nobody, nor does its opposite', async () => {
    for (const item of [
      filters.equal('nothing', 'x'),
      filters.present('nothing'),
      filters.substrings('nothing', 'a*'),
      filters.greater('nothing', '1'),
      filters.approximate('nothing', 'x'),
      filters.equal('userAccountControl', 'many'),
      filters.equal('member', 'no name'),
      filters.greater('cn', 'a'),
    ]) {
      expect((await raw.search({ filter: item })).entries).toEqual([]);
      expect((await raw.search({ filter: filters.not(item) })).entries).toEqual([]);
      const narrowed = filters.or(item, filters.equal('uid', 'user3'));
      expect(names(await raw.search({ filter: narrowed }))).toEqual([`uid=user3,${people}`]);
      expect((await raw.search({ filter: filters.not(narrowed) })).entries).toEqual([]);
    }
  });

  it('[pitfall 29] with an extensible match is refused', async () => {
    const bits = filters.extensible('1.2.840.113556.1.4.803', 'userAccountControl', '2');
    for (const filter of [bits, filters.not(bits), filters.or(bits, filters.present('objectClass'))])
      expect(await raw.search({ filter })).toMatchObject({ entries: [], result: { code: 18 } });
  });

  it('gives the attributes that are asked for', async () => {
    const keys = async (attributes: string[], typesOnly = false): Promise<string[]> => {
      const { entries } = await raw.search({ filter: filters.equal('uid', 'user3'), attributes, typesOnly });
      return Object.keys(entries[0]?.attributes ?? { none: [] });
    };
    const user = await keys([]);
    expect(user).toContain('objectGUID');
    expect(user).not.toContain('entryUUID');
    expect(await keys(['*'])).toEqual(user);
    expect(await keys(['+'])).toEqual(['entryUUID', 'createTimestamp', 'modifyTimestamp']);
    expect(await keys(['*', '+'])).toEqual([...user, 'entryUUID', 'createTimestamp', 'modifyTimestamp']);
    expect(await keys(['*', 'ENTRYUUID'])).toEqual([...user, 'entryUUID']);
    expect(await keys(['1.1'])).toEqual([]);
    expect(await keys(['1.1', 'Mail', 'commonName', '2.5.4.4'])).toEqual(['cn', 'sn', 'mail']);
    expect(await keys(['nothing', 'cn;lang-fr', 'objectGUID;binary'])).toEqual([]);
    expect(await keys([], true)).toEqual(user);
    const { entries } = await raw.search({ filter: filters.equal('uid', 'user3'), typesOnly: true });
    expect(Object.values(entries[0]?.attributes ?? {}).flat()).toEqual([]);
  });

  it('gives octets as they are', async () => {
    const guid = Buffer.from('00000000000040008000000000000003', 'hex');
    const found = await raw.search({ filter: filters.equal('objectGUID', guid), attributes: ['objectGUID'] });
    expect(found.entries).toEqual([{ dn: `uid=user3,${people}`, attributes: { objectGUID: [guid] } }]);
  });

  it('ends at its limit of entries, and not where there are just as many', async () => {
    expect(await raw.search({ sizeLimit: 5 })).toMatchObject({ entries: { length: 5 }, result: { code: 4 } });
    expect(await raw.search({ sizeLimit: 24 })).toMatchObject({
      entries: { length: 24 },
      result: { code: 0 },
    });
    expect(await raw.search({ sizeLimit: 23 })).toMatchObject({
      entries: { length: 23 },
      result: { code: 4 },
    });
  });

  it('with parts out of range is a protocol error', async () => {
    expect((await raw.search({ scope: 3 })).result.code).toBe(2);
    expect((await raw.search({ sizeLimit: -1 })).result.code).toBe(2);
    expect((await raw.search({ timeLimit: -1 })).result.code).toBe(2);
  });
});

describe('a directory that was never filled', () => {
  it('[pitfall 30] is unavailable, not empty', async () => {
    directory.fill(undefined);
    expect(await raw.search({})).toMatchObject({ entries: [], result: { code: 52 } });
    expect(await raw.search({}, paged(5))).toMatchObject({ entries: [], result: { code: 52 } });
    expect((await raw.ask(operations.compare(baseDn, 'dc', 'gespage'))).code).toBe(52);
    directory.fill(makeTree(1));
    expect((await raw.search({})).result.code).toBe(0);
  });
});

describe('a paged search', () => {
  const readAll = async (size: number, between?: () => void, options = {}): Promise<string[][]> => {
    const pages: string[][] = [];
    let cookie: Buffer = Buffer.alloc(0);
    do {
      const answer = await raw.search(options, paged(size, cookie));
      expect(answer.result.code).toBe(0);
      pages.push(names(answer));
      cookie = answer.result.cookie as Buffer;
      between?.();
    } while (cookie.length > 0);
    return pages;
  };

  it('gives everything once, in pages of the size asked for', async () => {
    const whole = names(await raw.search({}));
    const pages = await readAll(7);
    expect(pages.map(({ length }) => length)).toEqual([7, 7, 7, 3]);
    expect(pages.flat()).toEqual(whole);
    expect((await readAll(8)).map(({ length }) => length)).toEqual([8, 8, 8]);
    expect((await readAll(100)).flat()).toEqual(whole);
    const even = { filter: filters.equal('memberOf', `cn=even,ou=groups,${baseDn}`) };
    expect((await readAll(3, undefined, even)).map(({ length }) => length)).toEqual([3, 3, 3, 1]);
    expect(directory.held()).toBe(0);
  });

  it('[pitfall 30] shows one revision, whatever is written between its pages', async () => {
    const before = names(await raw.search({}));
    let number = 20;
    const pages = await readAll(4, () => directory.fill(makeTree((number -= 2))));
    expect(pages.flat()).toEqual(before);
    expect((await raw.search({})).entries.length).toBeLessThan(24);
  });

  it('is ended by a page of no entries', async () => {
    const { result } = await raw.search({}, paged(5));
    expect(directory.held()).toBe(1);
    const last = await raw.search({}, paged(0, result.cookie));
    expect(last).toMatchObject({ entries: [], result: { code: 0, cookie: Buffer.alloc(0) } });
    expect(directory.held()).toBe(0);
    expect((await raw.search({}, paged(5, result.cookie))).result.code).toBe(53);
  });

  it('goes on with its own cookie only, once, on its own connection, for the same search', async () => {
    const first = await raw.search({}, paged(5));
    const cookie = first.result.cookie as Buffer;
    const other = connectRaw(served.port);
    await other.bind();
    expect(await other.search({}, paged(5, cookie))).toMatchObject({ entries: [], result: { code: 53 } });
    other.close();
    const changed = Buffer.from(cookie);
    changed[0] = (changed[0] as number) ^ 1;
    expect((await raw.search({}, paged(5, changed))).result.code).toBe(53);
    expect((await raw.search({}, paged(5, Buffer.from('guess')))).result.code).toBe(53);
    expect((await raw.search({}, paged(5, cookie))).result.code).toBe(0);
    expect((await raw.search({}, paged(5, cookie))).result.code).toBe(53);
    const again = (await raw.search({}, paged(5))).result.cookie;
    const wider = { filter: filters.present('uid') };
    expect(await raw.search(wider, paged(5, again))).toMatchObject({ entries: [], result: { code: 53 } });
    expect((await raw.search({}, paged(5, again))).result.code).toBe(53);
  });

  it('dies with the identity that began it', async () => {
    const { result } = await raw.search({}, paged(5));
    await raw.bind();
    expect(directory.held()).toBe(0);
    expect((await raw.search({}, paged(5, result.cookie))).result.code).toBe(53);
  });

  it('that waits too long is given up', async () => {
    const { result } = await raw.search({}, paged(5));
    clock += 5 * 60_000 + 1;
    await eventuallyTrue('the revision is closed', () => directory.held() === 0);
    expect((await raw.search({}, paged(5, result.cookie))).result.code).toBe(53);
  });

  it('gives way to the newest where one connection has too many', async () => {
    const cookies: Buffer[] = [];
    for (let number = 0; number < 5; number += 1)
      cookies.push((await raw.search({}, paged(5))).result.cookie as Buffer);
    expect(directory.held()).toBe(4);
    const codes: unknown[] = [];
    for (const cookie of cookies) codes.push((await raw.search({}, paged(5, cookie))).result.code);
    expect(codes).toEqual([53, 0, 0, 0, 0]);
  });

  it('keeps to the limit of entries over all its pages', async () => {
    const first = await raw.search({ sizeLimit: 7 }, paged(5));
    expect(first).toMatchObject({ entries: { length: 5 }, result: { code: 0 } });
    const second = await raw.search({ sizeLimit: 7 }, paged(5, first.result.cookie));
    expect(second).toMatchObject({ entries: { length: 2 }, result: { code: 4 } });
    const single = await raw.search({ sizeLimit: 5 }, paged(5));
    expect(single).toMatchObject({ entries: { length: 5 }, result: { code: 4 } });
    expect(single.result.cookie).toBeUndefined();
  });

  it.each([
    ['of a negative size', paged(-1)],
    ['of no entries at the start', paged(0)],
    ['without a value', control('1.2.840.113556.1.4.319', undefined, true)],
    ['with half a value', control('1.2.840.113556.1.4.319', Buffer.from([0x30, 3, 2, 1]), true)],
    [
      'with more than its value',
      control('1.2.840.113556.1.4.319', element(0x30, integer(1), octets(''), octets(''))),
    ],
  ])('%s is a protocol error', async (_, wrong) => {
    expect(await raw.search({}, wrong)).toMatchObject({ entries: [], result: { code: 2 } });
  });
});

describe('a control', () => {
  it('that is unknown and critical refuses the search; one that is not critical is passed over', async () => {
    expect(await raw.search({}, control('1.2.3.4', undefined, true))).toMatchObject({
      entries: [],
      result: { code: 12 },
    });
    expect((await raw.search({}, control('1.2.3.4'))).entries).toHaveLength(24);
    expect((await raw.search({}, control('2.16.840.1.113730.3.4.2', undefined, true))).entries).toHaveLength(
      24,
    );
  });
});

describe('other requests', () => {
  it.each([
    ['add', element(0x68, octets(baseDn), element(0x30)), 0x69],
    ['delete', octets(`uid=user1,${people}`, 0x4a), 0x6b],
    ['modify', element(0x66, octets(baseDn), element(0x30)), 0x67],
    ['rename', element(0x6c, octets(baseDn), octets('dc=x'), element(1, Buffer.of(0))), 0x6d],
  ])('to %s are refused', async (_, operation, tag) => {
    expect(await raw.ask(operation)).toMatchObject({ code: 53, tag });
    expect((await raw.search({})).entries).toHaveLength(24);
  });

  it.each([
    ['uid', 'USER1', 6],
    ['uid', 'user2', 5],
    ['description', 'x', 16],
    ['nothing', 'x', 17],
    ['userAccountControl', 'x', 21],
  ])('that compare %s with %j get their answer', async (name, value, code) => {
    expect((await raw.ask(operations.compare(`uid=user1,${people}`, name, value))).code).toBe(code);
  });

  it('that compare somebody who does not exist say so', async () => {
    const nobody = await raw.ask(operations.compare(`uid=nobody,${people}`, 'uid', 'x'));
    expect(nobody).toMatchObject({ code: 32, matched: people });
    expect((await raw.ask(operations.compare('nonsense', 'uid', 'x'))).code).toBe(34);
  });

  it('that no client may send end the connection with a notice', async () => {
    for (const wrong of [
      message(7, element(0x65)),
      message(0, operations.search()),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('3080', 'hex'),
    ]) {
      const one = connectRaw(served.port);
      await one.bind();
      one.send(wrong);
      expect(await one.next()).toMatchObject({ id: 0, code: 2, name: '1.3.6.1.4.1.1466.20036' });
      expect(await one.next()).toBeUndefined();
    }
  });
});
