// Owns the proof of what happens to a leaver's account, under each policy.
import { describe, expect, it } from 'vitest';
import type { LedgerAccount } from '../../src/accounts/plan.ts';
import { annaId, carryOut, dayMs, makeRow } from './people.ts';
import {
  deleted,
  deletePolicy,
  disabledRow,
  disablePolicy,
  fields,
  keepPolicy,
  leaver,
  now,
  plan,
  policies,
  renamedFields,
} from './situations.ts';

describe('a leaver who has no row', () => {
  it('gets none, under every policy and for every reason', () => {
    for (const settings of policies) {
      for (const reason of ['disabled', 'out-of-scope', 'guest', 'excluded'] as const) {
        expect(plan(leaver(reason), { settings })).toEqual({ kind: 'none' });
        expect(plan(leaver(reason), { settings, current: makeRow({ present: false }) })).toEqual({
          kind: 'none',
        });
      }
      expect(plan(deleted('gone'), { settings })).toEqual({ kind: 'none' });
    }
  });
});

describe('under the policy disable, a leaver', () => {
  it('who has an enabled row is disabled, and nothing else is lost', () => {
    expect(plan(leaver('disabled'), { current: makeRow({ groups: ['g1'] }), groups: ['g1'] })).toEqual({
      kind: 'remove',
      how: 'disable',
      account: { externalId: annaId, login: 'aberg', fields, enabled: false, groups: ['g1'] },
      reason: 'disabled',
    });
  });

  it('who is renamed and disabled in one go gets both at once', () => {
    const decision = leaver('disabled', { login: 'abergmann', fields: renamedFields });
    expect(plan(decision, { current: makeRow() })).toMatchObject({
      kind: 'remove',
      account: { login: 'abergmann', fields: renamedFields, enabled: false },
    });
  });

  it.each(['soft-deleted', 'gone'] as const)(
    'who is %s keeps the last values, and the groups given',
    (reason) => {
      const current = makeRow({ groups: ['g1', 'g2'] });
      expect(plan(deleted(reason), { current, groups: ['g1'] })).toEqual({
        kind: 'remove',
        how: 'disable',
        account: { externalId: annaId, login: 'aberg', fields, enabled: false, groups: ['g1'] },
        reason,
      });
      expect(
        plan(deleted(reason), { current: { ...disabledRow, groups: ['g1'] }, groups: [] }),
      ).toMatchObject({
        kind: 'write',
        cause: 'membership',
        account: { login: 'aberg', fields, groups: [], enabled: false },
      });
    },
  );

  it('who is disabled already keeps following the tenant, still disabled since the same time', () => {
    const decision = leaver('out-of-scope', { login: 'abergmann', fields: renamedFields });
    expect(plan(decision, { current: disabledRow, groups: ['g1'] })).toEqual({
      kind: 'write',
      account: {
        externalId: annaId,
        login: 'abergmann',
        fields: renamedFields,
        enabled: false,
        groups: ['g1'],
      },
      disabledSince: disabledRow.disabledSince,
      changes: ['login', 'displayName', 'groups'],
      cause: 'update',
    });
  });

  it('who is disabled already and wants a login of somebody else keeps the present one', () => {
    const decision = leaver('disabled', { login: 'taken' });
    expect(plan(decision, { current: disabledRow, login: null })).toEqual({ kind: 'none' });
  });

  it('loses the row when the grace is over, and not a millisecond before', () => {
    const since = (disabledSince: number) => ({ current: makeRow({ enabled: false, disabledSince }) });
    expect(plan(leaver('disabled'), since(now - 30 * dayMs + 1))).toEqual({ kind: 'none' });
    expect(plan(leaver('disabled'), since(now - 30 * dayMs))).toEqual({ kind: 'expire' });
    expect(plan(deleted('gone'), since(now - 31 * dayMs))).toEqual({ kind: 'expire' });
  });

  it('is not expired by a clock that went back', () => {
    const current = makeRow({ enabled: false, disabledSince: now + 400 * dayMs });
    expect(plan(leaver('disabled'), { current })).toEqual({ kind: 'none' });
  });

  it('without grace days is still disabled first, so that the guard sees it', () => {
    const settings = { ...disablePolicy, graceDays: 0 };
    const first = plan(leaver('disabled'), { current: makeRow(), settings });
    expect(first).toMatchObject({ kind: 'remove', how: 'disable' });
    const current = carryOut(makeRow(), first, now) as LedgerAccount;
    expect(plan(leaver('disabled'), { current, settings })).toEqual({ kind: 'expire' });
  });

  it('whose disabled row has no time starts the grace now', () => {
    const current = makeRow({ enabled: false, disabledSince: null });
    expect(plan(leaver('disabled'), { current })).toMatchObject({
      kind: 'write',
      disabledSince: now,
      changes: [],
      account: { enabled: false },
    });
  });
});

describe('under the policy delete, a leaver', () => {
  it('who has an enabled row loses it at once, through the guard', () => {
    expect(plan(leaver('out-of-scope'), { current: makeRow(), settings: deletePolicy })).toMatchObject({
      kind: 'remove',
      how: 'delete',
      reason: 'out-of-scope',
      account: { externalId: annaId, login: 'aberg', fields, enabled: false },
    });
  });

  it('who was disabled under an earlier policy loses the row without waiting for the grace', () => {
    expect(plan(leaver('disabled'), { current: disabledRow, settings: deletePolicy })).toEqual({
      kind: 'expire',
    });
  });
});

describe('under the policy keep, a leaver', () => {
  it('keeps an enabled row, which follows the tenant while the person can be read', () => {
    const decision = leaver('disabled', { login: 'abergmann', fields: renamedFields });
    expect(plan(leaver('disabled'), { current: makeRow(), settings: keepPolicy })).toEqual({ kind: 'none' });
    expect(plan(decision, { current: makeRow(), settings: keepPolicy })).toMatchObject({
      kind: 'write',
      disabledSince: null,
      account: { login: 'abergmann', fields: renamedFields, enabled: true },
    });
  });

  it('keeps the row for good after the deletion', () => {
    expect(plan(deleted('gone'), { current: makeRow(), settings: keepPolicy })).toEqual({ kind: 'none' });
  });

  it('keeps a row that was disabled before, as it is and beyond the grace', () => {
    const current = makeRow({ enabled: false, disabledSince: 0 });
    expect(plan(leaver('disabled'), { current, settings: keepPolicy })).toEqual({ kind: 'none' });
  });
});

describe('removals that the guard holds', () => {
  it('planned again under keep leave the row enabled and let the rest follow', () => {
    const decision = leaver('out-of-scope', { login: 'abergmann', fields: renamedFields });
    expect(plan(decision, { current: makeRow() })).toMatchObject({ kind: 'remove' });
    expect(plan(decision, { current: makeRow(), settings: keepPolicy })).toMatchObject({
      kind: 'write',
      account: { enabled: true, login: 'abergmann', fields: renamedFields },
    });
  });
});
