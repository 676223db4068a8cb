// Owns the proof of the classifier: every side of every limit, and that nothing makes it throw.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify, GraphFailure, type ClassifyInput, type FailureKind } from '../../src/graph/errors.ts';

const operation = 'users.delta';
const coded = (code: string, inner?: unknown) => ({ error: { code, message: 'words', innerError: inner } });

describe('an answer of Graph is sorted by status and code', () => {
  const table: [string, Omit<ClassifyInput, 'operation'>, FailureKind][] = [
    ['302', { status: 302 }, 'permanent'],
    ['400 without a body', { status: 400 }, 'permanent'],
    ['400 with a bad token', { status: 400, body: coded('Request_BadRequest') }, 'permanent'],
    ['400 syncStateNotFound', { status: 400, body: coded('syncStateNotFound') }, 'gone'],
    ['400 SYNCSTATENOTFOUND', { status: 400, body: coded('SYNCSTATENOTFOUND') }, 'gone'],
    ['404 SyncStateNotFound', { status: 404, body: coded('SyncStateNotFound') }, 'gone'],
    ['400 resyncRequired', { status: 400, body: coded('resyncRequired') }, 'gone'],
    ['400 Directory_ExpiredPageToken', { status: 400, body: coded('Directory_ExpiredPageToken') }, 'gone'],
    [
      'a gone code in innerError',
      { status: 400, body: coded('badRequest', { code: 'SyncStateNotFound' }) },
      'gone',
    ],
    [
      'a gone code in innererror, two deep',
      {
        status: 403,
        body: { error: { code: 'a', innererror: { code: 'b', innererror: { code: 'syncStateNotFound' } } } },
      },
      'gone',
    ],
    [
      'a gone code in the message only',
      { status: 400, body: { error: { code: 'x', message: 'syncStateNotFound' } } },
      'permanent',
    ],
    ['a gone code under 500', { status: 500, body: coded('syncStateNotFound') }, 'transient'],
    ['401', { status: 401, body: coded('InvalidAuthenticationToken') }, 'auth'],
    ['403', { status: 403, body: coded('Authorization_RequestDenied') }, 'auth'],
    ['403 wrapping a failure behind it', { status: 403, body: coded('ExtensionError') }, 'transient'],
    ['404', { status: 404, body: coded('Request_ResourceNotFound') }, 'not-found'],
    ['408', { status: 408 }, 'transient'],
    ['409', { status: 409, body: coded('Conflict') }, 'permanent'],
    ['409 of concurrent writes', { status: 409, body: coded('Directory_ConcurrencyViolation') }, 'transient'],
    ['410 with nothing', { status: 410 }, 'gone'],
    ['410 with another code', { status: 410, body: coded('whatever') }, 'gone'],
    ['428', { status: 428 }, 'permanent'],
    ['429', { status: 429, body: coded('TooManyRequests', { code: '429' }) }, 'throttled'],
    ['430', { status: 430 }, 'permanent'],
    ['499', { status: 499 }, 'permanent'],
    ['500', { status: 500 }, 'transient'],
    ['501', { status: 501 }, 'permanent'],
    ['502 with a page of a proxy', { status: 502, body: '<html>' }, 'transient'],
    ['503', { status: 503 }, 'transient'],
    ['504', { status: 504 }, 'transient'],
    ['509', { status: 509 }, 'throttled'],
    ['200 that is no use', { status: 200 }, 'transient'],
    ['a reset connection', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) }, 'transient'],
    ['fetch failed', { cause: new TypeError('fetch failed', { cause: { code: 'ENOTFOUND' } }) }, 'transient'],
    ['a timeout', { cause: new DOMException('late', 'TimeoutError') }, 'transient'],
    ['our own stop', { cause: new DOMException('stop', 'AbortError') }, 'halted'],
    ['anything else thrown', { cause: 'thrown text' }, 'transient'],
    ['nothing at all', {}, 'transient'],
  ];
  it.each(table)('%s', (_name, input, kind) => {
    expect(classify({ operation, ...input }).kind).toBe(kind);
  });
});

describe('a refused sign-in', () => {
  const oauth = (number: number, error = 'invalid_client') => ({
    error,
    error_description: `AADSTS${number}: words`,
    error_codes: [number],
    trace_id: 'trace',
  });
  it.each([
    [7000215, 'AZURE_CLIENT_SECRET'],
    [7000222, 'expired'],
    [700016, 'AZURE_CLIENT_ID'],
    [90002, 'AZURE_TENANT_ID'],
    [700027, 'Upload'],
    [7000229, 'service principal'],
    [65001, 'Grant admin consent'],
    [53003, 'Conditional Access'],
    [50034, 'AZURE_TENANT_ID'],
    [7000112, 'Enabled for users to sign in'],
    [123456789, 'Sign-in logs'],
  ])('AADSTS%i says where to click', (number, words) => {
    const failure = classify({ operation: 'sign-in', status: 401, body: oauth(number) });
    expect(failure).toMatchObject({ kind: 'auth', code: `AADSTS${number}`, requestId: 'trace' });
    expect(failure.advice).toContain(words);
  });

  it('is the same from what MSAL throws', () => {
    const cause = {
      name: 'ServerError',
      errorCode: 'invalid_client',
      errorMessage: 'Error(s): 7000215',
      errorNo: 7000215,
    };
    expect(classify({ operation: 'sign-in', cause })).toMatchObject({ kind: 'auth', code: 'AADSTS7000215' });
    const recalled = { errorCode: '7000222 ', errorMessage: 'AADSTS7000222: expired' };
    expect(classify({ operation: 'sign-in', cause: recalled })).toMatchObject({
      kind: 'auth',
      code: 'AADSTS7000222',
    });
  });

  it('passes where Entra is in trouble, and waits where it says so', () => {
    const body = { error: 'temporarily_unavailable' };
    expect(classify({ operation: 'sign-in', status: 400, body }).kind).toBe('transient');
    expect(classify({ operation: 'sign-in', status: 503, body: oauth(90033) }).kind).toBe('transient');
    const throttled = classify({
      operation: 'sign-in',
      status: 429,
      body: oauth(50196),
      headers: { 'Retry-After': '7' },
    });
    expect(throttled).toMatchObject({ kind: 'throttled', retryAfterMs: 7000 });
    const network = { errorCode: 'endpoints_resolution_error', errorMessage: '' };
    expect(classify({ operation: 'sign-in', cause: network }).kind).toBe('transient');
    const untrusted = { errorCode: 'untrusted_authority', errorMessage: '' };
    expect(classify({ operation: 'sign-in', cause: untrusted }).kind).toBe('auth');
  });
});

describe('a failure', () => {
  it('names the most specific code that is known, the request id and the wait', () => {
    const failure = classify({
      operation,
      status: 404,
      headers: new Headers({ 'request-id': 'abc', 'retry-after': '1.5' }),
      body: coded('itemNotFound', { code: 'syncStateNotFound' }),
    });
    expect(failure).toMatchObject({
      code: 'syncStateNotFound',
      requestId: 'abc',
      retryAfterMs: 1500,
      status: 404,
    });
    const inside = classify({ operation, status: 400, body: coded('x', { 'request-id': 'inner' }) });
    expect(inside).toMatchObject({ code: 'x', requestId: 'inner' });
  });

  it("measures a date in Retry-After against the server's own clock [trouble 13.10]", () => {
    const headers = { date: 'Mon, 23 Nov 2026 10:00:00 GMT', 'retry-after': 'Mon, 23 Nov 2026 10:00:30 GMT' };
    expect(classify({ operation, status: 429, headers }).retryAfterMs).toBe(30_000);
    expect(
      classify({ operation, status: 429, headers: { 'retry-after': headers.date } }).retryAfterMs,
    ).toBeUndefined();
    for (const senseless of ['0', '-3', 'soon', '']) {
      expect(
        classify({ operation, status: 429, headers: { 'retry-after': senseless } }).retryAfterMs,
      ).toBeUndefined();
    }
    expect(classify({ operation, status: 429, headers: { 'retry-after': '99999999' } }).retryAfterMs).toBe(
      86_400_000,
    );
  });

  it('carries the Location of a 410 where no logger looks', () => {
    const location = 'https://graph.microsoft.com/v1.0/users/delta?$deltatoken=';
    const failure = classify({ operation, status: 410, headers: { Location: location } });
    expect(failure.location).toBe(location);
    expect(JSON.stringify({ ...failure, message: failure.message })).not.toContain('deltatoken');
    expect(failure.waiting(5)).toMatchObject({
      location,
      retryAfterMs: 5,
      kind: 'gone',
      message: failure.message,
    });
  });

  it("repeats Graph's words without links and tokens in them", () => {
    const message =
      'See https://graph.microsoft.com/v1.0/users/delta?$deltatoken=abc or $skiptoken=xyz.\nThanks.';
    const failure = classify({ operation, status: 400, body: { error: { code: 'x', message } } });
    expect(failure.message).toContain('See [link] or [hidden] Thanks');
    expect(failure.message).not.toMatch(/abc|xyz/);
  });

  it('says what happened and what to do', () => {
    const failure = classify({ operation, status: 403, body: coded('Authorization_RequestDenied') });
    expect(failure.message).toContain('403 (Authorization_RequestDenied)');
    expect(failure.message).toContain('API permissions');
  });

  it('that is one already stays the same', () => {
    const cause = classify({ operation, status: 410 });
    expect(classify({ operation: 'other', status: 500, cause })).toBe(cause);
  });
});

it('nothing that can come over the wire makes the classifier throw', () => {
  const kinds = ['transient', 'throttled', 'auth', 'gone', 'not-found', 'permanent', 'halted'];
  fc.assert(
    fc.property(
      fc.option(fc.integer({ min: -1, max: 1000 }), { nil: undefined }),
      fc.anything({ withNullPrototype: true, withDate: true }),
      fc.anything({ withNullPrototype: true }),
      fc.option(fc.dictionary(fc.string(), fc.anything()), { nil: undefined }),
      (status, body, cause, headers) => {
        for (const wrapped of [body, { error: body }, { error: { code: body, innerError: body } }]) {
          const failure = classify({ operation, status, body: wrapped, cause, headers });
          expect(failure).toBeInstanceOf(GraphFailure);
          expect(kinds).toContain(failure.kind);
        }
      },
    ),
  );
});

describe('what Microsoft, or whoever stands between, writes into an answer', () => {
  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'finds no advice that nobody wrote, as for the sign-in error %s',
    (error) => {
      const failure = classify({ operation, status: 400, body: { error } });
      expect(failure.advice).toContain('Compare AZURE_TENANT_ID');
      expect(failure.code).toBe(error);
    },
  );

  it('is cut and made plain before it stands in a message, a log or the database', () => {
    const long = `a b\r\n\u001b[31m${'x'.repeat(10_000)}`;
    for (const input of [
      { status: 400, headers: { 'request-id': long }, body: { error: { code: long, message: long } } },
      { status: 400, body: { error: { code: 'x', innerError: { 'request-id': long } } } },
      { status: 400, body: { error: long, trace_id: long } },
      { status: 400, headers: { 'x-ms-request-id': long }, body: { error: 'invalid_client' } },
      { cause: { name: long, code: long } },
    ]) {
      const failure = classify({ operation, ...input });
      expect(failure.message.length).toBeLessThan(1_500);
      expect(failure.message).not.toMatch(/[\u0000-\u001f]/);
      expect(failure.code ?? '').not.toMatch(/\s/);
      expect(failure.requestId ?? '').toMatch(/^[\w.:-]{0,200}$/);
    }
  });
});
