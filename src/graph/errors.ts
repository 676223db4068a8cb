// Owns what can go wrong at Microsoft's side: the closed set of failures and the one function that sorts into it.
import { adviceFor, adviceForNetwork, adviceForSignIn } from './advice.ts';
import type { FailureKind } from './failure-kind.ts';
import { headerOf, retryAfterOf, type HeaderSource } from './headers.ts';
import { isSignInError, signInFacts } from './sign-in-errors.ts';
import { codeOf, isRecord, recordOf, textOf } from './unknown-values.ts';

export type { FailureKind } from './failure-kind.ts';

/** Everything that a `GraphFailure` is made of. */
export interface FailureFacts {
  readonly kind: FailureKind;
  readonly operation: string;
  /** What happened and what it means, one or two sentences without a link, a token or a body in it. */
  readonly what: string;
  readonly advice: string;
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  readonly location?: string | undefined;
  readonly cause?: unknown;
}

/** The only error that this room throws. Its message and its enumerable properties are safe to log. */
export class GraphFailure extends Error {
  readonly kind: FailureKind;
  /** Short name of what was being done, such as `users.delta`. */
  readonly operation: string;
  /** What happened and what it means: the message without the advice. */
  readonly what: string;
  /** What an operator can do, in the operator's words. */
  readonly advice: string;
  declare readonly status?: number;
  /** Graph's error code (the most specific known one), an `AADSTS…` code, a system code such as `ECONNRESET`, or our own. */
  declare readonly code?: string;
  /** For how long nothing should be asked, in milliseconds. */
  declare readonly retryAfterMs?: number;
  /** Microsoft's `request-id`, for a support call. */
  declare readonly requestId?: string;
  /** With 410: the link from which to start again. Holds a token, so it is hidden from loggers. */
  declare readonly location?: string;

  constructor(facts: FailureFacts) {
    super(`${facts.what} ${facts.advice}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'GraphFailure';
    this.kind = facts.kind;
    this.operation = facts.operation;
    this.what = facts.what;
    this.advice = facts.advice;
    if (facts.status !== undefined) this.status = facts.status;
    if (facts.code !== undefined) this.code = facts.code;
    if (facts.retryAfterMs !== undefined) this.retryAfterMs = facts.retryAfterMs;
    if (facts.requestId !== undefined) this.requestId = facts.requestId;
    if (facts.location !== undefined) {
      Object.defineProperty(this, 'location', { value: facts.location, enumerable: false });
    }
  }

  /** The same failure with this wait, in milliseconds. */
  waiting(retryAfterMs: number): GraphFailure {
    return new GraphFailure({ ...this, what: this.what, location: this.location, retryAfterMs });
  }
}

export interface ClassifyInput {
  readonly operation: string;
  readonly status?: number | undefined;
  readonly headers?: HeaderSource | undefined;
  /** The parsed body, if there was one. */
  readonly body?: unknown;
  /** What was thrown, when no answer came. */
  readonly cause?: unknown;
}

/** Codes, in lower case, that say that a delta or paging link has died, whatever the status. */
const goneCodes: ReadonlySet<string> = new Set([
  'syncstatenotfound',
  'syncstateinvalid',
  'resyncrequired',
  'resyncchangesapplydifferences',
  'resyncchangesuploaddifferences',
  'directory_expiredpagetoken',
  'directory_resyncrequired',
]);

/** Codes, in lower case, that wrap a passing trouble in a status that looks final. */
const passingCodes: ReadonlySet<string> = new Set([
  'directory_concurrencyviolation',
  // Subscription creation wraps failures of the services behind it in this, 403 too.
  'extensionerror',
]);

/**
 * Sorts a failed request into the closed set. Pure, and never throws. Codes are compared without regard to
 * case, at every depth of `innerError`; message texts are never judged.
 * @see https://learn.microsoft.com/graph/errors
 */
export function classify(input: ClassifyInput): GraphFailure {
  if (input.cause instanceof GraphFailure) return input.cause;
  const thrown = errorFields(input.cause);
  if (thrown.name === 'AbortError') return halted(input.operation);
  if (isSignInError(input)) return signInFailure(input);
  if (input.status !== undefined && (input.status < 200 || input.status > 299))
    return answered(input, input.status);
  if (input.cause !== undefined) return unanswered(input, thrown);
  return unreadable(input.operation, 'the answer makes no sense', input.status);
}

/** An answer that is not what was asked for: truncated, no JSON, or of a wrong shape. Asking again can help. */
export function unreadable(operation: string, why: string, status?: number): GraphFailure {
  return new GraphFailure({
    kind: 'transient',
    operation,
    status,
    code: 'unreadable-answer',
    what: `Microsoft Graph's answer to ${operation} cannot be used: ${why}. Nothing was changed by it.`,
    advice: 'The request is repeated. If this lasts, look for a proxy that alters or cuts answers.',
  });
}

/** The failure of a request that we stopped ourselves. */
export function halted(operation: string): GraphFailure {
  return new GraphFailure({
    kind: 'halted',
    operation,
    code: 'halted',
    what: `${operation} was stopped by this service before an answer came.`,
    advice: 'Nothing to do: the work is taken up again.',
  });
}

function answered(input: ClassifyInput, status: number): GraphFailure {
  const codes = errorCodes(input.body);
  const kind = kindOf(status, codes);
  const code = mostSpecific(codes);
  return new GraphFailure({
    kind,
    operation: input.operation,
    status,
    code,
    retryAfterMs: retryAfterOf(input.headers),
    requestId: requestIdOf(input),
    location: kind === 'gone' ? headerOf(input.headers, 'location') : undefined,
    what: `Microsoft Graph answered ${input.operation} with ${status}${code === undefined ? '' : ` (${code})`}${saying(input.body)}.`,
    advice: adviceFor(kind, status, input.operation),
  });
}

function kindOf(status: number, codes: readonly string[]): FailureKind {
  const known = codes.map((code) => code.toLowerCase());
  if (status === 410) return 'gone';
  if (status >= 400 && status < 500 && known.some((code) => goneCodes.has(code))) return 'gone';
  if (status === 429 || status === 509) return 'throttled';
  if (status >= 400 && status < 500 && known.some((code) => passingCodes.has(code))) return 'transient';
  switch (status) {
    // 403 too waits for a person: consent that is given later makes the same request succeed.
    case 401:
    case 403:
    case 407:
      return 'auth';
    case 404:
      return 'not-found';
    case 408:
    case 423:
    case 425:
      return 'transient';
    // Graph says 501 for a property that it cannot deliver: that does not heal by itself.
    case 501:
      return 'permanent';
    default:
      return status >= 500 ? 'transient' : 'permanent';
  }
}

function unanswered(input: ClassifyInput, thrown: ErrorFields): GraphFailure {
  const code = thrown.code ?? thrown.name ?? 'unknown';
  const timedOut = thrown.name === 'TimeoutError';
  return new GraphFailure({
    kind: 'transient',
    operation: input.operation,
    status: input.status,
    code,
    // A system error says all in its code; anything else is unexpected and worth its trace.
    cause: thrown.code === undefined && !timedOut ? input.cause : undefined,
    what: timedOut
      ? `No complete answer to ${input.operation} came in time.`
      : `No answer to ${input.operation}: the connection failed (${code}).`,
    advice: adviceForNetwork(code),
  });
}

function signInFailure(input: ClassifyInput): GraphFailure {
  const facts = signInFacts(input);
  return new GraphFailure({
    kind: facts.kind,
    operation: input.operation,
    status: facts.status,
    code: facts.code,
    retryAfterMs: retryAfterOf(input.headers),
    requestId: facts.traceId,
    what: `Microsoft Entra gave no token (${facts.code}). Microsoft Graph cannot be asked anything until it does.`,
    advice:
      facts.kind === 'auth'
        ? adviceForSignIn(facts.code)
        : adviceFor(facts.kind, facts.status, input.operation),
  });
}

interface ErrorFields {
  readonly name: string | undefined;
  readonly code: string | undefined;
}

function errorFields(cause: unknown): ErrorFields {
  const outer = recordOf(cause);
  // `fetch` hides the system error in `cause`.
  const inner = recordOf(outer['cause']);
  return { name: codeOf(outer['name']), code: codeOf(outer['code']) ?? codeOf(inner['code']) };
}

/** All codes of an error body, outermost first. Both spellings of the inner error occur. */
function errorCodes(body: unknown): string[] {
  const codes: string[] = [];
  let level: unknown = recordOf(body)['error'];
  for (let depth = 0; depth < 10 && isRecord(level); depth += 1) {
    const code = codeOf(level['code']);
    if (code !== undefined) codes.push(code);
    level = level['innerError'] ?? level['innererror'];
  }
  return codes;
}

/** The innermost code that means something to us, else the outermost. */
function mostSpecific(codes: readonly string[]): string | undefined {
  const meaningful = (code: string) =>
    goneCodes.has(code.toLowerCase()) || passingCodes.has(code.toLowerCase());
  return codes.findLast(meaningful) ?? codes[0];
}

function requestIdOf(input: ClassifyInput): string | undefined {
  const error = recordOf(recordOf(input.body)['error']);
  const inner = recordOf(error['innerError'] ?? error['innererror']);
  return (
    codeOf(headerOf(input.headers, 'request-id')) ??
    codeOf(inner['request-id']) ??
    codeOf(headerOf(input.headers, 'client-request-id'))
  );
}

/** Graph's own words, for people only: without addresses, which can carry tokens, and not longer than a line or two. */
function saying(body: unknown): string {
  const message = textOf(recordOf(recordOf(body)['error'])['message'], 500);
  if (message === undefined) return '';
  const safe = message
    .replace(/[a-z][a-z0-9+.-]*:\/\/\S+/gi, '[link]')
    .replace(/\S*(?:token|secret|clientstate)=\S+/gi, '[hidden]')
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .trim()
    .replace(/\.+$/, '');
  return safe === '' ? '' : `: "${safe.slice(0, 300)}"`;
}
