// Owns faults that tests switch on: which requests they hit, how often, and what then goes wrong.
import { errorAnswer } from './answers.ts';
import type { Answer } from './answers.ts';
import type { Random } from './random.ts';

export type FaultAction =
  /** Answers with this status and an error body. `retryAfter` in seconds. `poison`: the connection then answers so for ever. */
  | {
      type: 'status';
      status: number;
      code?: string;
      message?: string;
      innerCode?: string;
      retryAfter?: number | null;
      location?: string;
      poison?: boolean;
    }
  /** Closes the connection without an answer; `lost-answer` does the work first. */
  | { type: 'reset' }
  | { type: 'lost-answer' }
  /** Answers correctly, so many ms late. */
  | { type: 'delay'; ms: number }
  /** Announces the whole body, sends half of it, and closes. */
  | { type: 'truncate' }
  /** Answers 200 with something that is not JSON. */
  | { type: 'non-json'; body?: string };

export type FaultRule = {
  /** What to break: Graph requests, single requests inside a `$batch`, or the token authority. Default `graph`. */
  scope?: 'graph' | 'batch-item' | 'token';
  method?: string;
  /** A regular expression (text) on path and query, such as `^/v1.0/users/delta`. */
  path?: string;
  /** 0 to 1; default 1. */
  probability?: number;
  /** Spare the first so many matching requests. */
  skip?: number;
  /** Stop after so many hits; default never. */
  times?: number;
  action: FaultAction;
};

export type Faults = {
  /** Adds a rule and returns its number. */
  add(rule: FaultRule): number;
  remove(rule: number): void;
  clear(): void;
  /** The action for this request, if any; counts the hit. */
  match(scope: NonNullable<FaultRule['scope']>, method: string, target: string): FaultAction | undefined;
  hits(): number;
};

/** Makes an empty set of faults. Rules are tried in the order they were added. */
export function createFaults(random: Random): Faults {
  const rules = new Map<number, { rule: FaultRule; pattern: RegExp; seen: number; hits: number }>();
  let count = 0;
  let hits = 0;
  return {
    add: (rule) => {
      count += 1;
      rules.set(count, { rule, pattern: new RegExp(rule.path ?? ''), seen: 0, hits: 0 });
      return count;
    },
    remove: (rule) => void rules.delete(rule),
    clear: () => rules.clear(),
    hits: () => hits,
    match: (scope, method, target) => {
      for (const [number, state] of rules) {
        const { rule } = state;
        if ((rule.scope ?? 'graph') !== scope) continue;
        if (rule.method && rule.method.toUpperCase() !== method) continue;
        if (!state.pattern.test(target)) continue;
        state.seen += 1;
        if (state.seen <= (rule.skip ?? 0)) continue;
        if (rule.probability !== undefined && !random.chance(rule.probability)) continue;
        state.hits += 1;
        hits += 1;
        if (rule.times !== undefined && state.hits >= rule.times) rules.delete(number);
        return rule.action;
      }
      return undefined;
    },
  };
}

const codes: Record<number, string> = {
  400: 'BadRequest',
  401: 'InvalidAuthenticationToken',
  403: 'Authorization_RequestDenied',
  404: 'Request_ResourceNotFound',
  409: 'Directory_ConcurrencyViolation',
  410: 'syncStateNotFound',
  429: 'TooManyRequests',
  500: 'InternalServerError',
  503: 'serviceNotAvailable',
  504: 'gatewayTimeout',
  509: 'bandwidthLimitExceeded',
};

/** The answer of a `status` fault. */
export function faultAnswer(action: Extract<FaultAction, { type: 'status' }>): Answer {
  const headers: Record<string, string> = {};
  const retryAfter = action.retryAfter === undefined && action.status === 429 ? 1 : action.retryAfter;
  if (retryAfter !== undefined && retryAfter !== null) headers['retry-after'] = `${retryAfter}`;
  if (action.location) headers['location'] = action.location;
  return errorAnswer(
    action.status,
    action.code ?? codes[action.status] ?? 'UnknownError',
    action.message ?? 'A fault that a test switched on.',
    { headers, ...(action.innerCode ? { inner: { code: action.innerCode } } : {}) },
  );
}
