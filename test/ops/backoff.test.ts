// Owns the proof that waits grow, stay under their cap and are spread by chance.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../src/ops/backoff.ts';

const rule = { firstMs: 100, capMs: 1_000 };
const latest = (): number => 0;
const earliest = (): number => 1 - Number.EPSILON;

describe('back-off', () => {
  it('doubles from the first wait', () => {
    expect([1, 2, 3, 4].map((attempt) => backoffMs(attempt, rule, latest))).toEqual([100, 200, 400, 800]);
  });

  it('stops growing at the cap, on both sides of it', () => {
    expect(backoffMs(4, rule, latest)).toBe(800);
    expect(backoffMs(5, rule, latest)).toBe(1_000);
    expect(backoffMs(5_000, rule, latest)).toBe(1_000);
  });

  it('lets chance take away at most the share that the rule allows', () => {
    expect(backoffMs(1, rule, earliest)).toBe(50);
    expect(backoffMs(1, { ...rule, jitter: 0 }, earliest)).toBe(100);
    expect(backoffMs(1, { ...rule, jitter: 1 }, earliest)).toBe(0);
  });

  it('takes an attempt below one, or one that is no number, for the first', () => {
    expect(backoffMs(0, rule, latest)).toBe(100);
    expect(backoffMs(Number.NaN, rule, latest)).toBe(100);
  });

  it('is a whole number between half the wait and the cap, whatever comes in', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -5, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (n, r) => {
          const ms = backoffMs(n, rule, () => r);
          expect(Number.isInteger(ms)).toBe(true);
          expect(ms).toBeGreaterThanOrEqual(50);
          expect(ms).toBeLessThanOrEqual(1_000);
        },
      ),
    );
  });
});
