// Owns the tests of distinguished names: spellings that are equal, values of every kind there and back, and what is none.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeRdnValue, isWithin, normalizeDn, parentOf, parseDn } from '../../../src/gespage/ldap/dn.ts';
import { prepareText } from '../../../src/gespage/ldap/text.ts';

const values = fc.string({
  unit: fc.oneof(fc.constantFrom(...' ,+"\\<>;=#\0a\u00c9ß'), fc.string({ unit: 'binary' })),
});

describe('two spellings of one name', () => {
  it.each([
    ['uid=ada,ou=people,dc=gespage,dc=sync', 'UID=Ada , OU = People,DC=gespage,  dc=SYNC'],
    ['cn=ada lovelace,dc=x', 'commonName=Ada   Lovelace,domainComponent=x'],
    ['cn=ada,dc=x', '2.5.4.3=Ada,0.9.2342.19200300.100.1.25=X'],
    ['cn=a+uid=b,dc=x', 'uid=B+cn=A,dc=x'],
    ['cn=lučić', 'CN=Lu\\C4\\8Di\\C4\\87'],
    ['cn=ada', 'cn=#0403416461'],
    ['cn=a\\,b', 'cn=a\\2cb'],
    ['cn=a b', 'cn=\\20a b\\20'],
  ])('%s and %s are equal', (one, other) => {
    expect(normalizeDn(other)).toBe(normalizeDn(one));
    expect(normalizeDn(one)).toBeDefined();
  });

  it('are not equal where a value differs', () => {
    expect(normalizeDn('cn=a\\,cn=b')).not.toBe(normalizeDn('cn=a,cn=b'));
    expect(normalizeDn('cn=a+cn=b')).not.toBe(normalizeDn('cn=a,cn=b'));
  });
});

it.each([
  'people',
  'ou',
  '=x',
  'ou=people,',
  ',ou=people',
  'ou=people,,dc=x',
  'cn=a"b',
  'cn=a;b',
  'cn=<a>',
  'cn=a\\',
  'cn=a\\zz',
  'cn=\\ff',
  'cn=#04',
  'cn=#0405416461',
  'cn=#zz',
  '1.=x',
  '-a=x',
  'cn=\ud800',
  `cn=${'a'.repeat(9_000)}`,
])('%j is not a name', (text) => {
  expect(normalizeDn(text)).toBeUndefined();
});

it('the root is the empty name', () => {
  expect(normalizeDn('')).toBe('');
  expect(normalizeDn('  ')).toBeUndefined();
  expect(parentOf('')).toBeUndefined();
});

it('every text can stand in a name and comes back as it was', () => {
  fc.assert(
    fc.property(values, (value) => {
      const rdns = parseDn(`cn=${escapeRdnValue(value)},ou=a+dc=b`);
      expect(rdns).toEqual([
        [{ type: 'cn', value }],
        [
          { type: 'ou', value: 'a' },
          { type: 'dc', value: 'b' },
        ],
      ]);
    }),
    { numRuns: 2_000 },
  );
});

it('a normal form is its own normal form', () => {
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 4 }), (parts) => {
      const normal = normalizeDn(parts.map((value) => `CN=${escapeRdnValue(value)}`).join(','));
      expect(normal).toBeDefined();
      expect(normalizeDn(normal as string)).toBe(normal);
    }),
    { numRuns: 2_000 },
  );
});

it('any text is read without a throw', () => {
  fc.assert(
    fc.property(values, (text) => void normalizeDn(text)),
    { numRuns: 2_000 },
  );
});

it('what is above and below is told by whole parts', () => {
  expect(parentOf('cn=a\\,b,ou=x')).toBe('ou=x');
  expect(parentOf('ou=x')).toBe('');
  expect(isWithin('cn=a,ou=x', 'ou=x')).toBe(true);
  expect(isWithin('ou=x', 'ou=x')).toBe(true);
  expect(isWithin('ou=x', '')).toBe(true);
  expect(isWithin('cn=a\\,ou=x', 'ou=x')).toBe(false);
  expect(isWithin('cn=a\\\\,ou=x', 'ou=x')).toBe(true);
  expect(isWithin('cou=x', 'ou=x')).toBe(false);
});

describe('prepared text', () => {
  it.each([
    ['  Ada   LOVELACE ', 'ada lovelace'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευσ'],
    ['É', 'é'],
    ['E\u0301', 'é'],
    ['Ａ', 'a'],
    ['İ', 'i'],
    ['   ', ' '],
    ['', ''],
  ])('of %j is %j', (text, prepared) => {
    expect(prepareText(text)).toBe(prepared);
  });

  it('keeps the space at the side where a piece meets the rest of the value', () => {
    expect(prepareText('  a  ', 'initial')).toBe('a ');
    expect(prepareText('  a  ', 'any')).toBe(' a ');
    expect(prepareText('  a  ', 'final')).toBe(' a');
    expect(prepareText('  ', 'initial')).toBe(' ');
    expect(prepareText('  ', 'final')).toBe('');
  });
});
