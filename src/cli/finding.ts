// Owns one result of the check: a part of the set-up, the verdict on it, and what to do.

export interface Finding {
  readonly part: string;
  /** `note` is no failure: something to know. `skipped`: could not be tested because of another failure. */
  readonly verdict: 'ok' | 'note' | 'failed' | 'skipped';
  readonly what: string;
  /** What to click or set. */
  readonly advice?: string;
}

export function ok(part: string, what: string): Finding {
  return { part, verdict: 'ok', what };
}

export function note(part: string, what: string, advice?: string): Finding {
  return { part, verdict: 'note', what, ...(advice !== undefined && { advice }) };
}

export function failed(part: string, what: string, advice?: string): Finding {
  return { part, verdict: 'failed', what, ...(advice !== undefined && { advice }) };
}

export function skipped(part: string, what: string): Finding {
  return { part, verdict: 'skipped', what };
}
