// Owns the proof of how values and logins are read from a user.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileLogin, loginKey } from '../../src/accounts/login.ts';
import { compileFirst, compileReader, foldText, principalPrefix, toText } from '../../src/accounts/values.ts';
import { annaId, makeUser } from './people.ts';

describe('a value', () => {
  it.each([
    ['  Anna ', 'Anna'],
    ['', null],
    [' \t\n', null],
    ['\u00a0', null],
    [0, '0'],
    [42.5, '42.5'],
    [Number.NaN, null],
    [true, 'true'],
    [false, 'false'],
    [null, null],
    [undefined, null],
    [[], null],
    [['', null, ' +49 1 ', '+49 2'], '+49 1'],
    [[['nested']], null],
    [{ text: 'x' }, null],
    ['a\0b', 'ab'],
    ['\ud800x', '\ufffdx'],
  ])('%j becomes %j', (raw, text) => {
    expect(toText(raw)).toBe(text);
  });

  it('is null or a trimmed, storable, non-empty text, whatever Graph sends', () => {
    fc.assert(
      fc.property(fc.anything(), (raw) => {
        const text = toText(raw);
        if (text === null) return;
        expect(text).not.toBe('');
        expect(text).toBe(text.trim());
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toContain('\0');
        expect(toText(text)).toBe(text);
      }),
    );
  });
});

describe('reading a property', () => {
  const extension = `extension_${'0123456789abcdef'.repeat(2)}_card`;
  const user = makeUser({
    businessPhones: ['', '+33 1'],
    onPremisesExtensionAttributes: { extensionAttribute1: 'E1', extensionAttribute2: null },
    employeeOrgData: { costCenter: ' 4711 ' },
    [extension]: 12345,
  });

  it.each([
    ['displayName', 'Anna Berg'],
    ['id', annaId],
    ['businessPhones', '+33 1'],
    ['onPremisesExtensionAttributes.extensionAttribute1', 'E1'],
    ['onPremisesExtensionAttributes.extensionAttribute2', null],
    ['onPremisesExtensionAttributes.extensionAttribute3', null],
    ['employeeOrgData.costCenter', '4711'],
    ['employeeOrgData.division', null],
    [extension, '12345'],
    ['userPrincipalName.prefix', 'Anna.Berg'],
    ['jobTitle', null],
    ['constructor', null],
  ])('%s gives %j', (name, text) => {
    expect(compileReader(name)(user)).toBe(text);
  });

  it('of a part gives nothing where the whole is not an object', () => {
    const read = compileReader('employeeOrgData.costCenter');
    for (const employeeOrgData of [undefined, null, 'text', 7, ['costCenter']]) {
      expect(read(makeUser({ employeeOrgData }))).toBeNull();
    }
  });

  it('takes the first of several that is not empty', () => {
    const read = compileFirst(['jobTitle', 'mail', 'displayName']);
    expect(read(makeUser())).toBe('anna.berg@contoso.com');
    expect(read(makeUser({ jobTitle: ' ' }))).toBe('anna.berg@contoso.com');
    expect(read(makeUser({ mail: '' }))).toBe('Anna Berg');
    expect(read(makeUser({ mail: undefined, displayName: undefined }))).toBeNull();
    expect(compileFirst([])(user)).toBeNull();
  });
});

describe('the prefix of a user principal name', () => {
  it.each([
    ['anna@contoso.com', 'anna'],
    ['anna_example.org#EXT#@contoso.onmicrosoft.com', 'anna_example.org'],
    ['anna_example.org#ext#@contoso.onmicrosoft.com', 'anna_example.org'],
    ['anna#1@contoso.com', 'anna#1'],
    ['anna#EXT#1@contoso.com', 'anna#EXT#1'],
    ['anna@home@contoso.com', 'anna@home'],
    ['anna', 'anna'],
    ['@contoso.com', null],
    ['#EXT#@contoso.com', null],
    [' @contoso.com', null],
    [null, null],
  ])('of %j is %j', (principalName, prefix) => {
    expect(principalPrefix(principalName)).toBe(prefix);
  });
});

describe('the login', () => {
  const from = ['onPremisesSamAccountName', 'mailNickname', 'userPrincipalName.prefix'];
  const read = compileLogin({ from, case: 'lower' });

  it('is the first of its properties that holds something, in lower case', () => {
    expect(read(makeUser())).toBe('aberg');
    expect(read(makeUser({ onPremisesSamAccountName: undefined }))).toBe('anna.berg');
    expect(
      read(
        makeUser({ onPremisesSamAccountName: '', mailNickname: ' ', userPrincipalName: 'AB@contoso.com' }),
      ),
    ).toBe('ab');
  });

  it('keeps its case where the mapping says so', () => {
    expect(compileLogin({ from, case: 'preserve' })(makeUser())).toBe('ABerg');
  });

  it('of a guest without other names comes without the mark of guests', () => {
    const guest = makeUser({
      onPremisesSamAccountName: undefined,
      mailNickname: undefined,
      userPrincipalName: 'Anna_example.org#EXT#@contoso.onmicrosoft.com',
    });
    expect(read(guest)).toBe('anna_example.org');
  });

  it('is nothing where no property holds anything', () => {
    expect(
      read(
        makeUser({
          onPremisesSamAccountName: undefined,
          mailNickname: undefined,
          userPrincipalName: undefined,
        }),
      ),
    ).toBeNull();
  });

  it('does not depend on the language of the machine', () => {
    expect(read(makeUser({ onPremisesSamAccountName: 'IRIS' }))).toBe('iris');
  });
});

describe('two logins', () => {
  it.each([
    ['Anna', 'aNNA'],
    ['andr\u00e9', 'ANDRE\u0301'],
    ['ΟΔΟΣ', 'οδοσ'],
    ['ΟΔΟΣ', 'οδος'],
    ['\u212Aim', 'kim'],
    ['\u0130\u031b', 'i\u031b\u0307'],
  ])('%s and %s are one', (one, other) => {
    expect(loginKey(one)).toBe(loginKey(other));
  });

  it.each([
    ['anna', 'anna1'],
    ['andre', 'andré'],
    ['anna', 'an na'],
  ])('%s and %s are two', (one, other) => {
    expect(loginKey(one)).not.toBe(loginKey(other));
  });

  it('have keys that are their own keys, whatever the case rule wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (login) => {
        const key = foldText(login);
        expect(foldText(key)).toBe(key);
        expect(foldText(login.toLowerCase())).toBe(key);
        expect(foldText(login.normalize('NFD'))).toBe(key);
      }),
      { numRuns: 2000 },
    );
  });
});
