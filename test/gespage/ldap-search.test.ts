// Owns the proof that the directory's short ways leave out nobody: whatever is asked, the same entries are found as by
// looking at all of them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry, Filter, Scope } from '../../src/gespage/ldap/directory.ts';
import { isWithin, normalizeDn, parentOf } from '../../src/gespage/ldap/dn.ts';
import { compileFilter } from '../../src/gespage/ldap/evaluate.ts';
import { attributeTypes } from '../../src/gespage/ldap/schema.ts';
import { idOf, makeAccount, makeGroup } from './fixtures.ts';
import { anything, baseDn, makeStore } from './ldap-tree.ts';

const logins = ['ann', 'Bob', 'c, d', 'élodie', 'e.f@gespage.sync', 'g@example.org', 'staff', 'h  i', 'ﬁona'];
const names = [null, 'Ann  Lee', 'ann lee', 'Zoë', 'STAFF', 'ann'];
const people = logins.map((login, index) =>
  makeAccount(index, login, {
    fields: {
      displayName: names[index % names.length] ?? null,
      lastName: index % 2 === 0 ? null : 'Lee',
      email: index % 3 === 0 ? null : `Mail${index % 4}@example.org`,
      department: ['Law', null, ' LAW', 'A, B'][index % 4] ?? null,
      cardNumber: index % 4 === 0 ? `00${index}` : null,
    },
    enabled: index % 3 !== 0,
    groups: [20, 21, 22].filter((group) => (index + group) % 2 === 0),
  }),
);
const groups = [
  makeGroup(20, 'Staff'),
  makeGroup(21, 'staff'),
  makeGroup(22, 'A, B'),
  makeGroup(23, 'Empty'),
];

async function makeFilled(departments = false) {
  const store = makeStore({ departments });
  // In two bites, so that people come before and behind the groups.
  await store.write({ accounts: people.slice(0, 4) });
  await store.write({ groups, accounts: people.slice(4) });
  return store;
}

const spellings = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.toLowerCase(),
  (text) => ` ${text.replaceAll(' ', '   ')}`,
  (text) => text.normalize('NFD'),
  (text) => text.slice(1),
);

function makeFilters(entries: readonly Entry[]): fc.Arbitrary<Filter> {
  const known = entries.flatMap(({ dn, user, operational }) => [
    { name: 'distinguishedname', value: Buffer.from(dn) },
    ...[...user, ...operational].flatMap(({ name, values }) => values.map((value) => ({ name, value }))),
  ]);
  const anyName = fc.constantFrom(...attributeTypes.flatMap(({ name, aliases }) => [name, ...aliases]));
  /** Mostly a value beside the name that has it. */
  const pair = fc
    .tuple(fc.constantFrom(...known), fc.option(anyName, { freq: 4 }), spellings)
    .map(([{ name, value }, other, spell]) => ({
      name: (other ?? name).toLowerCase(),
      value: name === 'objectGUID' ? value : Buffer.from(spell(value.toString())),
    }));
  const leaf: fc.Arbitrary<Filter> = fc.oneof(
    {
      weight: 6,
      arbitrary: pair.map((assertion): Filter => ({ kind: 'equal', ...assertion })),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(
          fc.constantFrom('greater-or-equal' as const, 'less-or-equal' as const, 'approximate' as const),
          pair,
        )
        .map(([kind, assertion]): Filter => ({ kind, ...assertion })),
    },
    {
      weight: 1,
      arbitrary: pair.map(({ name, value }): Filter => {
        const initial = value.subarray(0, 2);
        return { kind: 'substrings', name, initial, any: [], final: undefined };
      }),
    },
    { weight: 1, arbitrary: anyName.map((name): Filter => ({ kind: 'present', name: name.toLowerCase() })) },
  );
  return fc.letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      { weight: 3, arbitrary: leaf },
      {
        weight: 3,
        arbitrary: fc
          .tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(tie('filter'), { maxLength: 3 }))
          .map(([kind, parts]): Filter => ({ kind, parts })),
      },
      { weight: 1, arbitrary: tie('filter').map((part): Filter => ({ kind: 'not', part })) },
    ),
  })).filter;
}

function isInScope(dn: string, base: string, scope: Scope): boolean {
  const name = normalizeDn(dn) ?? '';
  if (scope === 'base') return name === base;
  return scope === 'one' ? parentOf(name) === base : isWithin(name, base);
}

test.each([
  ['', false, 0],
  [', with units of departments', true, 2],
])(
  'a search with short ways finds what a look at every entry finds, in the same order%s',
  async (_, departments, units) => {
    const store = await makeFilled(departments);
    const snapshot = store.directory.open();
    const whole = [...snapshot.search({ base: baseDn, scope: 'subtree', filter: anything })];
    expect(whole).toHaveLength(3 + units + people.length + groups.length);
    const bases = [
      baseDn,
      ...whole.map(({ entry }) => normalizeDn(entry.dn) ?? ''),
      'ou=nobody,dc=gespage,dc=sync',
      'uid=ann,ou=a\\, b,ou=people,dc=gespage,dc=sync',
    ];
    let narrow = 0;
    const query = fc.record({
      base: fc.oneof(
        { weight: 3, arbitrary: fc.constant(baseDn) },
        { weight: 2, arbitrary: fc.constantFrom(...bases) },
      ),
      scope: fc.constantFrom<Scope>('base', 'one', 'subtree'),
      filter: makeFilters(whole.map(({ entry }) => entry)),
      after: fc.constantFrom(0, 0, ...whole.map(({ position }) => position)),
    });
    fc.assert(
      fc.property(query, ({ base, scope, filter, after }) => {
        const judge = compileFilter(filter);
        const looked = [...snapshot.search({ base, scope, filter, after })];
        if (looked.length < whole.length - 3) narrow += 1;
        const found = looked.filter(({ entry }) => judge(entry) === true).map(({ entry }) => entry.dn);
        const wanted = whole
          .filter(({ position, entry }) => position > after && isInScope(entry.dn, base, scope))
          .filter(({ entry }) => judge(entry) === true)
          .map(({ entry }) => entry.dn);
        expect(found).toEqual(wanted);
        // Nothing outside of the scope, whatever the filter says.
        expect(looked.filter(({ entry }) => !isInScope(entry.dn, base, scope))).toEqual([]);
      }),
      { numRuns: 4_000 },
    );
    expect(narrow).toBeGreaterThan(1_000);
    snapshot.close();
  },
);

test.each([
  ['uid', 'ANN', ['uid=ann,ou=people']],
  ['sAMAccountName', 'staff', ['cn=Staff,ou=groups', 'uid=staff,ou=people']],
  ['userPrincipalName', 'ann@gespage.sync', ['uid=ann,ou=people']],
  ['userPrincipalName', 'g@example.org', ['uid=g@example.org,ou=people']],
  [
    'memberOf',
    `cn=a\\, b, ou=groups, ${baseDn}`,
    people.filter(({ groups: of }) => of.includes(idOf(22))).length,
  ],
  ['member', `uid=ann,ou=people,${baseDn}`, 2],
  ['entryUUID', idOf(21).toUpperCase(), [`cn=staff (${idOf(21).slice(0, 8)}),ou=groups`]],
  ['objectClass', 'groupOfNames', 4],
] as const)('a search for %s %s looks at few entries beside the units', async (name, text, expected) => {
  const store = await makeFilled();
  const filter: Filter = { kind: 'equal', name: name.toLowerCase(), value: Buffer.from(text) };
  const found = store.find({ filter }).filter((dn) => dn.includes(',') || dn.startsWith('uid'));
  if (typeof expected === 'number') expect(found).toHaveLength(expected);
  else expect(found).toEqual(expected);
});

test.each([baseDn, `ou=people,${baseDn}`, `ou=groups,${baseDn}`])(
  'the unit %s is looked at once for its name, and from within its tree alone',
  async (dn) => {
    const store = await makeFilled(true);
    const snapshot = store.directory.open();
    const filter: Filter = { kind: 'equal', name: 'distinguishedname', value: Buffer.from(dn) };
    for (const base of [baseDn, `ou=people,${baseDn}`, `ou=groups,${baseDn}`])
      for (const scope of ['base', 'one', 'subtree'] as const) {
        const looked = [...snapshot.search({ base, scope, filter })].map(({ entry }) => entry.dn);
        expect(looked.filter((one) => one === dn)).toEqual(isInScope(dn, base, scope) ? [dn] : []);
      }
    snapshot.close();
  },
);
