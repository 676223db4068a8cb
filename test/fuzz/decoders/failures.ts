// Owns the fuzzing of the error classifier and of signing in: any status, headers and body, any thing thrown.
import fc from 'fast-check';
import { classify } from '../../../src/graph/errors.ts';
import { createTokenSource } from '../../../src/graph/token.ts';
import { anyText, anyValue, mangledText, spoiled } from '../arbitraries.ts';
import { defineDecoder, must, type Decoder } from '../decoder.ts';
import { expectFailure, orFailure } from './graph.ts';

/** Stands wherever Microsoft could repeat a secret; no message may carry it on. */
const canary = 'CaNaRy0123456789';

const errors = [
  {
    error: {
      code: 'TooManyRequests',
      message: `Wait. https://graph.microsoft.com/v1.0/users/delta?$deltatoken=${canary}`,
      innerError: { code: '429', 'request-id': 'a', date: '2026-01-01T00:00:00' },
    },
  },
  { error: { code: 'BadRequest', message: `token=${canary}`, innererror: { code: 'SyncStateNotFound' } } },
  {
    error: {
      code: 'ExtensionError',
      message: `clientState=${canary}`,
      innerError: { innerError: { code: 'x' } },
    },
  },
  {
    error: 'invalid_client',
    error_description: `AADSTS7000215: Invalid client secret ${canary}.`,
    error_codes: [7_000_215],
    trace_id: 'b',
  },
];
const words = fc.constantFrom<unknown>(
  'syncStateNotFound',
  'resyncRequired',
  'Directory_ConcurrencyViolation',
  'temporarily_unavailable',
  'AADSTS90002',
  90_002,
);
const retryAfter = fc.oneof(
  fc.integer({ min: -5, max: 1_000_000 }).map(String),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e9',
    '99999999999999999999',
    'soon',
    '5 s',
    '5, 7',
    'Infinity',
    '0.5',
    '٣',
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  anyText,
);
const someHeaders = fc.dictionary(
  fc.constantFrom(
    'Retry-After',
    'retry-after',
    'RETRY-AFTER',
    'date',
    'Date',
    'location',
    'request-id',
    'client-request-id',
    'x-ms-request-id',
    '__proto__',
  ),
  fc.oneof({ weight: 4, arbitrary: retryAfter }, { weight: 1, arbitrary: anyValue }),
);
const status = fc.oneof(
  fc.constantFrom(
    200,
    204,
    301,
    400,
    401,
    403,
    404,
    407,
    408,
    409,
    410,
    412,
    413,
    423,
    425,
    429,
    500,
    501,
    502,
    503,
    504,
    509,
    599,
  ),
  fc.integer({ min: -1, max: 1_000 }),
  fc.constant(undefined),
);
const thrown = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) }),
    new DOMException('over', 'TimeoutError'),
    new DOMException('over', 'AbortError'),
    Object.assign(new Error('x'), { errorCode: 'network_error', errorMessage: canary }),
    Object.assign(new Error('x'), { code: { not: 'text' }, name: 7 }),
  ),
  anyValue,
);

export function errorClassifier(): Decoder {
  return defineDecoder({
    name: 'error classifier',
    inputs: fc.record({
      status,
      headers: fc.option(fc.tuple(someHeaders, fc.boolean()), { nil: undefined }),
      body: fc.oneof({ weight: 4, arbitrary: spoiled(errors, words) }, anyValue),
      cause: thrown,
    }),
    decode({ status: answered, headers, body, cause }) {
      const failure = classify({
        operation: 'users.delta',
        status: answered,
        headers: headers && (headers[1] ? (asHeaders(headers[0]) ?? headers[0]) : headers[0]),
        body,
        cause,
      });
      expectFailure(failure);
      must('no secret is repeated', !failure.message.includes(canary));
      const { message: _, ...shown } = { ...failure };
      must('nor in what a log would show', !JSON.stringify(shown).includes(canary));
      if (failure.kind === 'gone')
        must('gone is said by a refusal', (answered ?? 0) >= 400 && (answered ?? 0) < 500);
      return failure.kind;
    },
  });
}

/** As `fetch` would have them; undefined where it would refuse. */
function asHeaders(plain: Readonly<Record<string, unknown>>): Headers | undefined {
  try {
    return new Headers(Object.entries(plain).map(([name, value]): [string, string] => [name, String(value)]));
  } catch {
    return undefined;
  }
}

const authority = 'https://login.fuzz.example';
const tenant = '3f5c2b1a-9d4e-4c6f-8a7b-1e2d3c4b5a69';
const discovery = {
  token_endpoint: `${authority}/${tenant}/oauth2/v2.0/token`,
  issuer: `${authority}/${tenant}/v2.0`,
  authorization_endpoint: `${authority}/${tenant}/oauth2/v2.0/authorize`,
  jwks_uri: `${authority}/${tenant}/discovery/v2.0/keys`,
  end_session_endpoint: `${authority}/${tenant}/oauth2/v2.0/logout`,
};
const encoded = (claims: unknown): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
const granted = {
  token_type: 'Bearer',
  expires_in: 3599,
  ext_expires_in: 3599,
  access_token: `${encoded({ alg: 'HS256' })}.${encoded({ roles: ['User.Read.All'], tid: tenant })}.c2ln`,
};
const lives = fc.constantFrom<unknown>(
  0,
  -1,
  '3599',
  '1e3',
  'soon',
  null,
  1e30,
  2 ** 31,
  60,
  { seconds: 5 },
  'a.b\r\nx: y',
  'a..b',
  'é.ü.x',
);
const answer = fc.record({
  status: fc.oneof(
    { weight: 6, arbitrary: fc.constant(200) },
    fc.constantFrom(400, 401, 403, 408, 429, 500, 503),
  ),
  text: mangledText(
    fc
      .oneof({ weight: 5, arbitrary: spoiled([granted], lives) }, spoiled([errors[3]], words), anyValue)
      .map((value) => JSON.stringify(value)),
  ),
  retryAfter: fc.option(
    retryAfter.filter((text) => /^[\u0020-\u007e]*$/.test(text)),
    { nil: undefined },
  ),
});

export function tokenAnswer(): Decoder {
  return defineDecoder({
    name: 'token answer',
    inputs: fc.record({
      first: answer,
      second: answer,
      spoiledDiscovery: fc.oneof(
        { weight: 7, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: spoiled([discovery]) },
      ),
    }),
    async decode({ first, second, spoiledDiscovery }) {
      let now = Date.now();
      let asked = 0;
      const real = globalThis.fetch;
      globalThis.fetch = (input) => {
        const url = input instanceof Request ? input.url : String(input);
        if (url.includes('openid-configuration'))
          return Promise.resolve(Response.json(spoiledDiscovery ?? discovery));
        const { status: code, text, retryAfter: wait } = asked === 0 ? first : second;
        asked += 1;
        const headers = {
          'content-type': 'application/json',
          ...(wait !== undefined && { 'retry-after': wait }),
        };
        return Promise.resolve(new Response(text, { status: code, headers }));
      };
      try {
        const source = createTokenSource({
          tenantId: tenant,
          clientId: 'c0ffee00-1234-4abc-9def-0123456789ab',
          credential: { kind: 'secret', secret: canary },
          authorityHost: authority,
          graphBaseUrl: 'https://graph.fuzz.example',
          now: () => now,
        });
        const ask = (): Promise<string> =>
          orFailure(async () => {
            const token = await source.token();
            must('a token can stand in a header', /^[\u0020-\u007e]+$/.test(token));
            must(
              'permissions are names',
              (await source.roles()).every((role) => typeof role === 'string'),
            );
            return 'token';
          });
        const outcome = await ask();
        if (outcome !== 'token') return outcome;
        // No token is believed for ever, whatever was said of its life.
        const before = asked;
        now += 2 * 86_400_000;
        await ask();
        must('a token of the day before yesterday is asked for anew', asked > before);
        return outcome;
      } finally {
        globalThis.fetch = real;
      }
    },
  });
}
