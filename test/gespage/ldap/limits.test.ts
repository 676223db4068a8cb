// Owns the tests of what nobody can make the LDAP server do: wait for long, hold much, answer to nobody, or fall.
import fc from 'fast-check';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { LdapLimits } from '../../../src/gespage/ldap/wire/limits.ts';
import type { Directory } from '../../../src/gespage/ldap/directory.ts';
import { eventuallyTrue } from '../../helpers/eventually.ts';
import { mutated, requests } from './arbitraries.ts';
import { createMemoryDirectory, makeEntry, makeTree, baseDn } from './memory-directory.ts';
import { element } from '../../../src/gespage/ldap/wire/ber-writer.ts';
import { connectRaw, filters, message, operations, paged, type RawClient } from './raw-client.ts';
import { readerDn, readerPassword, serveLdap, type ServedLdap } from './serve-ldap.ts';

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

let clock = 0;

async function serve(
  directory: Directory,
  limits: Partial<LdapLimits> = {},
  options: { now?: () => number } = {},
): Promise<ServedLdap> {
  const served = await serveLdap(directory, { limits, now: () => clock, ...options });
  toClose.push(() => served.close());
  return served;
}

async function reader(served: ServedLdap): Promise<RawClient> {
  const made = connectRaw(served.port);
  toClose.push(() => made.close());
  await made.bind();
  return made;
}

/** Entries that are many megabytes together. */
function largeTree(people: number): ReturnType<typeof makeTree> {
  const text = 'x'.repeat(10_000);
  const more = Array.from({ length: people }, (_, number) =>
    makeEntry(`cn=large${number},${baseDn}`, {
      objectClass: ['top', 'container'],
      cn: `large${number}`,
      description: text,
    }),
  );
  return [...makeTree(1), ...more];
}

describe('a connection', () => {
  it('that rests is closed: soon without a bind, later with one, and never in mid-search', async () => {
    const served = await serve(createMemoryDirectory(makeTree(3)));
    const bound = await reader(served);
    const silent = connectRaw(served.port);
    const slow = connectRaw(served.port);
    slow.send(Buffer.from([0x30, 0x50, 1]));
    await eventuallyTrue('all are there', () => served.server.open().connections === 3);
    clock += 30_001;
    await Promise.all([silent.closed, slow.closed]);
    expect((await bound.search({})).result.code).toBe(0);
    clock += 15 * 60_000 + 1;
    await bound.closed;
  });

  it('beyond the limit is not accepted, until another goes', async () => {
    const served = await serve(createMemoryDirectory(makeTree(3)), { connections: 2 });
    const [first] = [await reader(served), await reader(served)];
    const third = connectRaw(served.port);
    await third.closed;
    first.close();
    await eventuallyTrue('one is gone', () => served.server.open().connections === 1);
    await reader(served);
  });

  it('with a request over the limit is ended with a notice, before the request has come', async () => {
    const served = await serve(createMemoryDirectory(makeTree(3)), { messageBytes: 1_000 });
    const raw = await reader(served);
    const large = operations.search({ filter: filters.equal('cn', 'x'.repeat(1_000)) });
    raw.send(message(9, large).subarray(0, 10));
    expect(await raw.next()).toMatchObject({ id: 0, code: 2 });
    await raw.closed;
  });

  it('gets `busy` for requests beyond those in hand, and answers for the others', async () => {
    const served = await serve(createMemoryDirectory(largeTree(400)), { requestsInHand: 2 });
    const raw = await reader(served);
    raw.socket.pause();
    raw.send(Buffer.concat([10, 11, 12].map((id) => message(id, operations.search({})))));
    raw.socket.resume();
    const codes = new Map<number, number>();
    while (codes.size < 3) {
      const answer = await raw.next();
      if (answer?.code !== undefined) codes.set(answer.id, answer.code);
    }
    expect(codes).toEqual(
      new Map([
        [10, 0],
        [11, 0],
        [12, 51],
      ]),
    );
  });

  it('that uses the id of a request in hand is ended', async () => {
    const served = await serve(createMemoryDirectory(largeTree(400)));
    const raw = await reader(served);
    raw.send(Buffer.concat([10, 10].map((id) => message(id, operations.search({})))));
    await raw.closed;
  });
});

describe('a client that does not read', () => {
  it('makes the server neither hold what it sends nor go on, and is cut off in the end', async () => {
    let given = 0;
    const inner = createMemoryDirectory(largeTree(3_000));
    const counting: Directory = {
      namingContexts: inner.namingContexts,
      open() {
        const snapshot = inner.open();
        return {
          ...snapshot,
          *search(query) {
            for (const found of snapshot.search(query)) {
              given += 1;
              yield found;
            }
          },
        };
      },
    };
    const served = await serve(counting);
    const raw = await reader(served);
    raw.socket.pause();
    raw.send(message(10, operations.search({})));
    let last = -1;
    await eventuallyTrue('the server waits', () => {
      const waits = given > 0 && given === last;
      last = given;
      return waits;
    });
    // 30 MB are there to be sent; what is under way is what the system's buffers hold.
    expect(given).toBeLessThan(2_500);
    clock += 60_001;
    await eventuallyTrue('it is cut off', () => served.server.open().connections === 0);
    await eventuallyTrue('its revision is closed', () => inner.held() === 0);
  });
});

describe('a search', () => {
  it('that takes too long ends with what it found, by the limit of the client or of the server', async () => {
    let ticks = 0;
    const served = await serve(
      createMemoryDirectory(makeTree(2_000)),
      { searchMs: 5_000 },
      { now: () => (ticks += 100) },
    );
    const raw = await reader(served);
    const short = await raw.search({ timeLimit: 1 });
    expect(short.result.code).toBe(3);
    const long = await raw.search({});
    expect(long.result.code).toBe(3);
    expect(long.entries.length).toBeGreaterThan(short.entries.length);
    expect(long.entries.length).toBeLessThan(2_000);
  });

  it('that is abandoned stops, without an answer', async () => {
    const directory = createMemoryDirectory(largeTree(2_000));
    const served = await serve(directory);
    const raw = await reader(served);
    raw.send(message(10, operations.search({})));
    expect((await raw.next())?.entry).toBeDefined();
    raw.send(message(11, operations.abandon(10)));
    raw.send(message(12, operations.extended('1.3.6.1.4.1.4203.1.11.3')));
    let entries = 0;
    for (let answer = await raw.next(); answer?.id !== 12; answer = await raw.next()) {
      expect(answer?.code).toBeUndefined();
      entries += 1;
    }
    expect(entries).toBeLessThan(2_000);
    await eventuallyTrue('its revision is closed', () => directory.held() === 0);
    expect((await raw.search({ scope: 0 })).result.code).toBe(0);
  });

  it('by pages that a bind cuts short leaves no revision behind', async () => {
    const directory = createMemoryDirectory(largeTree(30));
    const served = await serve(directory);
    const raw = await reader(served);
    const bind = operations.bind(readerDn, readerPassword);
    raw.send(Buffer.concat([message(10, operations.search({}), paged(5)), message(11, bind)]));
    for (let answer = await raw.next(); answer?.id !== 11; answer = await raw.next())
      expect(answer?.code).toBeUndefined();
    expect(directory.held()).toBe(0);
  });

  it('that fails in mid-way is no success, and is logged', async () => {
    const inner = createMemoryDirectory(makeTree(50));
    const failing: Directory = {
      namingContexts: inner.namingContexts,
      open() {
        const snapshot = inner.open();
        return {
          ...snapshot,
          *search(query) {
            let number = 0;
            for (const found of snapshot.search(query)) {
              if ((number += 1) > 10) throw new Error('the disk is gone');
              yield found;
            }
          },
        };
      },
    };
    const served = await serve(failing);
    const raw = await reader(served);
    expect((await raw.search({})).result.code).toBe(52);
    expect((await raw.search({}, paged(20))).result).toMatchObject({ code: 52 });
    expect(served.log.text()).toContain('the disk is gone');
    expect(inner.held()).toBe(0);
  });

  it('lets others have their turn', async () => {
    const served = await serve(createMemoryDirectory(makeTree(10_000)), {}, { now: () => performance.now() });
    const [one, other] = [await reader(served), await reader(served)];
    const nobody = { filter: filters.substrings('cn', '*nobody*') };
    const long = one.search(nobody);
    let isOver = false;
    void long.then(() => (isOver = true));
    await other.search({ scope: 0 });
    expect(isOver).toBe(false);
    await long;
  });
});

it('stops with a notice to clients, also to one that does not go', async () => {
  const served = await serveLdap(createMemoryDirectory(makeTree(3)));
  const raw = connectRaw(served.port);
  await raw.bind();
  const stubborn = connect({ port: served.port, host: '127.0.0.1', allowHalfOpen: true });
  stubborn.on('error', () => undefined);
  await eventuallyTrue('both are there', () => served.server.open().connections === 2);
  await served.close();
  expect(await raw.next()).toMatchObject({ id: 0, code: 52 });
  expect(served.server.open()).toEqual({ connections: 0, snapshots: 0 });
  stubborn.destroy();
});

describe('mutated requests', () => {
  it('give nobody an entry of the tree who has not bound, and the server lives on', async () => {
    const directory = createMemoryDirectory(makeTree(50));
    const served = await serve(directory);
    const tags = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(mutated(requests), { minLength: 1, maxLength: 12 }), async (octets) => {
        const raw = connectRaw(served.port);
        for (const one of octets) raw.send(one);
        await raw.endWhenQuiet();
        for (let answer = await raw.next(); answer !== undefined; answer = await raw.next()) {
          tags.set(answer.tag, (tags.get(answer.tag) ?? 0) + 1);
          if (answer.entry !== undefined) expect(['', 'cn=subschema']).toContain(answer.entry.dn);
        }
      }),
      { numRuns: 400 },
    );
    // Answers of many kinds came, so that the requests reached the server at all.
    expect(tags.size).toBeGreaterThan(3);
    const raw = await reader(served);
    expect((await raw.search({})).entries).toHaveLength(54);
    raw.close();
    await eventuallyTrue(
      'nothing is left',
      () => directory.held() === 0 && served.server.open().connections === 0,
    );
    expect(served.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('of the reader leave nothing behind', async () => {
    const directory = createMemoryDirectory(makeTree(50));
    const served = await serve(directory);
    const bind = message(1_000_000, operations.bind(readerDn, readerPassword));
    await fc.assert(
      fc.asyncProperty(fc.array(mutated(requests), { minLength: 1, maxLength: 12 }), async (octets) => {
        const raw = connectRaw(served.port);
        raw.send(Buffer.concat([bind, ...octets]));
        await raw.endWhenQuiet();
        while ((await raw.next()) !== undefined);
      }),
      { numRuns: 300 },
    );
    await eventuallyTrue(
      'nothing is left',
      () => directory.held() === 0 && served.server.open().connections === 0,
    );
    expect(served.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

it('a filter as large as it may be does not hold up the server', async () => {
  const served = await serve(createMemoryDirectory(makeTree(200)), {}, { now: () => performance.now() });
  const raw = await reader(served);
  const parts = Array.from({ length: 9_000 }, (_, number) => filters.equal('uid', `user${number * 7}`));
  const { entries, result } = await raw.search({ filter: element(0xa1, ...parts) });
  expect(result.code).toBe(0);
  expect(entries).toHaveLength(29);
});
