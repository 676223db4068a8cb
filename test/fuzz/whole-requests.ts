// Owns generated requests that are sound HTTP: forged and genuine notifications, odd batches, handshakes, wrong places.
import fc from 'fast-check';
import type { StreamName, Verdict } from '../../src/state/inbox.ts';
import { anyText, anyValue, deepText, mangled, spoiled } from './arbitraries.ts';
import { forgedPrefix, framed, json, kept, routes, type Exchange, type Fuzzed } from './exchange.ts';

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
export function forged(target: Fuzzed): fc.Arbitrary<Exchange> {
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

export function sound(target: Fuzzed): fc.Arbitrary<Exchange> {
  return fc.tuple(routes, streams, fc.constantFrom(...target.objects)).map(([path, stream, objectId]) =>
    kept('sound', framed(path, JSON.stringify({ value: [changeItem(target, stream, objectId)] })), [202], {
      items: { accepted: 1 },
    }),
  );
}

/** Everything but the secrets: what is left of a batch after blows and cuts. */
export function oddBatches(): fc.Arbitrary<Exchange> {
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
export function handshakes(): fc.Arbitrary<Exchange> {
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
export function refused(): fc.Arbitrary<Exchange> {
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
export function chunked(): fc.Arbitrary<Exchange> {
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
