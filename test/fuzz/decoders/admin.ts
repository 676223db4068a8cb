// Owns the fuzzing of the private door: bodies, queries and cursors of every route, tokens, cookies, the sign-in form.
import fc from 'fast-check';
import {
  closeWorlds,
  group,
  idOf,
  openPrivateDoor,
  openWorld,
  token,
  user,
  type Door,
} from '../../admin/fixture.ts';
import { anyText, anyValue, deepText, mangled, spoiled } from '../arbitraries.ts';
import { defineDecoder, must, type Decoder } from '../decoder.ts';

/** What is written is forgotten again with the database, before it grows. */
const requestsOfAWorld = 4_000;

interface Rooms {
  readonly next: () => Door;
}

function rooms(): Rooms {
  let door: Door | undefined;
  let served = 0;
  return {
    next() {
      served += 1;
      if (door !== undefined && served % requestsOfAWorld !== 0) return door;
      closeWorlds();
      const world = openWorld();
      world.read('user', [user(1), user(2), user(3, { displayName: 'İ %_\\' })]);
      world.read('group', [group(1, 'Staff', [idOf(1)])]);
      world.settle();
      world.rooms.inbox.append(
        [1, 2, 3].map((n) => ({
          verdict: n === 1 ? 'malformed' : 'accepted',
          kind: 'change',
          subscriptionId: 's',
          event: 'updated',
          resource: n === 1 ? null : 'users',
          objectId: n === 1 ? null : idOf(n),
          count: 1,
        })),
        world.now,
      );
      door = openPrivateDoor(world, { sleep: () => Promise.resolve() });
      return door;
    },
  };
}

const read = [
  ...['/', '/healthz', '/readyz', '/metrics', '/openapi.json', '/docs', '/session', '/api/status'],
  ...['/api/runs', '/api/runs/x', '/api/runs/x/events', '/api/subscriptions', '/api/accounts'],
  ...[`/api/accounts/${idOf(1)}`, '/api/holds', '/api/holds/1', '/api/notifications', '/api/audit'],
];
const written = [
  ...['/session', '/session', '/session/end', '/api/resync', '/api/resync', '/api/subscriptions/renew'],
  ...[`/api/accounts/${idOf(9)}/resync`, '/api/holds/1/approve', '/api/holds/1e99/discard'],
  ...['/api/notifications/1/retry', '/api/notifications/2/retry', '/api/notifications/-0/retry'],
];
const odd = fc
  .tuple(
    fc.constantFrom('/api/runs/', '/api/accounts/', '/api/holds/', '/api/notifications/', '/'),
    anyText,
    fc.constantFrom('', '', '/resync', '/approve', '/retry', '/events'),
  )
  .map(([place, text, end]) => `${place}${encodeURIComponent(text.toWellFormed())}${end}`);
const places = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constantFrom('GET', 'GET', 'HEAD'), fc.constantFrom(...read)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('POST'), fc.constantFrom(...written)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('GET', 'POST'), odd) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'QUERY'),
      fc.constantFrom(...read, ...written),
    ),
  },
);
const numbers = fc.constantFrom(
  '0',
  '-0',
  '-1',
  '1',
  '500',
  '501',
  '1e3',
  '0x10',
  '1.5',
  'NaN',
  'Infinity',
  '9007199254740993',
  '1e400',
  ' 1',
  '',
  'true',
);
const queryNames = [
  'q',
  'limit',
  'cursor',
  'enabled',
  'removed',
  'person',
  'since',
  'until',
  'verdict',
  '__proto__',
  'x',
];
const queries = fc
  .array(
    fc.tuple(
      fc.constantFrom(...queryNames),
      fc.oneof(
        numbers,
        fc.constantFrom(
          'true',
          'false',
          idOf(1),
          'accepted',
          '2026-02-03T04:05:06Z',
          '2026-02-30T00:00:00+24:00',
          '%',
          '_',
          'user',
        ),
        anyText,
      ),
    ),
    { maxLength: 4 },
  )
  .map((pairs) =>
    pairs
      .map(
        ([name, value], at) =>
          `${name}${at % 5 === 4 ? '' : '='}${at % 7 === 6 ? value.replace(/[\s#]/g, '') : encodeURIComponent(value.toWellFormed())}`,
      )
      .join('&'),
  );
const bodies = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  {
    weight: 6,
    arbitrary: mangled(spoiled([{ dryRun: true }, { user: idOf(1) }]).map((value) => JSON.stringify(value))),
  },
  { weight: 1, arbitrary: mangled(fc.constant(`token=${token}&x=%zz`)) },
  {
    weight: 1,
    arbitrary: mangled(
      fc.constant(`--b\r\ncontent-disposition: form-data; name="token"\r\n\r\n${token}\r\n--b--\r\n`),
    ),
  },
  { weight: 1, arbitrary: mangled(deepText) },
  { weight: 1, arbitrary: anyValue.map((value) => Buffer.from(JSON.stringify(value))) },
);
const types = fc.constantFrom(
  'application/json',
  'application/json; charset=utf-8',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=b',
  'multipart/form-data',
  'multipart/form-data; boundary=',
  'text/plain',
  '',
);

const expected = [200, 202, 303, 400, 401, 403, 404, 409, 413, 415];

export function adminApi(): Decoder {
  const open = rooms();
  return defineDecoder({
    name: 'admin API',
    inputs: fc.record({
      place: places,
      query: queries,
      body: bodies,
      type: types,
      own: fc.boolean(),
    }),
    close: closeWorlds,
    async decode({ place: [method, path], query, body, type, own }) {
      const door = open.next();
      door.log.clear();
      door.told.length = 0;
      const answer = await door.app.request(`${path}${query === '' ? '' : `?${query}`}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': type,
          ...(own && { origin: 'http://localhost' }),
        },
        ...(body !== undefined && method !== 'GET' && method !== 'HEAD' && { body }),
      });
      const text = await answer.text();
      must(
        `an answer has one of the statuses that are described, not ${answer.status}`,
        expected.includes(answer.status),
      );
      must('the token is not repeated', !text.includes(token));
      if (answer.headers.get('content-type')?.includes('json') === true && method !== 'HEAD')
        JSON.parse(text);
      const errors = door.log.lines.filter(({ level }) => level === 'error');
      must(`nothing is told as an error: ${JSON.stringify(errors[0])}`, errors.length === 0);
      return String(answer.status);
    },
  });
}

/** Stands for the session that was opened last. */
const open = 'LATEST';
const cookieNames = fc.constantFrom(
  ...['gespage_sync_session', 'gespage_sync_session', 'Gespage_Sync_Session', '__proto__', 'x', ''],
);
const cookieValues = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...[open, open, `${open}x`, `x${open}`, `"${open}"`, `${open},`, `%${open}`],
      ...['session-', 'session-0', 'undefined', '%', '%73ession-0'],
    ),
  },
  anyText,
);
const cookies = fc
  .array(fc.tuple(cookieNames, fc.constantFrom('=', '=', ' = ', '', '=='), cookieValues), { maxLength: 4 })
  .map((all) => all.map((parts) => parts.join('')).join(';'));
const credentials = fc.constantFrom(
  ...[token, token.slice(0, -1), `${token}x`, token.toUpperCase(), `${token} x`, ''],
);
const authorizations = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  fc
    .tuple(fc.constantFrom('Bearer ', 'bearer  ', 'Basic ', 'Bearer', ''), fc.oneof(credentials, anyText))
    .map((parts) => parts.join('')),
);
const signingInEvery = 50;

/** Nobody gets in but by the token or the cookie that was given for it, whatever else stands in the headers. */
export function session(): Decoder {
  const all = rooms();
  let door: Door | undefined;
  let latest = '';
  let served = 0;
  return defineDecoder({
    name: 'session',
    inputs: fc.record({ cookie: cookies, authorization: authorizations }),
    close: closeWorlds,
    async decode({ cookie: drawn, authorization }) {
      const next = all.next();
      served += 1;
      if (next !== door || served % signingInEvery === 0) latest = await signIn(next);
      door = next;
      const cookie = drawn.replaceAll(open, latest);
      const headers = asHeaders({ cookie, ...(authorization !== undefined && { authorization }) });
      if (headers === undefined) return 'no headers';
      const { status } = await door.app.request('/api/runs', { headers });
      must(`it is answered, not with ${status}`, status === 200 || status === 401);
      const byToken = /^bearer +(\S+) *$/i.exec(authorization?.trim() ?? '')?.[1] === token;
      const byCookie = new RegExp(
        `(^|;)[ \\t]*gespage_sync_session[ \\t]*=[ \\t]*("?)${latest}\\2[ \\t]*(;|$)`,
      ).test(cookie);
      if (!byToken && !byCookie) must('nobody gets in', status === 401);
      if (byToken) must('the token is enough', status === 200);
      if (authorization === undefined && cookie === `gespage_sync_session=${latest}`)
        must('the session is enough', status === 200);
      return byToken ? 'by token' : `${byCookie ? 'by cookie' : 'stranger'}, ${status}`;
    },
  });
}

async function signIn({ app }: Door): Promise<string> {
  const answer = await app.request('/session', {
    method: 'POST',
    headers: { origin: 'http://localhost', 'content-type': 'application/x-www-form-urlencoded' },
    body: `token=${encodeURIComponent(token)}`,
  });
  return /=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? '';
}

function asHeaders(plain: Readonly<Record<string, string>>): Headers | undefined {
  try {
    return new Headers(plain);
  } catch {
    return undefined;
  }
}
