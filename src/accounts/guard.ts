// Owns the limit on removals: how many accounts may be disabled or deleted before a person has to look.

/** As the operator wrote it: a number of accounts, or a share of the enabled ones in percent. */
export type RemovalLimit =
  { readonly kind: 'count'; readonly n: number } | { readonly kind: 'percent'; readonly p: number };

/** Ordinary days of a small site must pass without anybody's approval. */
export const smallestRemovalLimit = 10;

export type ParsedRemovalLimit =
  { readonly ok: true; readonly limit: RemovalLimit } | { readonly ok: false; readonly problem: string };

/** Reads `N` or `N%`: whole accounts, or a percentage from 0 to 100 that may have decimals. */
export function parseRemovalLimit(text: string): ParsedRemovalLimit {
  const match = /^(\d{1,9})(\.\d{1,6})?\s*(%?)$/.exec(text.trim());
  if (match === null) return refuse(text);
  const value = Number(`${match[1] ?? ''}${match[2] ?? ''}`);
  if (match[3] === '%') {
    return value <= 100 ? { ok: true, limit: { kind: 'percent', p: value } } : refuse(text);
  }
  return match[2] === undefined ? { ok: true, limit: { kind: 'count', n: value } } : refuse(text);
}

/**
 * How many removals of enabled accounts may happen within one sliding hour. A percentage is rounded down;
 * the result is never below {@link smallestRemovalLimit}.
 */
export function removalLimit(limit: RemovalLimit, enabledAccounts: number): number {
  return Math.max(
    smallestRemovalLimit,
    limit.kind === 'count' ? limit.n : percentOf(limit.p, enabledAccounts),
  );
}

/** What a plan wants, beside what already happened: both count removals of enabled accounts alone. */
export interface RemovalCounts {
  /** From {@link removalLimit}. */
  readonly limit: number;
  /** Carried out within the last hour, on every path. */
  readonly removedInWindow: number;
  /** What this plan would add. */
  readonly proposed: number;
}

/** All removals of a plan pass, or all are held: half a mistake is a mistake too. A plan without any always passes. */
export function judgeRemovals(counts: RemovalCounts): 'pass' | 'hold' {
  if (counts.proposed <= 0) return 'pass';
  return counts.removedInWindow + counts.proposed <= counts.limit ? 'pass' : 'hold';
}

function percentOf(percent: number, whole: number): number {
  // The small addition undoes binary fractions: 2.8 % of 2,750 is 77, not 76.999….
  return Math.floor((whole * percent) / 100 + 1e-9);
}

function refuse(text: string): ParsedRemovalLimit {
  return {
    ok: false,
    problem: `"${text}" is not a limit on removals; write a number of accounts such as 50, or a share of the enabled accounts from 0% to 100% such as 5%`,
  };
}
