import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listen, makePublicDoor, post, routes, send, stored } from './public-door.ts';

/** As it stands in the address, and as it must come back. */
const vectors: readonly (readonly [string, string])[] = [
  [
    'Validation%3A+Testing+client+application+reachability+for+subscription+Request-Id%3A+25460cb3',
    'Validation: Testing client application reachability for subscription Request-Id: 25460cb3',
  ],
  ['a%3Ab%2Bc%20d+e', 'a:b+c d e'],
  ['%253A', '%3A'],
  ['%3Cscript%3Ealert(1)%3C%2Fscript%3E', '<script>alert(1)</script>'],
  ['%C3%A4%E2%82%AC%F0%9F%98%80', 'ä€😀'],
  ['%22quoted%22%26more%3D1', '"quoted"&more=1'],
  ['plain', 'plain'],
  ['', ''],
];

describe('the handshake', () => {
  it.each(vectors)(
    'gives back %s decoded once, as plain text, on both routes [trouble 13.1]',
    async (encoded, decoded) => {
      const { app, rooms } = makePublicDoor();
      const port = await listen(app);
      for (const route of routes) {
        const path = `${route}?validationToken=${encoded}`;
        const answer = await send(port, {
          path,
          headers: { 'content-type': 'text/plain; charset=utf-8', 'content-length': 0 },
        });
        expect([answer.status, answer.body]).toEqual([200, decoded]);
        expect(answer.headers['content-type']).toMatch(/^text\/plain(;|$)/);
        const direct = await app.request(path, { method: 'POST' });
        expect([direct.status, await direct.text()]).toEqual([200, decoded]);
      }
      expect(stored(rooms)).toEqual([]);
    },
  );

  it('cannot be taken for a page by a browser [trouble 13.1]', async () => {
    const { app } = makePublicDoor();
    const answer = await app.request(`${routes[0]}?validationToken=%3Cscript%3E`, { method: 'POST' });
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it.each([
    'validationToken=T&x=1',
    'x=1&validationToken=T',
    'a=%26validationToken%3Dno&validationToken=T&validationToken=second',
  ])('finds the token among other parameters: %s', async (query) => {
    const { app } = makePublicDoor();
    expect(await (await app.request(`${routes[1]}?${query}`, { method: 'POST' })).text()).toBe('T');
  });

  it.each([null, 'text/plain', 'application/json', 'application/x-www-form-urlencoded', 'nonsense'])(
    'does not look at the content type (%s) or at the body [trouble 13.1]',
    async (type) => {
      const { app, rooms, commits } = makePublicDoor();
      for (const body of ['', 'not { json', '{"value":[{}]}']) {
        const answer = await post(app, body, { path: `${routes[0]}?validationToken=T`, type });
        expect([answer.status, await answer.text()]).toEqual([200, 'T']);
      }
      expect([stored(rooms), commits]).toEqual([[], []]);
    },
  );

  it('is answered at once while a body of any size is still to come', async () => {
    const { app } = makePublicDoor();
    const port = await listen(app);
    const path = `${routes[0]}?validationToken=T`;
    const body = 'x'.repeat(5 * 1024 * 1024);
    expect(await send(port, { path, body })).toMatchObject({ status: 200, body: 'T' });
  });

  it('is for POST on these routes only', async () => {
    const { app } = makePublicDoor();
    for (const [method, path] of [
      ['GET', routes[0]],
      ['PUT', routes[0]],
      ['POST', '/graph'],
      ['POST', '/'],
    ] as const) {
      expect((await app.request(`${path}?validationToken=T`, { method })).status).toBe(404);
    }
  });

  it('gives back whatever text is asked for', async () => {
    const { app } = makePublicDoor();
    const port = await listen(app);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), async (token) => {
        const answer = await send(port, {
          path: `${routes[0]}?validationToken=${encodeURIComponent(token)}`,
          body: '',
        });
        expect([answer.status, answer.body]).toEqual([200, token]);
      }),
      { numRuns: 60 },
    );
  });
});

it('GET /healthz answers 200, everything else 404 without a word', async () => {
  const { app } = makePublicDoor();
  const port = await listen(app);
  expect((await send(port, { method: 'GET', path: '/healthz', headers: {} })).status).toBe(200);
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', routes[0]],
    ['DELETE', routes[1]],
    ['POST', '/healthz'],
    ['POST', `${routes[0]}/more`],
    ['GET', '/api/status'],
    ['GET', '/metrics'],
    ['GET', '/graph/../healthz/..'],
  ] as const) {
    expect(await send(port, { method, path, headers: {} })).toMatchObject({ status: 404, body: '' });
  }
});
