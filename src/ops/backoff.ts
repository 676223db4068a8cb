// Owns the pure arithmetic of waiting longer after each failure.

/** How the waits grow. */
export interface BackoffRule {
  /** Milliseconds after the first failure. */
  readonly firstMs: number;
  /** No wait is longer than this, in milliseconds. */
  readonly capMs: number;
  /** By how much each wait is longer than the one before; 2 unless told. */
  readonly factor?: number;
  /** The share of a wait that chance may take away, 0 to 1; 0.5 unless told. */
  readonly jitter?: number;
}

/**
 * Milliseconds to wait after failure number `attempt` (1 is the first): exponential, capped, and shortened by
 * chance so that many waiters do not come back in the same instant.
 * @param random gives a number in [0, 1)
 */
export function backoffMs(attempt: number, rule: BackoffRule, random: () => number): number {
  const { firstMs, capMs, factor = 2, jitter = 0.5 } = rule;
  const exponent = Number.isFinite(attempt) ? Math.max(0, attempt - 1) : 0;
  const whole = Math.min(capMs, firstMs * factor ** exponent);
  return Math.round(whole * (1 - jitter * random()));
}
