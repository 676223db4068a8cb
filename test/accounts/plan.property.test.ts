// Owns the proof of what holds for every plan, whatever the person, the row and the policy.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planPerson, type LedgerAccount, type PersonInput } from '../../src/accounts/plan.ts';
import { annaId, anyDecision, anyGroups, anyInput, anySettings, carryOut, dayMs } from './people.ts';

const manyRuns = { numRuns: 3000 };

describe('every plan', () => {
  it('needs nothing more once it is carried out', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        const after = carryOut(input.current, planPerson(input, settings), settings.now);
        expect(planPerson({ ...input, current: after }, settings)).toEqual({ kind: 'none' });
      }),
      manyRuns,
    );
  });

  it('keeps the person, the sorted groups given and the time of disabling consistent', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        const plan = planPerson(input, settings);
        if (plan.kind !== 'write' && plan.kind !== 'remove') return;
        expect(plan.account.externalId).toBe(annaId);
        expect(plan.account.groups).toEqual(input.groups);
        if (plan.kind === 'write') expect(plan.disabledSince === null).toBe(plan.account.enabled);
      }),
      manyRuns,
    );
  });

  it('names in its changes exactly what differs from the row', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        const plan = planPerson(input, settings);
        if (plan.kind !== 'write' || input.current === undefined) return;
        const { login, enabled, groups, fields } = input.current;
        const before: Record<string, unknown> = { login, enabled, groups, ...fields };
        const { fields: newFields, ...rest } = plan.account;
        const after: Record<string, unknown> = { ...rest, ...newFields };
        const differing = Object.keys(before).filter(
          (key) => !Object.is(...asTexts(before[key], after[key])),
        );
        expect(plan.changes.toSorted()).toEqual(differing.toSorted());
      }),
      manyRuns,
    );
  });
});

describe('a removal', () => {
  it('happens to leavers alone, and only to a row that is there and enabled', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        const plan = planPerson(input, settings);
        if (plan.kind !== 'remove') return;
        expect(input.decision.kind).toBe('leaver');
        expect(input.current).toMatchObject({ present: true, enabled: true });
        expect(plan.how).toBe(settings.policy);
      }),
      manyRuns,
    );
  });

  it('is the only way in which an enabled account stops being one', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        if (input.current?.present !== true || !input.current.enabled) return;
        const plan = planPerson(input, settings);
        if (plan.kind === 'write') expect(plan.account.enabled).toBe(true);
        expect(plan.kind).not.toBe('expire');
      }),
      manyRuns,
    );
  });

  it('never happens under the policy keep, nor does an expiry', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        const { kind } = planPerson(input, { ...settings, policy: 'keep' });
        expect(['none', 'write']).toContain(kind);
      }),
      manyRuns,
    );
  });

  it('in its place under keep takes the same login, so that holding it frees nobody else', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        const plan = planPerson(input, settings);
        if (plan.kind !== 'remove') return;
        const held = carryOut(
          input.current,
          planPerson(input, { ...settings, policy: 'keep' }),
          settings.now,
        );
        expect(held).toMatchObject({ login: plan.account.login, fields: plan.account.fields, enabled: true });
      }),
      manyRuns,
    );
  });
});

describe('an expiry', () => {
  it('happens to leavers alone, whose row is disabled and whose grace is over', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        if (planPerson(input, settings).kind !== 'expire') return;
        expect(input.decision.kind).toBe('leaver');
        expect(input.current).toMatchObject({ present: true, enabled: false });
        if (settings.policy !== 'disable') return;
        const days = (settings.now - (input.current?.disabledSince ?? settings.now)) / dayMs;
        expect(days).toBeGreaterThanOrEqual(settings.graceDays);
      }),
      manyRuns,
    );
  });
});

describe('an account', () => {
  it('is made or enabled for active people alone', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        const plan = planPerson(input, settings);
        if (plan.kind !== 'write' || (plan.cause !== 'create' && plan.cause !== 'restore')) return;
        expect(input.decision.kind).toBe('active');
        expect(plan.account.enabled).toBe(true);
      }),
      manyRuns,
    );
  });

  it('changes in nothing but its groups while its person cannot be judged', () => {
    fc.assert(
      fc.property(anyInput, anySettings, (input, settings) => {
        if (input.decision.kind !== 'unmappable') return;
        const after = carryOut(input.current, planPerson(input, settings), settings.now);
        const expected =
          input.current?.present === true ? { ...input.current, groups: input.groups } : input.current;
        expect(after).toEqual(expected);
      }),
      manyRuns,
    );
  });
});

describe('a life of many changes', () => {
  const step = fc.record({
    decision: anyDecision,
    groups: anyGroups,
    days: fc.nat(20),
    granted: fc.boolean(),
  });

  it('ends, when the person is active with a login of his own, in exactly the wanted row', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), anySettings, anyInput, (steps, settings, last) => {
        let now = settings.now;
        let current: LedgerAccount | undefined;
        const advance = (input: PersonInput) => {
          current = carryOut(current, planPerson(input, { ...settings, now }), now);
        };
        for (const { decision, groups, days, granted } of steps) {
          now += days * dayMs;
          const login = decision.kind === 'unmappable' || !granted ? null : decision.login;
          advance({ externalId: annaId, decision, login, groups, current });
          // A row is always whole: enabled without a time, or disabled with one.
          if (current?.present === true) expect(current.disabledSince === null).toBe(current.enabled);
        }
        if (last.decision.kind !== 'active') return;
        advance({ ...last, login: last.decision.login, current });
        expect(current).toEqual({
          externalId: annaId,
          login: last.decision.login,
          fields: last.decision.fields,
          enabled: true,
          groups: last.groups,
          present: true,
          disabledSince: null,
        });
      }),
      { numRuns: 1000 },
    );
  });
});

function asTexts(...values: readonly [unknown, unknown]): [string, string] {
  return [JSON.stringify(values[0]), JSON.stringify(values[1])];
}
