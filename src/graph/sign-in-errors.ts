// Owns the meaning of a failed sign-in: what MSAL throws and what the token endpoint answers.
import type { FailureKind } from './failure-kind.ts';
import { headerOf, type HeaderSource } from './headers.ts';
import { codeOf, recordOf, textOf } from './unknown-values.ts';

/** A failed sign-in: what MSAL threw, and the last answer on the way if there was one. */
export interface SignInTrouble {
  readonly status?: number | undefined;
  readonly headers?: HeaderSource | undefined;
  readonly body?: unknown;
  readonly cause?: unknown;
}

export interface SignInFacts {
  readonly kind: FailureKind;
  readonly code: string;
  readonly status: number | undefined;
  readonly traceId: string | undefined;
}

/** MSAL's codes for trouble on the way: no answer, or one that is no JSON or no OpenID configuration. */
const passingMsalCodes: ReadonlySet<string> = new Set([
  'network_error',
  'no_network_connectivity',
  'endpoints_resolution_error',
  'openid_config_error',
  'token_parsing_error',
  'request_cannot_be_made',
]);

/** OAuth's codes for trouble that passes. */
const passingOAuthErrors: ReadonlySet<string> = new Set([
  'temporarily_unavailable',
  'server_error',
  'timeout',
]);

/** Whether this failure is one of signing in: MSAL threw it, or the body is OAuth's (`error` is text, not an object). */
export function isSignInError(input: SignInTrouble): boolean {
  const thrown = recordOf(input.cause);
  if (typeof thrown['errorCode'] === 'string' && 'errorMessage' in thrown) return true;
  return typeof recordOf(input.body)['error'] === 'string';
}

/**
 * Judges by status and OAuth error. The `AADSTS` number, which Microsoft may change at any time, is carried
 * along only so that the advice can be precise.
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export function signInFacts(input: SignInTrouble): SignInFacts {
  const thrown = recordOf(input.cause);
  const body = recordOf(input.body);
  const oauthError = codeOf(body['error']) ?? codeOf(thrown['errorCode']) ?? 'unknown';
  const number = aadstsNumber(thrown, body);
  const status = input.status ?? numeric(thrown['status']);
  const passing =
    passingMsalCodes.has(oauthError.toLowerCase()) || passingOAuthErrors.has(oauthError.toLowerCase());
  const refused = status !== undefined && status >= 400 && status < 500 && status !== 408;
  return {
    kind: kindOf(status, passing && !(refused && number !== undefined)),
    code: number === undefined ? oauthError : `AADSTS${number}`,
    status,
    traceId: codeOf(body['trace_id']) ?? codeOf(headerOf(input.headers, 'x-ms-request-id')),
  };
}

function kindOf(status: number | undefined, passing: boolean): FailureKind {
  if (status === 429) return 'throttled';
  if (status === 408 || (status !== undefined && status >= 500)) return 'transient';
  return passing ? 'transient' : 'auth';
}

function aadstsNumber(thrown: Record<string, unknown>, body: Record<string, unknown>): string | undefined {
  const listed: unknown[] = Array.isArray(body['error_codes']) ? body['error_codes'] : [];
  const candidate = listed[0] ?? thrown['errorNo'];
  if (typeof candidate === 'number' || (typeof candidate === 'string' && /^\d+$/.test(candidate)))
    return String(candidate);
  // The code stands only in the text when MSAL repeats an earlier refusal from its memory.
  const described = `${textOf(body['error_description'], 500) ?? ''} ${textOf(thrown['errorMessage'], 500) ?? ''}`;
  return /AADSTS(\d{4,8})/.exec(described)?.[1];
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
