// Owns generated requests to the public door: sound ones, forged ones, and bytes that are no request at all.
import fc from 'fast-check';
import { lifecyclePath, notificationsPath } from '../../src/webhook/app.ts';
import type { StreamName, Verdict } from '../../src/state/inbox.ts';
import { anyText, anyUnits, anyValue, deepText, mangled, spoiled } from './arbitraries.ts';

/** What goes over one connection, and what must come of it. */
export interface Exchange {
  readonly sort: string;
  readonly pieces: readonly Buffer[];
  /** Ms between two pieces. */
  readonly gapMs: number;
  /** `keep`: everything is answered and the connection serves the next; `end`: our side is closed; `reset`: both. */
  readonly then: 'keep' | 'end' | 'reset' | 'leave';
  readonly requests: number;
  /** Statuses that each of its requests may get; a connection that is cut counts as none of them. */
  readonly answers: readonly number[];
  /** Items with these verdicts, where all of it is taken. */
  readonly items: Partial<Record<Verdict, number>>;
  /** What the body of the answer must be. */
  readonly echo?: string;
}

export interface Fuzzed {
  readonly tenantId: string;
  readonly subscriptions: Readonly<Record<StreamName, { readonly id: string; readonly clientState: string }>>;
  /** Objects that sound notifications are about. */
  readonly objects: readonly string[];
}

/** Every object that a forged item names; none of them may ever be looked at. */
export const forgedPrefix = 'f0f0f0f0-';

const routes = fc.constantFrom(notificationsPath, lifecyclePath);
const json = 'application/json';

export function exchanges(target: Fuzzed): fc.Arbitrary<Exchange> {
  const one = fc.oneof(
    { weight: 30, arbitrary: forged(target) },
    { weight: 3, arbitrary: sound(target) },
    { weight: 30, arbitrary: oddBatches() },
    { weight: 8, arbitrary: handshakes() },
    { weight: 6, arbitrary: refused() },
    { weight: 6, arbitrary: chunked() },
  );
  return fc.oneof(
    { weight: 900, arbitrary: one },
    { weight: 60, arbitrary: fc.array(one, { minLength: 2, maxLength: 6 }).map(pipeline) },
    { weight: 120, arbitrary: odd() },
    { weight: 20, arbitrary: broken() },
    { weight: 3, arbitrary: slow() },
    { weight: 2, arbitrary: large() },
  );
}

function framed(path: string, body: string | Uint8Array, type = json, method = 'POST'): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'host: fuzz',
    ...(type === '' ? [] : [`content-type: ${type}`]),
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
}

function kept(
  sort: string,
  bytes: Buffer,
  answers: readonly number[],
  more: Partial<Exchange> = {},
): Exchange {
  return { sort, pieces: [bytes], gapMs: 0, then: 'keep', requests: 1, answers, items: {}, ...more };
}

type Item = Record<string, unknown>;

function changeItem(target: Fuzzed, stream: StreamName, objectId: string): Item {
  const name = stream === 'users' ? 'Users' : 'Groups';
  return {
    changeType: 'updated',
    clientState: target.subscriptions[stream].clientState,
    resource: `${name}/${objectId}`,
    resourceData: { '@odata.id': `${name}/${objectId}`, id: objectId, organizationId: target.tenantId },
    subscriptionExpirationDateTime: '2026-12-02T11:00:00+00:00',
    subscriptionId: target.subscriptions[stream].id,
    tenantId: target.tenantId,
  };
}

const forgedId = fc
  .nat(0xffffff)
  .map((n) => `${forgedPrefix}0000-4000-8000-${n.toString(16).padStart(12, '0')}`);
const streams = fc.constantFrom<StreamName>('users', 'groups');

/** One thing about it is wrong, and everything else is as Graph would send it. */
function forged(target: Fuzzed): fc.Arbitrary<Exchange> {
  const faults: Readonly<Record<string, readonly [Verdict, (item: Item, text: string) => Item]>> = {
    secret: [
      'wrong-client-state',
      (item, text) => ({ ...item, clientState: `forged ${text}`.slice(0, 200) }),
    ],
    noSecret: ['wrong-client-state', (item) => ({ ...item, clientState: null })],
    half: [
      'wrong-client-state',
      (item) => ({ ...item, clientState: String(item['clientState']).slice(0, -1) }),
    ],
    subscription: [
      'unknown-subscription',
      (item, text) => ({ ...item, subscriptionId: `x${text}`.slice(0, 100) }),
    ],
    tenant: ['wrong-tenant', (item, text) => ({ ...item, tenantId: `x${text}`.slice(0, 100) })],
    resource: ['wrong-resource', (item, text) => ({ ...item, resource: `_${text}`.slice(0, 900) })],
    shape: ['malformed', (item) => ({ ...item, tenantId: 7 })],
  };
  const item = fc
    .tuple(fc.constantFrom(...Object.keys(faults)), streams, forgedId, anyText, fc.boolean())
    .map(([fault, stream, objectId, text, isLifecycle]) => {
      const [verdict, spoil] = faults[fault] ?? ['malformed', (same: Item) => same];
      const { resource, resourceData: _, changeType: __, ...rest } = changeItem(target, stream, objectId);
      const lifecycle = fault !== 'resource' && isLifecycle;
      const base = lifecycle ? { ...rest, lifecycleEvent: 'forged' } : changeItem(target, stream, objectId);
      void resource;
      return { verdict, item: spoil(base, text) };
    });
  return fc.tuple(routes, fc.array(item, { minLength: 1, maxLength: 5 })).map(([path, all]) => {
    const items: Partial<Record<Verdict, number>> = {};
    for (const { verdict } of all) items[verdict] = (items[verdict] ?? 0) + 1;
    const body = JSON.stringify({ value: all.map((each) => each.item) });
    return kept('forged', framed(path, body), [202], { items });
  });
}

function sound(target: Fuzzed): fc.Arbitrary<Exchange> {
  return fc.tuple(routes, streams, fc.constantFrom(...target.objects)).map(([path, stream, objectId]) =>
    kept('sound', framed(path, JSON.stringify({ value: [changeItem(target, stream, objectId)] })), [202], {
      items: { accepted: 1 },
    }),
  );
}

/** Everything but the secrets: what is left of a batch after blows and cuts. */
function oddBatches(): fc.Arbitrary<Exchange> {
  const samples = [
    {
      value: [
        { subscriptionId: 'x', tenantId: 'y', clientState: 'z', resource: 'users/1', changeType: 'updated' },
      ],
    },
    { value: [{ subscriptionId: 'x', tenantId: 'y', clientState: 'z', lifecycleEvent: 'missed' }, {}] },
    { value: [], validationTokens: ['a.b.c'] },
  ];
  const text = fc.oneof(
    { weight: 30, arbitrary: spoiled(samples).map((value) => JSON.stringify(value)) },
    { weight: 6, arbitrary: anyValue.map((value) => JSON.stringify(value)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(deepText, fc.constantFrom('$', '{"value":[$]}', '{"value":[{"a":$}]}'))
        .map(([deep, around]) => around.replace('$', () => deep)),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '{"value":[],"value":[{}]}',
        '{"value":[1e999,-0,9e99999]}',
        '{"__proto__":{"value":[]}}',
        `{"value":[${'{},'.repeat(3_000)}{}]}`,
        `{"value":[${'9'.repeat(5_000)}]}`,
      ),
    },
  );
  return fc
    .tuple(routes, mangled(text))
    .map(([path, body]) => kept('odd batch', framed(path, body), [202, 400]));
}

/** Tokens of every kind; each comes back decoded once. */
function handshakes(): fc.Arbitrary<Exchange> {
  const token = fc.oneof(
    anyText.map((text) => text.toWellFormed()),
    fc.constantFrom(
      'Validation: Testing client application reachability for subscription Request-Id: x',
      '\r\n\r\nHTTP/1.1 500',
      '\u0000\u0001\u007f',
      '+ +',
      '%2B',
      '<script>',
      '\u2028',
    ),
  );
  return fc.tuple(routes, token, fc.boolean()).map(([path, text, plus]) => {
    const encoded = encodeURIComponent(text);
    const query = plus ? encoded.replaceAll('%20', '+') : encoded;
    return kept('handshake', framed(`${path}?validationToken=${query}`, '', 'text/plain'), [200], {
      echo: text,
    });
  });
}

/** Right requests to the wrong place, or of the wrong kind. */
function refused(): fc.Arbitrary<Exchange> {
  const body = '{"value":[]}';
  return fc.oneof(
    fc
      .tuple(
        routes,
        fc.constantFrom(
          'text/plain',
          'application/jsonp',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
          '',
          '*/*',
        ),
      )
      .map(([path, type]) => kept('no JSON', framed(path, body, type), [415])),
    fc
      .tuple(
        routes,
        fc.constantFrom('GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'),
      )
      .map(([path, method]) => kept('wrong method', framed(path, body, json, method), [404])),
    fc
      .constantFrom(
        '/',
        '/graph',
        '/graph/notifications/',
        '/graph/Notifications',
        '//graph/notifications',
        '/api/status',
        '/metrics',
        '/readyz',
        '/.env',
        '/graph/notifications/../../api/runs',
        '/graph/notifications%00',
        '/graph/notifications;x',
      )
      .map((path) => kept('wrong place', framed(path, body), [404])),
    fc.constant(kept('probe', framed('/healthz', '', '', 'GET'), [200])),
  );
}

/** Without an announced length. */
function chunked(): fc.Arbitrary<Exchange> {
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
  return fc.tuple(routes, sizes, fc.boolean()).map(([path, lengths, isJson]) => {
    const body = isJson ? `{"value":[${lengths.join(',')}]}` : '{"value":[';
    const chunks: string[] = [];
    for (let at = 0, next = 0; at < body.length; next += 1) {
      const part = body.slice(at, at + (lengths[next % lengths.length] ?? 1));
      chunks.push(`${part.length.toString(16)}\r\n${part}\r\n`);
      at += part.length;
    }
    const head = `POST ${path} HTTP/1.1\r\nhost: fuzz\r\ncontent-type: ${json}\r\ntransfer-encoding: chunked\r\n\r\n`;
    return kept('chunked', Buffer.from(`${head}${chunks.join('')}0\r\n\r\n`), isJson ? [202] : [400]);
  });
}

function pipeline(all: readonly Exchange[]): Exchange {
  const items: Partial<Record<Verdict, number>> = {};
  for (const each of all)
    for (const [verdict, count] of Object.entries(each.items))
      items[verdict as Verdict] = (items[verdict as Verdict] ?? 0) + count;
  return {
    sort: 'pipeline',
    pieces: [Buffer.concat(all.flatMap(({ pieces }) => pieces))],
    gapMs: 0,
    then: 'keep',
    requests: all.length,
    answers: [...new Set(all.flatMap(({ answers }) => answers))],
    items,
  };
}

const odds = [200, 202, 400, 404, 408, 413, 415, 417, 431];

const oddHeaders = fc.constantFrom(
  ...['host: x', 'host: a@b', 'host: [', 'host:', 'host: x\r\nhost: y', 'content-type: application/json'],
  ...[
    'content-length: 5',
    'content-length: -1',
    'content-length: 99999999999999999999',
    'content-length: 4194305',
  ],
  ...[
    'content-length: 5\r\ncontent-length: 6',
    'content-length: 0x5',
    'content-length: 5, 5',
    'content-length:',
  ],
  ...['transfer-encoding: chunked', 'transfer-encoding: gzip', 'transfer-encoding: chunked, identity'],
  ...['transfer-encoding: chunked\r\ncontent-length: 5', 'expect: 100-continue', 'expect: tea', 'trailer: x'],
  ...[
    'upgrade: websocket',
    'connection: upgrade',
    'connection: close',
    'content-encoding: gzip',
    'te: trailers',
  ],
  ...[
    'x: \u0000',
    'x: \u007f',
    'x : y',
    ' x: y',
    'x',
    ': y',
    '__proto__: x',
    'constructor: x',
    'cookie: a=b; a=c',
  ],
);
const firstLines = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        routes,
        fc.constantFrom(
          '',
          '?validationToken=%',
          '?validationToken=%C3',
          '?x=%zz',
          '?validationToken',
          '?validationToken=a&validationToken=b',
          '#x',
        ),
      )
      .map(([path, query]) => `POST ${path}${query} HTTP/1.1`),
  },
  fc
    .tuple(
      fc.constantFrom('POST', 'GET', 'HEAD', 'CONNECT', 'TRACE', 'PRI', 'post', 'M-SEARCH', 'QUERY', ''),
      fc.oneof(
        fc.constantFrom(
          '*',
          '//',
          '/%',
          '/%00',
          '/..',
          '/\\',
          '/healthz?x=%ff',
          'http://[::1',
          'http://a b/',
          'http://x/healthz',
          'https://x/',
          '',
        ),
        fc.string({ unit: 'binary-ascii', maxLength: 60 }).map((text) => `/${text.replace(/[\r\n ]/g, '')}`),
      ),
      fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/9', 'ICY', ''),
    )
    .map((parts) => parts.join(' ')),
  anyUnits(60),
);
const endings = fc.constantFrom<Exchange['then']>('end', 'end', 'end', 'reset', 'leave');
const oddBodies = fc.oneof(
  fc.constantFrom(
    '',
    '{"value":[]}',
    'hello',
    '5\r\nhello\r\n0\r\n\r\n',
    '5\r\nhel',
    'zz\r\n',
    'fffffffffffffffff\r\n',
    '5;x=y\r\nhello\r\n0\r\nx: y\r\n\r\n',
    '-1\r\n',
    '0\r\n\r\nGET / HTTP/1.1\r\n\r\n',
  ),
  anyUnits(200),
);

/** Whatever a socket can carry. */
function odd(): fc.Arbitrary<Exchange> {
  const own = (sort: string, bytes: Buffer, then: Exchange['then']): Exchange => ({
    sort,
    pieces: [bytes],
    gapMs: 0,
    then,
    requests: 1,
    answers: odds,
    items: {},
  });
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(firstLines, fc.array(oddHeaders, { maxLength: 4 }), oddBodies, endings)
        .map(([first, headers, body, then]) =>
          own('odd head', Buffer.from([first, ...headers, '', body].join('\r\n')), then),
        ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.uint8Array({ maxLength: 300 }), endings)
        .map(([bytes, then]) => own('bytes', Buffer.from(bytes), then)),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(
          '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
          'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
          '\r\n\r\n\r\n',
          'SSH-2.0-x\r\n',
          '\u0005\u0001\u0000',
        )
        .map((text) => own('another protocol', Buffer.from(text, 'latin1'), 'end')),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(routes, fc.constantFrom([1, 40_000], [3_000, 4], [200, 200], [2_500, 1]), fc.boolean())
        .map(([path, [count = 1, length = 1], inPath]) => {
          const headers = inPath
            ? []
            : Array.from({ length: count }, (_, at) => `x${at}: ${'y'.repeat(length)}`);
          const first = `POST ${path}${inPath ? `?${'z'.repeat(count * length)}` : ''} HTTP/1.1`;
          return own(
            'too many headers',
            Buffer.from([first, 'host: x', ...headers, 'content-length: 0', '', ''].join('\r\n')),
            'end',
          );
        }),
    },
  );
}

/** Sound, but its sender leaves before the end. */
function broken(): fc.Arbitrary<Exchange> {
  return fc.tuple(oddBatches(), fc.nat(300), endings).map(([whole, at, then]) => {
    const bytes = Buffer.concat(whole.pieces);
    return {
      ...whole,
      sort: 'broken off',
      pieces: [bytes.subarray(0, at % bytes.length)],
      then,
      answers: odds,
    };
  });
}

/** Sound, but it comes in drops. */
function slow(): fc.Arbitrary<Exchange> {
  return fc
    .tuple(oddBatches(), fc.integer({ min: 2, max: 30 }), fc.integer({ min: 1, max: 20 }))
    .map(([whole, count, gapMs]) => {
      const bytes = Buffer.concat(whole.pieces);
      const size = Math.ceil(bytes.length / count);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      return { ...whole, sort: 'slow', pieces, gapMs, then: 'end' };
    });
}

/** Around and over what is read at one go, and what is read at all. */
function large(): fc.Arbitrary<Exchange> {
  const fill = (unit: string, length: number): string =>
    `{"value":[${Array<string>(Math.floor(length / (unit.length + 1)))
      .fill(unit)
      .join(',')}]}`;
  return fc
    .tuple(
      routes,
      fc.constantFrom(
        '{}',
        '1',
        '[[[[[[]]]]]]',
        '"x"',
        '{"subscriptionId":"a","tenantId":"b"}',
        '{"a":{"b":1}}',
      ),
      fc.oneof(
        { weight: 12, arbitrary: fc.integer({ min: 100_000, max: 400_000 }) },
        { weight: 1, arbitrary: fc.constantFrom(4_000_000, 4_200_000) },
      ),
    )
    .map(([path, unit, length]) => {
      const body = fill(unit, length);
      const answers = body.length > 4 * 1024 * 1024 ? [413] : [202];
      return { ...kept('large', framed(path, body), answers), then: 'end' };
    });
}
