// Owns the proof of what the patterns of a mapping match: ids, exact names and `*`.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compilePatterns,
  compileUserPatterns,
  isObjectId,
  unmatchedPatterns,
} from '../../src/accounts/scope.ts';
import { annaId, makeGroup, makeUser } from './people.ts';

function matches(pattern: string, name: string | null): boolean {
  return compilePatterns([pattern])(makeGroup(name));
}

describe('a group pattern', () => {
  it.each([
    ['Staff', 'Staff', true],
    ['staff', 'STAFF', true],
    [' Staff ', 'Staff', true],
    ['Staff', 'Staff Berlin', false],
    ['Staff', 'My Staff', false],
    ['Straße', 'STRAßE', true],
    ['Caf\u00e9', 'Cafe\u0301', true],
    ['Print-*', 'print-color', true],
    ['Print-*', 'Print-', true],
    ['Print-*', 'A Print-color', false],
    ['*-students', 'Class 7-Students', true],
    ['*-students', 'Class 7-students (old)', false],
    ['*7*', 'Class 7b', true],
    ['*', 'anything', true],
    ['*', '', true],
    ['**', 'x', true],
    ['a*b*c', 'aXbYc', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'acb', false],
    ['ab*ba', 'aba', false],
    ['ab*ba', 'abba', true],
    ['*ab*ab', 'ab', false],
    ['*ab*ab', 'abab', true],
    ['ΟΔΟΣ*', 'Οδοστρωτήρας', true],
    ['a.c', 'abc', false],
    ['[a-z]+', '[A-Z]+', true],
    ['(a|b)*', 'b', false],
    ['(a|b)*', '(a|b) and more', true],
    ['\\w*', 'word', false],
    ['^$*', '^$!', true],
    ['Staff', null, false],
    ['*', null, false],
  ])('%j on the name %j: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  it('that is an object id means this group whatever its name and the case of the id', () => {
    const test = compilePatterns([' CCCCCCCC-0000-4000-8000-00000000000A ']);
    expect(test(makeGroup('Staff', 'cccccccc-0000-4000-8000-00000000000a'))).toBe(true);
    expect(test(makeGroup(null, 'CCCCCCCC-0000-4000-8000-00000000000a'))).toBe(true);
    expect(test(makeGroup('Staff'))).toBe(false);
  });

  it('that is an object id never means a group that merely bears it as its name', () => {
    const id = 'cccccccc-0000-4000-8000-00000000000a';
    expect(matches(id, id)).toBe(false);
  });

  it('list matches when one of its patterns does, and an empty list matches nothing', () => {
    const test = compilePatterns(['Staff', 'Class *', 'cccccccc-0000-4000-8000-00000000000a']);
    expect(test(makeGroup('Class 7'))).toBe(true);
    expect(test(makeGroup('STAFF'))).toBe(true);
    expect(test(makeGroup('Guests', 'cccccccc-0000-4000-8000-00000000000a'))).toBe(true);
    expect(test(makeGroup('Guests'))).toBe(false);
    expect(compilePatterns([])(makeGroup('Staff'))).toBe(false);
  });

  it('agrees with the plain meaning of * on any name', () => {
    const alphabet = fc.constantFrom('a', 'b', '.', '*');
    const pattern = fc.array(alphabet, { maxLength: 7 }).map((parts) => `*${parts.join('')}`);
    const name = fc.array(fc.constantFrom('a', 'b', '.'), { maxLength: 9 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, name, (text, groupName) => {
        expect(matches(text, groupName)).toBe(meansByDefinition(text, groupName));
      }),
      { numRuns: 5000 },
    );
  });

  it('matches every name in which its * were filled with text', () => {
    const word = fc.string({ maxLength: 5 }).map((text) => text.replaceAll('*', ''));
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 6 }), (pairs) => {
        const pattern = `x${pairs.map(([fixed]) => fixed).join('*')}*y`;
        const name = `x${pairs.map(([fixed, filled]) => fixed + filled).join('')}y`;
        expect(matches(pattern, name)).toBe(true);
      }),
    );
  });

  it('written to be slow is decided by few steps', () => {
    const test = compilePatterns([`${'*a'.repeat(200)}*b*`]);
    const name = 'a'.repeat(20_000);
    // A matcher that backtracks would not come back from one of these before the test's time is over.
    for (let round = 0; round < 100; round += 1) expect(test(makeGroup(name))).toBe(false);
  });
});

describe('a pattern for users', () => {
  it('means an object id or a user principal name, exact or with *', () => {
    const user = makeUser({ userPrincipalName: 'SVC-Scan@contoso.com' });
    expect(compileUserPatterns([annaId.toUpperCase()])(user)).toBe(true);
    expect(compileUserPatterns(['svc-scan@CONTOSO.com'])(user)).toBe(true);
    expect(compileUserPatterns(['svc-*'])(user)).toBe(true);
    expect(compileUserPatterns(['*@contoso.com'])(user)).toBe(true);
    expect(compileUserPatterns(['*@fabrikam.com', 'scan@contoso.com'])(user)).toBe(false);
    expect(compileUserPatterns([])(user)).toBe(false);
  });

  it('never means a user whose name is unknown, except by id', () => {
    const nameless = makeUser({ userPrincipalName: undefined });
    expect(compileUserPatterns(['*'])(nameless)).toBe(false);
    expect(compileUserPatterns([annaId])(nameless)).toBe(true);
  });
});

describe('patterns that match nothing', () => {
  const groups = [makeGroup('Staff'), makeGroup('Class 7', 'cccccccc-0000-4000-8000-00000000000a')];

  it('are named in their order, once', () => {
    const patterns = ['Staf', 'Class *', 'dddddddd-0000-4000-8000-00000000000d', 'Staff', 'Staf'];
    expect(unmatchedPatterns(patterns, groups)).toEqual(['Staf', 'dddddddd-0000-4000-8000-00000000000d']);
  });

  it('are all of them where there is no group, and none where each finds one', () => {
    expect(unmatchedPatterns(['Staff', '*'], [])).toEqual(['Staff', '*']);
    expect(unmatchedPatterns(['staff', 'CCCCCCCC-0000-4000-8000-00000000000A'], groups)).toEqual([]);
  });
});

describe('an object id', () => {
  it('has the shape of a GUID and nothing around it', () => {
    expect(isObjectId(annaId)).toBe(true);
    expect(isObjectId(`{${annaId}}`)).toBe(false);
    expect(isObjectId(annaId.replaceAll('-', ''))).toBe(false);
    expect(isObjectId(`${annaId}*`)).toBe(false);
  });
});

/** The definition itself, far too slow for long texts: a star stands for nothing, or for one more character. */
function meansByDefinition(pattern: string, name: string): boolean {
  if (pattern === '') return name === '';
  if (pattern.startsWith('*')) {
    return (
      meansByDefinition(pattern.slice(1), name) || (name !== '' && meansByDefinition(pattern, name.slice(1)))
    );
  }
  return name !== '' && name[0] === pattern[0] && meansByDefinition(pattern.slice(1), name.slice(1));
}
