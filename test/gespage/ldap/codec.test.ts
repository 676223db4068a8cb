// Owns the tests of BER and of LDAP messages: every value there and back, what is refused, and mutated octets.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BerError, createBerReader } from '../../../src/gespage/ldap/wire/ber-reader.ts';
import { boolean, element, integer, octets } from '../../../src/gespage/ldap/wire/ber-writer.ts';
import { createFramer } from '../../../src/gespage/ldap/wire/framer.ts';
import { readMessage } from '../../../src/gespage/ldap/wire/requests.ts';
import { Refused } from '../../../src/gespage/ldap/wire/results.ts';
import { createChunks } from '../../../src/gespage/ldap/wire/selection.ts';
import { mutated, requests } from './arbitraries.ts';
import { filters, message, operations } from './raw-client.ts';

const limits = { depth: 64, items: 10_000 };

describe('BER', () => {
  it('brings every number, text and boolean back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.boolean(),
        (number, text, flag) => {
          const reader = createBerReader(
            Buffer.concat([integer(number), octets(Buffer.from(text)), boolean(flag)]),
          );
          expect(reader.integer()).toBe(number);
          expect(reader.octets()).toEqual(Buffer.from(text));
          expect(reader.boolean()).toBe(flag);
          reader.end();
        },
      ),
    );
  });

  it.each([0, 127, 128, 255, 256, 65_535, 65_536, 16_777_216])('writes a length of %i', (length) => {
    const whole = octets(Buffer.alloc(length));
    expect(createBerReader(whole).octets().length).toBe(length);
  });

  it.each([
    ['an indefinite length', '30800000'],
    ['a length of five octets', '0485000000000161'],
    ['a tag of several octets', '1f8101'],
    ['an element longer than what holds it', '040561'],
    ['a header that is cut off', '0482'],
    ['a number of no octets', '0200'],
    ['a number of five octets', '02050000000001'],
    ['a number with an octet to spare', '02020001'],
    ['a negative number with an octet to spare', '0202ffff'],
    ['a boolean of two octets', '01020000'],
    ['a string in pieces', '2403040161'],
  ])('refuses %s', (_, hex) => {
    const read = (): unknown => {
      const reader = createBerReader(Buffer.from(hex, 'hex'));
      if (hex.startsWith('02')) return reader.integer();
      if (hex.startsWith('01')) return reader.boolean();
      if (hex.startsWith('24')) return reader.octets();
      return reader.any();
    };
    expect(read).toThrow(BerError);
  });

  it('takes a length that is written longer than it must be, as Windows writes it', () => {
    expect(createBerReader(Buffer.from('04840000000161', 'hex')).octets().toString()).toBe('a');
  });
});

describe('the framer', () => {
  it('finds the same messages however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
        (contents, sizes) => {
          const messages = contents.map((content) => element(0x30, Buffer.from(content)));
          const all = Buffer.concat(messages);
          const framer = createFramer(1_000);
          const found: Buffer[] = [];
          for (let at = 0, turn = 0; at < all.length; turn += 1) {
            const size = sizes[turn % sizes.length] as number;
            framer.push(all.subarray(at, at + size));
            at += size;
            for (let next = framer.next(); next !== undefined; next = framer.next()) found.push(next);
          }
          expect(found).toEqual(messages);
          expect(framer.pending()).toBe(0);
        },
      ),
    );
  });

  it('takes a message of exactly the limit and refuses one octet more, before it has come', () => {
    const framer = createFramer(100);
    framer.push(element(0x30, Buffer.alloc(98)));
    expect(framer.next()?.length).toBe(100);
    framer.push(Buffer.from([0x30, 99]));
    expect(() => framer.next()).toThrow(/101 octets/);
  });

  it('refuses what does not begin as an LDAP message', () => {
    const framer = createFramer(100);
    framer.push(Buffer.from('GET / HTTP/1.1'));
    expect(() => framer.next()).toThrow(BerError);
  });
});

describe('a message', () => {
  it.each([
    ['octets behind it', Buffer.concat([message(1, operations.unbind()), Buffer.of(0)])],
    [
      'something behind its controls',
      element(0x30, integer(1), operations.unbind(), element(0xa0), integer(1)),
    ],
    ['an id below zero', message(-1, operations.unbind())],
    ['an unknown request', message(1, element(0x7f - 0x10))],
    ['a response in place of a request', message(1, element(0x65))],
    ['octets behind its search', message(1, element(0x63, operations.search().subarray(2), integer(1)))],
    ['a bind without a password', message(1, element(0x60, integer(3), octets('cn=x')))],
  ])('with %s ends the connection', (_, whole) => {
    expect(() => readMessage(whole, limits)).toThrow(BerError);
  });

  const search = (filter: Buffer): unknown =>
    readMessage(message(1, operations.search({ filter })), limits).request;

  it('[pitfall 29] with a filter that is not evaluated is refused, and so is everything around the filter', () => {
    for (const [filter, code] of [
      [filters.extensible('1.2.840.113556.1.4.803', 'userAccountControl', '2'), 'inappropriateMatching'],
      [element(0xaa, octets('cn')), 'protocolError'],
      [element(0x8a), 'protocolError'],
      [element(0xa4, octets('cn'), element(0x30)), 'protocolError'],
    ] as const) {
      for (const whole of [
        filter,
        filters.not(filter),
        filters.or(filters.present('objectClass'), filter),
        filters.and(filter, filters.present('objectClass')),
      ]) {
        const request = search(whole);
        expect(request).toBeInstanceOf(Refused);
        expect((request as Refused).result.code).toBe(code);
      }
    }
  });

  it('with a filter that is nested too deeply, or too large, is refused', () => {
    let deep = filters.present('cn');
    for (let depth = 1; depth < 64; depth += 1) deep = filters.not(deep);
    expect(search(deep)).not.toBeInstanceOf(Refused);
    expect(search(filters.not(deep))).toMatchObject({ result: { code: 'adminLimitExceeded' } });
    const wide = (parts: number): Buffer => filters.or(...Array<Buffer>(parts).fill(filters.present('cn')));
    expect(search(wide(9_999))).not.toBeInstanceOf(Refused);
    expect(search(wide(10_000))).toMatchObject({ result: { code: 'adminLimitExceeded' } });
  });

  it('is read or refused, whatever became of its octets', () => {
    const outcomes = { read: 0, refused: 0, broken: 0 };
    fc.assert(
      fc.property(mutated(requests), (whole) => {
        try {
          const { request } = readMessage(whole, limits);
          outcomes[request instanceof Refused ? 'refused' : 'read'] += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(BerError);
          outcomes.broken += 1;
        }
      }),
      { numRuns: 5_000 },
    );
    expect(Object.values(outcomes).every((count) => count > 50)).toBe(true);
  });
});

it('chunks hold exactly what was written, in order, whatever its size', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 40 }), (sizes) => {
      const chunks = createChunks(1_024);
      const taken: Buffer[] = [];
      const written: Buffer[] = [];
      for (const [turn, size] of sizes.entries()) {
        const piece = Buffer.alloc(size, turn + 1);
        const { buffer, at } = chunks.reserve(size);
        piece.copy(buffer, at);
        written.push(piece);
        const chunk = chunks.take(1_024);
        if (chunk !== undefined) taken.push(chunk);
      }
      const last = chunks.take(1);
      expect(Buffer.concat([...taken, ...(last ? [last] : [])])).toEqual(Buffer.concat(written));
      expect(taken.every((chunk) => chunk.length >= 1_024)).toBe(true);
    }),
  );
});
