// Owns the proof of the judgement of one user: active, leaver with its reason, or not to be judged.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileMapping, explainDecision, type Decision } from '../../src/accounts/decide.ts';
import type { DirectoryUser } from '../../src/accounts/model.ts';
import { annaId, anyDecision, makeFields, makeGroup, makeMapping, makeUser } from './people.ts';

const standard = compileMapping(makeMapping());

const annaFields = makeFields({
  email: 'anna.berg@contoso.com',
  firstName: 'Anna',
  lastName: 'Berg',
  displayName: 'Anna Berg',
  department: 'Sales',
});

function decide(user: DirectoryUser, inScope = true): Decision {
  return standard.decide(user, inScope);
}

describe('a user who is enabled and in scope', () => {
  it('is active with login and fields of the mapping', () => {
    expect(decide(makeUser())).toEqual({ kind: 'active', login: 'aberg', fields: annaFields });
  });

  it('has null for what is absent or empty, and falls back where the mapping names several', () => {
    const user = makeUser({ mail: ' ', givenName: '', surname: undefined, department: null });
    expect(decide(user)).toEqual({
      kind: 'active',
      login: 'aberg',
      fields: makeFields({ email: 'Anna.Berg@contoso.com', displayName: 'Anna Berg' }),
    });
  });

  it('has null for every field that Gespage owns, even where the tenant has a value', () => {
    const compiled = compileMapping(makeMapping({ fields: { department: [], email: [] } }));
    expect(compiled.decide(makeUser(), true)).toMatchObject({
      fields: { department: null, email: null, displayName: 'Anna Berg' },
    });
    expect(compiled.ownedFields.toSorted()).toEqual([
      'activity',
      'cardNumber',
      'department',
      'email',
      'homeDirectory',
      'printCode',
    ]);
  });

  it('counts as a member without a user type', () => {
    expect(decide(makeUser({ userType: undefined }))).toMatchObject({ kind: 'active' });
    expect(decide(makeUser({ userType: null }))).toMatchObject({ kind: 'active' });
  });

  it('cannot be judged without anything that makes a login', () => {
    const user = makeUser({
      onPremisesSamAccountName: undefined,
      mailNickname: '',
      userPrincipalName: undefined,
    });
    expect(decide(user)).toMatchObject({ kind: 'unmappable' });
    expect(explainDecision(decide(user))).toMatch(
      /onPremisesSamAccountName, mailNickname, .* has a value; fill one/,
    );
  });
});

describe('a user of whom nobody knows whether he is enabled', () => {
  it.each([undefined, null, 'true', 1])(
    '(accountEnabled is %j) is neither created nor removed',
    (accountEnabled) => {
      expect(decide(makeUser({ accountEnabled }))).toMatchObject({
        kind: 'unmappable',
        reason: expect.stringContaining('accountEnabled') as string,
      });
    },
  );

  it('is a leaver all the same where the reason does not depend on it', () => {
    const user = makeUser({ accountEnabled: undefined });
    expect(decide(user, false)).toMatchObject({ kind: 'leaver', reason: 'out-of-scope' });
    expect(decide({ ...user, state: 'gone' })).toMatchObject({ kind: 'leaver', reason: 'gone' });
  });
});

describe('a leaver', () => {
  it('who is disabled keeps following the tenant', () => {
    expect(decide(makeUser({ accountEnabled: false }))).toEqual({
      kind: 'leaver',
      reason: 'disabled',
      login: 'aberg',
      fields: annaFields,
    });
  });

  it('who left the scope keeps following the tenant', () => {
    expect(decide(makeUser(), false)).toEqual({
      kind: 'leaver',
      reason: 'out-of-scope',
      login: 'aberg',
      fields: annaFields,
    });
  });

  it.each(['soft-deleted', 'gone'] as const)(
    'who is %s has no values any more, whatever Entra still shows',
    (state) => {
      const renamed = makeUser(
        { userPrincipalName: 'aaaaaaaa000040008000000000000001anna@contoso.com' },
        state,
      );
      for (const inScope of [true, false]) {
        expect(decide(renamed, inScope)).toEqual({
          kind: 'leaver',
          reason: state,
          login: null,
          fields: null,
        });
      }
    },
  );

  it('without anything that makes a login still follows in the fields', () => {
    const compiled = compileMapping(makeMapping({ login: { from: ['employeeId'] } }));
    expect(compiled.decide(makeUser({ accountEnabled: false }), true)).toEqual({
      kind: 'leaver',
      reason: 'disabled',
      login: null,
      fields: annaFields,
    });
  });
});

describe('a guest', () => {
  it.each(['Guest', 'guest'])('(%s) stays out by default', (userType) => {
    expect(decide(makeUser({ userType }))).toMatchObject({ kind: 'leaver', reason: 'guest' });
  });

  it('is judged as everybody else where the mapping includes guests', () => {
    const compiled = compileMapping(makeMapping({ scope: { includeGuests: true } }));
    const guest = makeUser({ userType: 'Guest' });
    expect(compiled.decide(guest, true)).toMatchObject({ kind: 'active' });
    expect(compiled.decide(guest, false)).toMatchObject({ kind: 'leaver', reason: 'out-of-scope' });
  });
});

describe('an excluded user', () => {
  it.each([annaId, annaId.toUpperCase(), 'ANNA.BERG@contoso.com', 'anna.*', '*@contoso.com'])(
    '(by %s) never gets an account',
    (pattern) => {
      const compiled = compileMapping(makeMapping({ scope: { exclude: ['x@contoso.com', pattern] } }));
      expect(compiled.decide(makeUser(), true)).toMatchObject({ kind: 'leaver', reason: 'excluded' });
    },
  );
});

describe('several reasons at once', () => {
  it('give the one that an operator would have to change first', () => {
    const compiled = compileMapping(makeMapping({ scope: { exclude: [annaId] } }));
    const guest = makeUser({ userType: 'Guest', accountEnabled: false });
    expect(compiled.decide({ ...guest, state: 'gone' }, false)).toMatchObject({ reason: 'gone' });
    expect(compiled.decide(guest, false)).toMatchObject({ reason: 'excluded' });
    expect(decide(guest, false)).toMatchObject({ reason: 'guest' });
    expect(decide(makeUser({ accountEnabled: false }), false)).toMatchObject({ reason: 'disabled' });
  });
});

describe('a compiled mapping', () => {
  it('knows whether the scope names groups, and which', () => {
    expect(standard.everyoneInScope).toBe(true);
    expect(standard.isScopeGroup(makeGroup('Staff'))).toBe(false);
    const compiled = compileMapping(makeMapping({ scope: { groups: ['Staff'] } }));
    expect(compiled.everyoneInScope).toBe(false);
    expect(compiled.isScopeGroup(makeGroup('staff'))).toBe(true);
    expect(compiled.isScopeGroup(makeGroup('Guests'))).toBe(false);
  });

  it('publishes no group until one is named', () => {
    expect(standard.isPublishedGroup(makeGroup('Admins'))).toBe(false);
    const compiled = compileMapping(makeMapping({ groups: { publish: ['Print-*'] } }));
    expect(compiled.isPublishedGroup(makeGroup('Print-Color'))).toBe(true);
    expect(compiled.isPublishedGroup(makeGroup('Admins'))).toBe(false);
  });

  it('never publishes a group that is named under never, by pattern, name or id, whatever publish says', () => {
    const byId = 'bbbbbbbb-0000-4000-8000-000000000009';
    const never = ['Gespage ADMIN*', 'direction', byId.toUpperCase()];
    const compiled = compileMapping(makeMapping({ groups: { publish: ['*', byId], never } }));
    expect(compiled.isPublishedGroup(makeGroup('gespage Administrators'))).toBe(false);
    expect(compiled.isPublishedGroup(makeGroup(' Direction '))).toBe(false);
    expect(compiled.isPublishedGroup(makeGroup('Harmless', byId))).toBe(false);
    expect(compiled.isPublishedGroup(makeGroup(null, byId))).toBe(false);
    expect(compiled.isPublishedGroup(makeGroup('Administrators'))).toBe(true);
  });

  it('reads no property that it does not select', () => {
    const compiled = compileMapping(
      makeMapping({
        scope: { exclude: ['svc-*'] },
        fields: { activity: ['employeeOrgData.costCenter'], cardNumber: ['id', 'employeeId'] },
      }),
    );
    const asked = new Set<string>();
    const spied = new Proxy(
      makeUser({ onPremisesSamAccountName: '', mailNickname: '', mail: '' }).properties,
      {
        get: (target, name) => {
          asked.add(String(name));
          return target[String(name)];
        },
      },
    );
    compiled.decide({ id: annaId, state: 'present', properties: spied }, true);
    expect([...asked].filter((name) => !compiled.selected.includes(name))).toEqual([]);
    expect(asked).toContain('employeeOrgData');
  });
});

describe('the explanation', () => {
  it('is one plain sentence for every judgement', () => {
    fc.assert(
      fc.property(anyDecision, (decision) => {
        expect(explainDecision(decision)).toMatch(/^(has|cannot) .{20,}/);
      }),
    );
  });
});
