// Owns the proof of one request: token, links, throttling, connections, answers that are no use.
import { getEventListeners } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GraphFailure } from '../../src/graph/errors.ts';
import { makeBench, startWireServer, type Answer, type WireServer } from './wire-server.ts';

let server: WireServer;
beforeAll(async () => {
  server = await startWireServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.asked.length = 0;
});

/** Answers one after the other, the last one for ever. */
function answers(...list: Answer[]): void {
  let turn = 0;
  server.answer(() => list[Math.min(turn++, list.length - 1)] ?? {});
}

async function failureOf(promise: Promise<unknown>): Promise<GraphFailure> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(GraphFailure);
  return error as GraphFailure;
}

describe('a request', () => {
  it('carries token, a fresh id and a JSON body, below /v1.0', async () => {
    const { client, events } = makeBench(server.origin);
    answers({ status: 201, headers: { 'x-ms-resource-unit': 2 }, body: { id: 's1' } });
    const body = { resource: 'users', url: 'https://x/é' };
    const answer = await client.request({
      operation: 'subscriptions.create',
      method: 'POST',
      path: '/subscriptions',
      body,
    });
    await client.request({
      operation: 'again',
      path: '/users/1?$select=id,mail',
      headers: { 'x-ms-throttle-priority': 'low' },
    });
    expect(answer).toMatchObject({ status: 201, body: { id: 's1' } });
    const [first, second] = server.asked;
    expect(first).toMatchObject({ method: 'POST', url: '/v1.0/subscriptions', body: JSON.stringify(body) });
    expect(first?.headers).toMatchObject({
      authorization: 'Bearer token-1',
      'client-request-id': 'request-1',
      'content-type': 'application/json',
    });
    expect(second).toMatchObject({ method: 'GET', url: '/v1.0/users/1?$select=id,mail', body: '' });
    expect(second?.headers).toMatchObject({
      'client-request-id': 'request-2',
      'x-ms-throttle-priority': 'low',
    });
    expect(events[0]).toEqual({
      operation: 'subscriptions.create',
      status: 201,
      durationMs: 0,
      resourceUnits: 2,
    });
    expect(first?.connection).toBe(second?.connection);
  });

  it.each(['PATCH', 'DELETE'] as const)('can be a %s', async (method) => {
    const { client } = makeBench(server.origin);
    answers({ raw: (response) => response.writeHead(204).end() });
    const body = method === 'PATCH' ? { body: { a: 1 } } : {};
    const answer = await client.request({ operation: 'x', method, path: '/subscriptions/1', ...body });
    expect(answer).toMatchObject({ status: 204, body: undefined });
    expect(server.asked[0]).toMatchObject({ method, body: method === 'PATCH' ? '{"a":1}' : '' });
  });

  it('understands packed answers', async () => {
    const { client } = makeBench(server.origin);
    answers({
      raw: (response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"value":"é"}')),
    });
    expect((await client.request({ operation: 'x', path: '/users' })).body).toEqual({ value: 'é' });
  });
});

describe('a link', () => {
  it('is followed to the letter', async () => {
    const { client } = makeBench(server.origin);
    answers({ body: {} });
    const link = '/v1.0/users/delta?$skiptoken=a%2Bb+c&$select=mail&$top=1&x=1&x=2&$select=id&flag';
    await client.request({ operation: 'users.delta', link: server.origin + link });
    expect(server.asked[0]?.url).toBe(link);
  });

  it.each([
    ['another host', () => 'https://graph.microsoft.com/v1.0/users/delta?$deltatoken=secret'],
    ['another port', () => 'https://127.0.0.1:1/v1.0/users/delta?$deltatoken=secret'],
    ['plain http', () => server.origin.replace('https', 'http') + '/?$deltatoken=secret'],
    ['a name before the host', () => server.origin.replace('://', '://graph.microsoft.com@') + '/?secret'],
    ['no address', () => 'secret'],
  ])('with %s is refused unsent, and not repeated [trouble 13.17]', async (_name, link) => {
    const { client } = makeBench(server.origin);
    const failure = await failureOf(client.request({ operation: 'users.delta', link: link() }));
    expect(failure).toMatchObject({ kind: 'permanent', code: 'foreign-link' });
    expect(failure.message + JSON.stringify(failure)).not.toContain('secret');
    expect(server.asked).toHaveLength(0);
  });

  it('is not followed when it is a redirect', async () => {
    const { client } = makeBench(server.origin);
    answers({ status: 302, headers: { location: `${server.origin}/elsewhere` } });
    expect((await failureOf(client.request({ operation: 'x', path: '/users' }))).kind).toBe('permanent');
    expect(server.asked).toHaveLength(1);
  });

  it('in a 410 is given on', async () => {
    const { client } = makeBench(server.origin);
    const location = `${server.origin}/v1.0/users/delta?$deltatoken=`;
    answers({ status: 410, headers: { location }, body: { error: { code: 'SyncStateNotFound' } } });
    const failure = await failureOf(
      client.request({ operation: 'users.delta', link: `${server.origin}/v1.0/x` }),
    );
    expect(failure).toMatchObject({ kind: 'gone', location });
  });
});

describe('a refused token', () => {
  it('is replaced once, and the request repeated', async () => {
    const { client, tokens } = makeBench(server.origin);
    answers({ status: 401 }, { body: { ok: true } });
    const answer = await client.request({
      operation: 'x',
      method: 'POST',
      path: '/$batch',
      body: { requests: [] },
    });
    expect(answer.body).toEqual({ ok: true });
    expect(server.asked.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ]);
    expect(server.asked.map(({ body }) => body)).toEqual(['{"requests":[]}', '{"requests":[]}']);
    expect(tokens.fresh()).toBe(1);
  });

  it('that is refused again is a failure', async () => {
    const { client } = makeBench(server.origin);
    answers({ status: 401, body: { error: { code: 'InvalidAuthenticationToken' } } });
    const failure = await failureOf(client.request({ operation: 'x', path: '/users' }));
    expect(failure).toMatchObject({ kind: 'auth', status: 401, code: 'InvalidAuthenticationToken' });
    expect(server.asked).toHaveLength(2);
  });

  it('is replaced for a missing permission too, but once a minute at most', async () => {
    const { client, clock, tokens } = makeBench(server.origin);
    answers({ status: 403 });
    for (const waitMs of [0, 59_999, 1]) {
      clock.move(waitMs);
      expect((await failureOf(client.request({ operation: 'x', path: '/users' }))).kind).toBe('auth');
    }
    expect(server.asked).toHaveLength(5);
    expect(tokens.fresh()).toBe(2);
  });
});

describe('throttling', () => {
  it('closes the gate for as long as asked, for every later request [pitfall 6]', async () => {
    const { client, gate, clock, events } = makeBench(server.origin);
    answers({ status: 429, headers: { 'retry-after': 30 } }, { body: {} });
    const failure = await failureOf(client.request({ operation: 'x', path: '/users' }));
    expect(failure).toMatchObject({ kind: 'throttled', retryAfterMs: 30_000 });
    expect(gate.until()).toBe(1_030_000);
    expect(await failureOf(client.request({ operation: 'y', path: '/groups' }))).toMatchObject({
      kind: 'throttled',
    });
    expect(server.asked).toHaveLength(1);
    expect(events).toEqual([{ operation: 'x', status: 429, durationMs: 0, throttledMs: 30_000 }]);
    clock.move(30_000);
    await client.request({ operation: 'y', path: '/groups' });
  });

  it('without Retry-After waits longer each time, until something succeeds [trouble 13.12]', async () => {
    const { client, clock } = makeBench(server.origin);
    answers({ status: 429 });
    const waits: (number | undefined)[] = [];
    const fail = async () => {
      const { retryAfterMs } = await failureOf(client.request({ operation: 'x', path: '/users' }));
      waits.push(retryAfterMs);
      clock.move(retryAfterMs ?? 0);
    };
    for (let times = 0; times < 8; times += 1) await fail();
    expect(waits).toEqual([1500, 3000, 6000, 12_000, 24_000, 48_000, 90_000, 90_000]);
    answers({ body: {} }, { status: 429 });
    await client.request({ operation: 'x', path: '/users' });
    await fail();
    expect(waits.at(-1)).toBe(1500);
  });

  it('of 503 with Retry-After closes the gate; without, it does not', async () => {
    const { client, gate } = makeBench(server.origin);
    answers({ status: 503 });
    expect((await failureOf(client.request({ operation: 'x', path: '/users' }))).kind).toBe('transient');
    expect(gate.until()).toBe(0);
    answers({ status: 503, headers: { 'retry-after': 5 } });
    const failure = await failureOf(client.request({ operation: 'x', path: '/users' }));
    expect(failure).toMatchObject({ kind: 'transient', retryAfterMs: 5000 });
    expect(gate.until()).toBe(1_005_000);
  });

  it.each([
    ['0.79', 0],
    ['0.8', 200],
    ['1.0', 600],
    ['9', 2000],
    ['nonsense', 0],
  ])('is slowed down for before it begins: at %s by %i ms', async (used, pauseMs) => {
    const { client, gate, clock } = makeBench(server.origin);
    answers({ headers: { 'x-ms-throttle-limit-percentage': used }, body: {} });
    await client.request({ operation: 'x', path: '/users' });
    expect(Math.max(0, gate.until() - clock.now())).toBe(pauseMs);
  });
});

describe('a connection', () => {
  it('is left behind after a 503 [trouble 13.12]', async () => {
    const { client } = makeBench(server.origin);
    answers({ body: {} }, { status: 503 }, { body: {} }, { body: {} });
    await client.request({ operation: 'x', path: '/users' });
    await failureOf(client.request({ operation: 'x', path: '/users' }));
    await client.request({ operation: 'x', path: '/users' });
    await client.request({ operation: 'x', path: '/users' });
    const [first, second, third, fourth] = server.asked.map(({ connection }) => connection);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(fourth).toBe(third);
  });

  it('that was closed while kept is replaced without a word, for reads', async () => {
    const { client } = makeBench(server.origin);
    let turn = 0;
    server.answer(() => {
      turn += 1;
      return turn === 2 ? { raw: (_response, request) => request.socket.destroy() } : { body: { turn } };
    });
    await client.request({ operation: 'x', path: '/users' });
    expect((await client.request({ operation: 'x', path: '/users' })).body).toEqual({ turn: 3 });
  });

  it('that was closed while kept fails what must not be sent twice', async () => {
    const { client } = makeBench(server.origin);
    let turn = 0;
    server.answer(() => {
      turn += 1;
      return turn === 2 ? { raw: (_response, request) => request.socket.destroy() } : { body: { turn } };
    });
    await client.request({ operation: 'x', path: '/users' });
    const failure = await failureOf(
      client.request({ operation: 'x', method: 'POST', path: '/subscriptions', body: {} }),
    );
    expect(failure).toMatchObject({ kind: 'transient', code: 'ECONNRESET' });
    expect(turn).toBe(2);
  });

  it('that is refused is a passing failure', async () => {
    const { client, events } = makeBench('https://127.0.0.1:1');
    const failure = await failureOf(client.request({ operation: 'x', path: '/users' }));
    expect(failure).toMatchObject({ kind: 'transient', code: 'ECONNREFUSED' });
    expect(events).toMatchObject([{ operation: 'x', status: 'error' }]);
  });
});

describe('an answer that is no use', () => {
  const truncated: Answer = {
    raw: (response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"value":[');
      setImmediate(() => response.destroy());
    },
  };
  it.each<[string, Answer]>([
    ['is cut off', truncated],
    ['ends in the middle of the JSON', { body: '{"value":[{"id":' }],
    ['is no JSON', { body: '<html>sign in to the proxy</html>' }],
    [
      'is packed badly',
      { raw: (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('nonsense') },
    ],
    [
      'is packed unknowably',
      { raw: (response) => response.writeHead(200, { 'content-encoding': 'zz' }).end('{}') },
    ],
  ])('because it %s is a passing failure', async (_name, answer) => {
    const { client } = makeBench(server.origin);
    answers(answer);
    expect((await failureOf(client.request({ operation: 'x', path: '/users' }))).kind).toBe('transient');
  });

  it('because it does not come in time is a passing failure', async () => {
    const { client } = makeBench(server.origin);
    for (const raw of [
      () => undefined,
      (response: { writeHead(status: number): { write(text: string): void } }) =>
        response.writeHead(200).write('{'),
    ]) {
      answers({ raw });
      const failure = await failureOf(client.request({ operation: 'x', path: '/users', timeoutMs: 50 }));
      expect(failure).toMatchObject({ kind: 'transient', code: 'TimeoutError' });
    }
  });

  it('because we stopped is a halt', async () => {
    const { client } = makeBench(server.origin);
    const stop = new AbortController();
    answers({
      raw: () => {
        stop.abort(new Error('shutdown'));
      },
    });
    expect(
      (await failureOf(client.request({ operation: 'x', path: '/users', signal: stop.signal }))).kind,
    ).toBe('halted');
    expect(
      (await failureOf(client.request({ operation: 'x', path: '/users', signal: stop.signal }))).kind,
    ).toBe('halted');
    expect(server.asked).toHaveLength(1);
  });
});

it("nothing is left behind at the caller's signal", async () => {
  const { client } = makeBench(server.origin);
  const stop = new AbortController();
  answers({ body: {} }, { status: 500 }, { body: {} });
  await client.request({ operation: 'x', path: '/users', signal: stop.signal });
  await failureOf(client.request({ operation: 'x', path: '/users', signal: stop.signal }));
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
});

it('a failed sign-in is the failure of the request, and nothing is sent', async () => {
  const { client, tokens, events } = makeBench(server.origin);
  const failure = new GraphFailure({ kind: 'auth', operation: 'sign-in', what: 'w', advice: 'a' });
  tokens.token = () => Promise.reject(failure);
  expect(await failureOf(client.request({ operation: 'x', path: '/users' }))).toBe(failure);
  expect(server.asked).toHaveLength(0);
  expect(events).toHaveLength(0);
});
