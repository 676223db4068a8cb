// Owns the closed set of ways in which asking Microsoft can fail.

/**
 * - `transient`: asking again later can succeed (network, 5xx, unreadable answer);
 * - `throttled`: asking again is allowed after `retryAfterMs`;
 * - `auth`: the sign-in or a permission is refused: an operator must act, and later attempts can then succeed;
 * - `gone`: the delta or paging link is no longer valid: the stream needs a full round;
 * - `not-found`: the named thing does not exist, or does not yet exist, where it was asked for;
 * - `permanent`: the same request will never succeed;
 * - `halted`: we ourselves stopped the request.
 */
export type FailureKind = 'transient' | 'throttled' | 'auth' | 'gone' | 'not-found' | 'permanent' | 'halted';
