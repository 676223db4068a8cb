// Owns the proof that the limit on removals holds, on both sides of each border.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeRemovals, parseRemovalLimit, removalLimit } from '../../src/accounts/guard.ts';

describe('the text of a removal limit', () => {
  it.each([
    ['5%', { kind: 'percent', p: 5 }],
    [' 5 % ', { kind: 'percent', p: 5 }],
    ['0.5%', { kind: 'percent', p: 0.5 }],
    ['0%', { kind: 'percent', p: 0 }],
    ['100%', { kind: 'percent', p: 100 }],
    ['0', { kind: 'count', n: 0 }],
    ['250', { kind: 'count', n: 250 }],
  ])('%j is understood', (text, limit) => {
    expect(parseRemovalLimit(text)).toEqual({ ok: true, limit });
  });

  it.each(['', '%', '-1', '100.1%', '101%', '2.5', '1e3', '5 percent', '5%%', 'all', '0x10', '１０'])(
    '%j is refused with what to write instead',
    (text) => {
      const result = parseRemovalLimit(text);
      expect(result).toMatchObject({ ok: false });
      expect(result.ok ? '' : result.problem).toContain('such as 5%');
    },
  );
});

describe('the removal limit', () => {
  it.each([
    [5, 0, 10],
    [5, 200, 10],
    [5, 219, 10],
    [5, 220, 11],
    [5, 239, 11],
    [5, 240, 12],
    [5, 500_000, 25_000],
    [0, 500_000, 10],
    [100, 9, 10],
    [100, 10, 10],
    [100, 11, 11],
    [2.3, 1_000, 23],
    [2.8, 2_750, 77],
    [0.7, 10_000, 70],
  ])('of %d%% of %d enabled accounts is %d', (p, enabled, limit) => {
    expect(removalLimit({ kind: 'percent', p }, enabled)).toBe(limit);
  });

  it.each([
    [0, 10],
    [9, 10],
    [10, 10],
    [11, 11],
    [5_000, 5_000],
  ])('of %d accounts is %d whatever the size of the tenant', (n, limit) => {
    expect(removalLimit({ kind: 'count', n }, 3)).toBe(limit);
    expect(removalLimit({ kind: 'count', n }, 1_000_000)).toBe(limit);
  });

  it('is never below ten and never above the share asked for [pitfall 10]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.nat(1_000_000), (p, enabled) => {
        const limit = removalLimit({ kind: 'percent', p }, enabled);
        expect(limit).toBe(Math.max(10, (enabled * p - ((enabled * p) % 100)) / 100));
      }),
    );
  });
});

describe('the judgement of a plan', () => {
  it.each([
    [0, 10, 'pass'],
    [0, 11, 'hold'],
    [9, 1, 'pass'],
    [9, 2, 'hold'],
    [10, 0, 'pass'],
    [10, 1, 'hold'],
    [99, 0, 'pass'],
    [99, 1, 'hold'],
  ])('after %d removals within the hour, %d more: %s', (removedInWindow, proposed, verdict) => {
    expect(judgeRemovals({ limit: 10, removedInWindow, proposed })).toBe(verdict);
  });

  it('never lets more than the limit through within one window, whatever the sequence of plans', () => {
    const sequences = fc.array(fc.nat(40), { maxLength: 30 });
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 60 }), sequences, (limit, plans) => {
        let removed = 0;
        for (const proposed of plans) {
          if (judgeRemovals({ limit, removedInWindow: removed, proposed }) === 'pass') removed += proposed;
          expect(removed).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });
});
