// Owns throttling: a pause of the whole tenant, and the token bucket of resource units.
import { errorAnswer } from './answers.ts';
import type { Answer } from './answers.ts';

export type ThrottleOptions = {
  /** How long the tenant refuses, in ms of the emulator's clock. */
  forMs: number;
  /** Seconds to announce; null announces nothing, undefined the true remaining time. */
  retryAfter?: number | null;
  /** Each request sent meanwhile makes it longer by so many ms. */
  penaltyMs?: number;
};

export type Throttle = {
  start(options: ThrottleOptions): void;
  stop(): void;
  /** Limits resource units over a window; null lifts the limit. Microsoft's for a large tenant: 8000 units in 10,000 ms. */
  setQuota(quota: { units: number; perMs: number } | null): void;
  /** Charges a request and refuses it where the limit is reached; otherwise gives the headers to add. */
  charge(method: string, path: string, query: string): Answer | Record<string, string>;
  /** Requests refused so far; a well-behaved client has few. */
  refused(): number;
};

/** What a call costs, in resource units: https://learn.microsoft.com/graph/throttling-limits */
export function costOf(method: string, path: string, query: string): number {
  const rest = path.toLowerCase();
  let cost = 1;
  if (rest === '/users') cost = 2;
  else if (/^\/groups\/[^/]+\/members/.test(rest)) cost = 3;
  else if (/^\/groups\/[^/]+\/transitivemembers/.test(rest)) cost = 5;
  else if (/\/(transitive)?memberof/.test(rest)) cost = 2;
  else if (method === 'POST' && rest.includes('/getmember')) cost = 2;
  else if (method === 'POST' && rest.includes('/checkmember')) cost = 4;
  else if (rest.endsWith('/getbyids')) return query.includes('$select') ? 2 : 5;
  if (query.includes('$select')) cost -= 1;
  const top = /\$top=(\d+)/.exec(query)?.[1];
  if (top && Number(top) < 20) cost -= 1;
  return Math.max(1, cost);
}

/** Makes the throttle of one app in one tenant. */
export function createThrottle(options: { now: () => number; clientId: string; tenantId: string }): Throttle {
  const { now } = options;
  let until = 0;
  let current: ThrottleOptions | null = null;
  let quota: { units: number; perMs: number } | null = null;
  let window = { start: 0, used: 0 };
  let refused = 0;

  const refuse = (retryAfter: number | null, information: string): Answer => {
    refused += 1;
    const headers: Record<string, string> = {
      'x-ms-throttle-scope': `Tenant_Application/ReadWrite/${options.clientId}/${options.tenantId}`,
      'x-ms-throttle-information': information,
    };
    if (retryAfter !== null) headers['retry-after'] = `${retryAfter}`;
    return errorAnswer(429, 'TooManyRequests', 'Please retry again later.', {
      headers,
      inner: { code: '429', message: 'Please retry after', status: '429' },
    });
  };

  return {
    start: (wanted) => {
      current = wanted;
      until = now() + wanted.forMs;
    },
    stop: () => {
      until = 0;
    },
    setQuota: (wanted) => {
      quota = wanted;
      window = { start: now(), used: 0 };
    },
    refused: () => refused,
    charge: (method, path, query) => {
      if (until > now()) {
        if (current?.penaltyMs) until += current.penaltyMs;
        const left = Math.max(1, Math.ceil((until - now()) / 1000));
        return refuse(current?.retryAfter === undefined ? left : current.retryAfter, 'CPULimitExceeded');
      }
      const cost = costOf(method, path, query);
      const headers: Record<string, string> = { 'x-ms-resource-unit': `${cost}` };
      if (!quota) return headers;
      if (now() - window.start >= quota.perMs) window = { start: now(), used: 0 };
      window.used += cost;
      const share = window.used / quota.units;
      if (share > 1) {
        const left = Math.max(1, Math.ceil((window.start + quota.perMs - now()) / 1000));
        return refuse(left, 'ResourceUnitLimitExceeded');
      }
      if (share >= 0.8) headers['x-ms-throttle-limit-percentage'] = share.toFixed(1);
      return headers;
    },
  };
}
