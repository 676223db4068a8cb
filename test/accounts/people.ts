// Owns the people and groups that the tests of this room speak about, and the random ones of the property tests.
import fc from 'fast-check';
import type { Decision, LeaverReason } from '../../src/accounts/decide.ts';
import { defaultMapping, type Mapping } from '../../src/accounts/mapping.ts';
import {
  fieldNames,
  type AccountFields,
  type DirectoryGroup,
  type DirectoryUser,
  type ObjectState,
} from '../../src/accounts/model.ts';
import type { LedgerAccount, PersonInput, PersonPlan, PlanSettings } from '../../src/accounts/plan.ts';

export const dayMs = 86_400_000;
export const annaId = 'aaaaaaaa-0000-4000-8000-000000000001';

/** An enabled member with everything that the default mapping reads; `undefined` takes a property away. */
export function makeUser(
  properties: Readonly<Record<string, unknown>> = {},
  state: ObjectState = 'present',
): DirectoryUser {
  const all: Record<string, unknown> = {
    accountEnabled: true,
    userType: 'Member',
    userPrincipalName: 'Anna.Berg@contoso.com',
    displayName: 'Anna Berg',
    givenName: 'Anna',
    surname: 'Berg',
    mail: 'anna.berg@contoso.com',
    mailNickname: 'Anna.Berg',
    onPremisesSamAccountName: 'ABerg',
    department: 'Sales',
    ...properties,
  };
  const known = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return { id: annaId, state, properties: known };
}

export function makeGroup(
  displayName: string | null,
  id = 'bbbbbbbb-0000-4000-8000-000000000001',
): DirectoryGroup {
  return { id, displayName };
}

/** The default mapping with some sections' entries replaced. */
export function makeMapping(
  changes: { readonly [Section in keyof Mapping]?: Partial<Mapping[Section]> } = {},
): Mapping {
  const base = defaultMapping();
  return {
    scope: { ...base.scope, ...changes.scope },
    login: { ...base.login, ...changes.login },
    fields: { ...base.fields, ...changes.fields },
    groups: { ...base.groups, ...changes.groups },
    ldap: { ...base.ldap, ...changes.ldap },
    file: { ...base.file, ...changes.file },
  };
}

export function makeFields(values: Partial<AccountFields> = {}): AccountFields {
  const empty = Object.fromEntries(fieldNames.map((name) => [name, null])) as Record<
    keyof AccountFields,
    null
  >;
  return { ...empty, ...values };
}

/** Anna's row in the ledger: present and enabled unless the test says otherwise. */
export function makeRow(values: Partial<LedgerAccount> = {}): LedgerAccount {
  return {
    externalId: annaId,
    login: 'aberg',
    fields: makeFields({ displayName: 'Anna Berg' }),
    enabled: true,
    groups: [],
    present: true,
    disabledSince: null,
    ...values,
  };
}

/** What the ledger holds after a plan was carried out at `now`. */
export function carryOut(
  current: LedgerAccount | undefined,
  plan: PersonPlan,
  now: number,
): LedgerAccount | undefined {
  switch (plan.kind) {
    case 'none':
      return current;
    case 'write':
      return { ...plan.account, present: true, disabledSince: plan.disabledSince };
    case 'remove':
      return plan.how === 'disable'
        ? { ...plan.account, present: true, disabledSince: now }
        : { ...plan.account, present: false, disabledSince: null };
    case 'expire':
      return current === undefined ? undefined : { ...current, present: false };
  }
}

const leaverReasons: readonly LeaverReason[] = [
  'disabled',
  'soft-deleted',
  'gone',
  'out-of-scope',
  'guest',
  'excluded',
];

const someText = fc.constantFrom('Anna', 'Berg', 'Sales', 'Ünal');
const someLogin = fc.constantFrom('anna', 'berg', 'anna.berg');

export const anyFields: fc.Arbitrary<AccountFields> = fc
  .record({ displayName: fc.option(someText), email: fc.option(someText), cardNumber: fc.option(someText) })
  .map(makeFields);

const deletedReasons = new Set<LeaverReason>(['soft-deleted', 'gone']);

export const anyDecision: fc.Arbitrary<Decision> = fc.oneof(
  fc.record({ kind: fc.constant('active' as const), login: someLogin, fields: anyFields }),
  fc
    .record({ reason: fc.constantFrom(...leaverReasons), login: fc.option(someLogin), fields: anyFields })
    .map(({ reason, login, fields }) => {
      const readable = !deletedReasons.has(reason);
      return {
        kind: 'leaver' as const,
        reason,
        login: readable ? login : null,
        fields: readable ? fields : null,
      };
    }),
  fc.constant({ kind: 'unmappable' as const, reason: 'nothing makes a login' }),
);

export const anyGroups = fc.subarray(['g1', 'g2', 'g3']).map((ids): readonly string[] => ids.toSorted());

/** Rows as this product leaves them: a disabled row has its time, an enabled one has none. */
export const anyRow: fc.Arbitrary<LedgerAccount | undefined> = fc.option(
  fc
    .record({
      login: someLogin,
      fields: anyFields,
      enabled: fc.boolean(),
      groups: anyGroups,
      present: fc.boolean(),
      since: fc.integer({ min: 0, max: 60 }),
    })
    .map(({ since, ...row }) => makeRow({ ...row, disabledSince: row.enabled ? null : since * dayMs })),
  { nil: undefined },
);

export const anySettings: fc.Arbitrary<PlanSettings> = fc.record({
  policy: fc.constantFrom('disable' as const, 'delete' as const, 'keep' as const),
  graceDays: fc.integer({ min: 1, max: 40 }),
  now: fc.integer({ min: 0, max: 60 }).map((day) => day * dayMs),
  ownedFields: fc.constant([]),
  onceFields: fc.constant([]),
});

export const anyInput: fc.Arbitrary<PersonInput> = fc
  .record({ decision: anyDecision, groups: anyGroups, current: anyRow, granted: fc.boolean() })
  .map(({ decision, groups, current, granted }) => ({
    externalId: annaId,
    decision,
    login: decision.kind === 'unmappable' || !granted ? null : decision.login,
    groups,
    current,
  }));
