// Owns stopping work early: when its caller says so, or when its time is over.

export interface Deadline {
  readonly signal: AbortSignal;
  /** Stops the work now. */
  abort(): void;
  /** Must be called when the work is over, so that nothing is left at the caller's signal. */
  clear(): void;
}

/**
 * A signal of its own that follows the caller's and, after `timeoutMs`, aborts with a `TimeoutError`.
 * Not `AbortSignal.any`: with a signal that lives as long as the process, and a timeout of its own for each request,
 * its memory grows with every request until the timeouts have run out.
 */
export function startDeadline(outer: AbortSignal | undefined, timeoutMs?: number): Deadline {
  const own = new AbortController();
  const follow = () => own.abort(outer?.reason);
  const expire = () => own.abort(new DOMException('No complete answer in time', 'TimeoutError'));
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
  if (outer?.aborted === true) follow();
  else outer?.addEventListener('abort', follow, { once: true });
  return {
    signal: own.signal,
    abort: () => own.abort(),
    clear() {
      clearTimeout(timer);
      outer?.removeEventListener('abort', follow);
    },
  };
}
