// Owns the one gate through which every request to Graph passes, and which throttling closes for a while.
import { GraphFailure } from './errors.ts';

export interface PauseGate {
  /** Milliseconds since the epoch until which nothing may be sent; in the past, or 0, when the gate is open. */
  until(): number;
  /** Closes the gate until then. Never shortens a pause that is already longer. */
  pause(untilMs: number): void;
  /**
   * Resolves once something may be sent. A short wait is slept here; a longer one is the caller's to store and come
   * back after, so that it survives a restart.
   * @throws {GraphFailure} `throttled` with `retryAfterMs` when the wait is longer than two seconds.
   */
  pass(signal?: AbortSignal): Promise<void>;
}

export interface PauseGateOptions {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A pause remembered from before a restart. */
  readonly until?: number;
  /** Called with each new end of a pause that is worth remembering (longer than two seconds). */
  onPause?(untilMs: number): void;
}

/** Waits up to this long are slept in memory. */
const longestSleepMs = 2000;

/** Makes the tenant's gate. Requests sent while throttled count against the quota, so all share one. */
export function createPauseGate(options: PauseGateOptions): PauseGate {
  let until = options.until ?? 0;
  /** What was asked for last: no pause lasts longer, even when the clock is set back. */
  let asked = Math.max(0, until - options.now());
  return {
    until: () => until,
    pause(untilMs) {
      if (!(untilMs > until)) return;
      until = untilMs;
      asked = untilMs - options.now();
      if (untilMs - options.now() > longestSleepMs) options.onPause?.(untilMs);
    },
    async pass(signal) {
      for (;;) {
        until = Math.min(until, options.now() + asked);
        const waitMs = until - options.now();
        if (waitMs <= 0) return;
        if (waitMs > longestSleepMs) throw paused(waitMs);
        await options.sleep(waitMs, signal);
      }
    },
  };
}

function paused(waitMs: number): GraphFailure {
  return new GraphFailure({
    kind: 'throttled',
    operation: 'pause',
    code: 'paused',
    retryAfterMs: waitMs,
    what: `Microsoft Graph asked for a pause that lasts another ${Math.ceil(waitMs / 1000)} s, so nothing was sent.`,
    advice: 'The work is taken up again after the pause, by itself.',
  });
}
