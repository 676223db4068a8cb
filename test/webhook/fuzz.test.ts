import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { id } from '../helpers/state.ts';
import {
  everythingElse,
  groupItem,
  lifecycleItem,
  listen,
  makePublicDoor,
  post,
  routes,
  secretOf,
  send,
  stored,
  subscriptionOf,
  tenantId,
  userItem,
} from './public-door.ts';

const anyJson = fc.jsonValue({ maxDepth: 4 });

/** Values that come near to what is expected, and miss it in all sorts of ways. */
const near = fc.oneof(
  anyJson,
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(subscriptionOf.users, subscriptionOf.groups, tenantId, secretOf.users, secretOf.groups),
  fc.constantFrom(
    `Users/${id(1)}`,
    'users',
    '/',
    '',
    "groups('",
    `Groups/${id(2)}/members`,
    '__proto__',
    '\u0000',
    '\ud800',
  ),
  fc.constantFrom('missed', 'updated', 'reauthorizationRequired'),
);
const names = [
  'subscriptionId',
  'tenantId',
  'clientState',
  'changeType',
  'lifecycleEvent',
  'resource',
  'resourceData',
  'id',
  '__proto__',
  'value',
];
const anyItem = fc.oneof(
  anyJson,
  fc.dictionary(fc.constantFrom(...names), near),
  fc
    .tuple(
      fc.constantFrom(userItem(1), groupItem(2), lifecycleItem('missed')),
      fc.dictionary(fc.constantFrom(...names), near, { maxKeys: 2 }),
    )
    .map(([item, changes]) => ({ ...item, ...changes })),
);
const anyBody = fc.oneof(
  fc.array(anyItem, { maxLength: 6 }).map((value) => JSON.stringify({ value })),
  anyJson.map((value) => JSON.stringify(value)),
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.array(anyItem, { maxLength: 3 }).chain((value) => {
    const text = JSON.stringify({ value });
    return fc.nat(text.length).map((at) => text.slice(0, at));
  }),
);
const headerText = fc.string({
  unit: fc.constantFrom(...'abcXYZ019 ;=,/"()<>@:\\?{}[]~!#$%&\'*+-.^_`|\t'),
  maxLength: 60,
});

const methods = [
  'POST',
  'GET',
  'PUT',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PRI',
  'post',
  'M-SEARCH',
  'QUERY',
];
const oddPaths = [
  '*',
  '//',
  '/%',
  '/%00',
  '/..',
  '/healthz?x=%ff',
  'http://[::1',
  'http://a b/',
  'http://x/healthz',
];
const oddPath = fc
  .string({ unit: 'binary-ascii', maxLength: 60 })
  .map((text) => `/${text.replace(/[\r\n ]/g, '')}`);

describe('whatever is sent', () => {
  it('is answered without an error of ours and changes nothing but the inbox', async () => {
    const { app, rooms, log } = makePublicDoor();
    const before = everythingElse(rooms);
    await fc.assert(
      fc.asyncProperty(
        anyBody,
        fc.constantFrom(...routes),
        fc.option(headerText, { nil: 'application/json' }),
        async (body, path, type) => {
          const answer = await post(app, body, { path, type: type.trim() });
          expect([202, 400, 413, 415]).toContain(answer.status);
          expect(await answer.text()).toBe('');
        },
      ),
      { numRuns: 1_500 },
    );
    expect(everythingElse(rooms)).toBe(before);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    for (const row of stored(rooms)) {
      if (row.verdict !== 'accepted') expect([row.resource, row.objectId]).toEqual([null, null]);
      else expect(['users', 'groups']).toContain(row.resource);
      expect(row.objectId ?? id(0)).toMatch(/^[0-9a-f-]{36}$/);
    }
    // Folding it is harmless too.
    expect(() => rooms.inbox.fold(2_000)).not.toThrow();
  });

  it('an item is accepted only with the client state of its subscription', async () => {
    const { app, rooms } = makePublicDoor();
    const wrong = fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => text !== secretOf.users);
    await fc.assert(
      fc.asyncProperty(fc.oneof(wrong, anyJson), async (clientState) => {
        fc.pre(clientState !== secretOf.users);
        await post(app, { value: [userItem(1, { clientState }), lifecycleItem('missed', { clientState })] });
      }),
      { numRuns: 300 },
    );
    expect(stored(rooms).filter(({ verdict }) => verdict === 'accepted')).toEqual([]);
  });

  it('over a socket, with any method, path, header and body, the door answers or hangs up, and goes on', async () => {
    const { app, rooms, log } = makePublicDoor();
    const port = await listen(app);
    const before = everythingElse(rooms);
    const line = fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .constantFrom(
            ...routes,
            `${routes[0]}?validationToken=%`,
            `${routes[1]}?validationToken=%C3`,
            `${routes[0]}?x=%zz`,
          )
          .map((path) => `POST ${path} HTTP/1.1`),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fc.constantFrom(...methods), fc.oneof(fc.constantFrom(...oddPaths), oddPath))
          .map(([method, path]) => `${method} ${path} HTTP/1.1`),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
    );
    const header = fc.oneof(
      fc.constantFrom(
        'host: x',
        'host: a@b',
        'host: [',
        'content-type: application/json',
        'content-length: 5',
        'content-length: -1',
        'content-length: 99999999999999999999',
        'transfer-encoding: chunked',
        'transfer-encoding: gzip',
        'expect: 100-continue',
        'upgrade: websocket',
        'connection: upgrade',
        'connection: close',
        'content-encoding: gzip',
      ),
      fc.tuple(fc.string({ maxLength: 20 }), headerText).map(([name, value]) => `${name}: ${value}`),
    );
    const answers = new Map<string, number>();
    await fc.assert(
      // Half of them are framed as they should be, so that they get past the parser of HTTP.
      fc.asyncProperty(
        fc.boolean(),
        line,
        fc.array(header, { maxLength: 4 }),
        anyBody,
        async (framed, first, headers, body) => {
          const frame = framed
            ? [
                'host: x',
                'content-type: application/json',
                `content-length: ${Buffer.byteLength(body)}`,
                'connection: close',
              ]
            : headers;
          const text = await new Promise<string>((resolve) => {
            const socket = connect(port, '127.0.0.1', () => {
              socket.write([first, ...frame, '', ''].join('\r\n'));
              socket.end(body);
            });
            let received = '';
            socket.on('data', (part: Buffer) => (received += part.toString('latin1')));
            socket.once('error', () => undefined);
            socket.once('close', () => resolve(received));
          });
          const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'none';
          answers.set(status, (answers.get(status) ?? 0) + 1);
          expect(status).not.toMatch(/^5/);
        },
      ),
      { numRuns: 500 },
    );
    expect(everythingElse(rooms)).toBe(before);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    expect([...answers.keys()]).toEqual(expect.arrayContaining(['200', '202', '400', '404']));
    expect((await send(port, { body: JSON.stringify({ value: [userItem(1)] }) })).status).toBe(202);
  });
});
