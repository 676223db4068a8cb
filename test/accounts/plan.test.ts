// Owns the proof of what happens to the account of a person who is active, or cannot be judged.
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/accounts/decide.ts';
import type { PlanSettings } from '../../src/accounts/plan.ts';
import { annaId, makeFields, makeRow } from './people.ts';
import {
  active,
  deleted,
  disabledRow,
  disablePolicy,
  fields,
  plan,
  policies,
  renamed,
  renamedFields,
  unmappable,
} from './situations.ts';

describe('an active person', () => {
  it('without a row gets one', () => {
    expect(plan(active, { groups: ['g1'] })).toEqual({
      kind: 'write',
      account: { externalId: annaId, login: 'aberg', fields, enabled: true, groups: ['g1'] },
      disabledSince: null,
      changes: [],
      cause: 'create',
    });
  });

  it('whose row is as it should be needs nothing', () => {
    for (const settings of policies) {
      expect(plan(active, { current: makeRow({ groups: ['g1'] }), groups: ['g1'], settings })).toEqual({
        kind: 'none',
      });
    }
  });

  it('who is renamed, login too, keeps the same row', () => {
    expect(plan(renamed, { current: makeRow() })).toEqual({
      kind: 'write',
      account: { externalId: annaId, login: 'abergmann', fields: renamedFields, enabled: true, groups: [] },
      disabledSince: null,
      changes: ['login', 'displayName'],
      cause: 'update',
    });
  });

  it('whose value was cleared gets null in its place', () => {
    const cleared: Decision = { kind: 'active', login: 'aberg', fields: makeFields() };
    expect(plan(cleared, { current: makeRow() })).toMatchObject({
      kind: 'write',
      account: { fields: { displayName: null } },
      changes: ['displayName'],
    });
  });

  it('whose groups alone changed is written for the membership', () => {
    expect(plan(active, { current: makeRow({ groups: ['g1'] }), groups: ['g2'] })).toMatchObject({
      kind: 'write',
      changes: ['groups'],
      cause: 'membership',
      account: { groups: ['g2'] },
    });
  });

  it('who comes back within the grace gets the same row enabled again', () => {
    expect(plan(active, { current: disabledRow })).toEqual({
      kind: 'write',
      account: { externalId: annaId, login: 'aberg', fields, enabled: true, groups: [] },
      disabledSince: null,
      changes: ['enabled'],
      cause: 'restore',
    });
  });

  it('who comes back after the row was deleted gets it back with what holds today', () => {
    const removed = makeRow({ present: false, enabled: false, disabledSince: 0, groups: ['g1'] });
    expect(plan(renamed, { current: removed, groups: ['g2'] })).toEqual({
      kind: 'write',
      account: {
        externalId: annaId,
        login: 'abergmann',
        fields: renamedFields,
        enabled: true,
        groups: ['g2'],
      },
      disabledSince: null,
      changes: ['login', 'displayName', 'enabled', 'groups'],
      cause: 'restore',
    });
  });

  it('is written back even if the deleted row was remembered exactly so', () => {
    expect(plan(active, { current: makeRow({ present: false }) })).toMatchObject({
      kind: 'write',
      cause: 'restore',
      changes: [],
    });
  });
});

describe('an active person whose login belongs to somebody else', () => {
  it('is not created', () => {
    expect(plan(active, { login: null })).toEqual({ kind: 'none' });
  });

  it('keeps the login of the row, while everything else follows', () => {
    expect(plan(renamed, { login: null, current: makeRow(), groups: ['g1'] })).toMatchObject({
      kind: 'write',
      account: { login: 'aberg', fields: renamedFields, groups: ['g1'] },
      changes: ['displayName', 'groups'],
    });
  });

  it('is enabled again under the login of the row', () => {
    expect(plan(renamed, { login: null, current: disabledRow })).toMatchObject({
      kind: 'write',
      cause: 'restore',
      account: { login: 'aberg', enabled: true },
    });
  });

  it('does not come back to a deleted row, whose login may be given away', () => {
    expect(plan(active, { login: null, current: makeRow({ present: false }) })).toEqual({ kind: 'none' });
  });
});

describe('a person who cannot be judged', () => {
  it('and has no row gets none', () => {
    expect(plan(unmappable)).toEqual({ kind: 'none' });
    expect(plan(unmappable, { current: makeRow({ present: false }) })).toEqual({ kind: 'none' });
  });

  it('keeps row, login and state; the groups alone follow', () => {
    for (const settings of policies) {
      for (const current of [makeRow(), disabledRow, makeRow({ enabled: false, disabledSince: 0 })]) {
        expect(plan(unmappable, { current, settings })).toEqual({ kind: 'none' });
        expect(plan(unmappable, { current, settings, groups: ['g1'], login: 'other' })).toEqual({
          kind: 'write',
          account: { externalId: annaId, login: 'aberg', fields, enabled: current.enabled, groups: ['g1'] },
          disabledSince: current.disabledSince,
          changes: ['groups'],
          cause: 'membership',
        });
      }
    }
  });
});

describe('a field that was given to Gespage since', () => {
  it('is forgotten also where the last values are kept', () => {
    const current = { ...disabledRow, fields: makeFields({ displayName: 'Anna Berg', cardNumber: '4711' }) };
    const settings: PlanSettings = { ...disablePolicy, ownedFields: ['cardNumber', 'printCode'] };
    for (const decision of [deleted('gone'), unmappable]) {
      expect(plan(decision, { current, settings })).toMatchObject({
        kind: 'write',
        account: { fields: { displayName: 'Anna Berg', cardNumber: null } },
        changes: ['cardNumber'],
      });
    }
  });
});

describe('a field that is written once', () => {
  const settings: PlanSettings = { ...disablePolicy, onceFields: ['printCode', 'cardNumber'] };
  const had = makeFields({ displayName: 'Anna Berg', printCode: '1111' });
  const now: Decision = {
    kind: 'active',
    login: 'aberg',
    fields: makeFields({ displayName: 'Anna Berg', printCode: '2222', cardNumber: '4711' }),
  };

  it('is written with a new account', () => {
    expect(plan(now, { settings })).toMatchObject({ cause: 'create', account: { fields: now.fields } });
  });

  it('is no change later, neither another value nor one that comes only then', () => {
    expect(plan(now, { current: makeRow({ fields: had }), settings })).toEqual({ kind: 'none' });
    const renamedLater: Decision = { ...now, fields: { ...now.fields, displayName: 'Anna Bergmann' } };
    expect(plan(renamedLater, { current: makeRow({ fields: had }), settings })).toMatchObject({
      changes: ['displayName'],
      account: { fields: { ...had, displayName: 'Anna Bergmann' } },
    });
  });

  it('stays when the person leaves and comes back to the same row', () => {
    const leaving: Decision = { kind: 'leaver', reason: 'disabled', login: 'aberg', fields: now.fields };
    expect(plan(leaving, { current: makeRow({ fields: had }), settings })).toMatchObject({
      kind: 'remove',
      account: { fields: had },
    });
    const current = makeRow({ fields: had, enabled: false, disabledSince: 1 });
    expect(plan(now, { current, settings })).toMatchObject({ cause: 'restore', account: { fields: had } });
  });

  it('is written anew with a row that is made anew', () => {
    const current = makeRow({ fields: had, present: false, enabled: false, disabledSince: 1 });
    expect(plan(now, { current, settings })).toMatchObject({
      cause: 'restore',
      account: { fields: now.fields },
    });
  });
});
