// Owns the proof of lookups through batches.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lookUpDeletedUsers, lookUpGroups, lookUpUsers } from '../../src/graph/lookups.ts';
import {
  makeBench,
  startWireServer,
  type Answer,
  type Asked,
  type Bench,
  type WireServer,
} from './wire-server.ts';

let server: WireServer;
let bench: Bench;
beforeAll(async () => {
  server = await startWireServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.asked.length = 0;
  bench = makeBench(server.origin);
});

interface Wanted {
  readonly id: string;
  readonly method: string;
  readonly url: string;
}
const id = (number: number) => `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`;
const idsUpTo = (count: number) => Array.from({ length: count }, (_, number) => id(number));
const wantedIn = (asked: Asked) => (JSON.parse(asked.body) as { requests: Wanted[] }).requests;
const idIn = ({ url }: Wanted) => url.split('?')[0]?.split('/').at(-1) ?? '';

/** Answers each item by itself, in reverse order. */
function answerItems(give: (wanted: Wanted) => object | undefined): void {
  server.answer((asked): Answer => {
    const items = wantedIn(asked).map((wanted) => {
      const answer = give(wanted);
      return answer === undefined ? [] : [{ id: wanted.id, ...answer }];
    });
    return { body: { responses: items.flat().reverse() } };
  });
}

const found = (wanted: Wanted) => ({
  status: 200,
  headers: {},
  body: { id: idIn(wanted).toUpperCase(), mail: idIn(wanted) },
});
const lookUp = (ids: string[], signal?: AbortSignal) =>
  lookUpUsers({ client: bench.client, ids, select: ['mail', 'id'], beginRead: () => 7, signal });

describe('looking up users', () => {
  it('asks for twenty at a time and puts shuffled answers in their places [trouble 13.16]', async () => {
    answerItems(found);
    const ids = idsUpTo(45);
    const { read, results } = await lookUp([...ids, id(3).toUpperCase()]);
    expect(read).toBe(7);
    expect([...results.keys()].sort()).toEqual(ids);
    for (const [key, result] of results) {
      expect(result).toEqual({ kind: 'found', object: { id: key, properties: { mail: key } } });
    }
    expect(server.asked.map((asked) => wantedIn(asked).length).sort()).toEqual([20, 20, 5]);
    expect(wantedIn(server.asked[0] as Asked)[0]).toMatchObject({
      id: '1',
      method: 'GET',
      url: `/users/${id(0)}?$select=id,mail`,
    });
  });

  it('of nobody asks nothing', async () => {
    expect((await lookUp([])).results.size).toBe(0);
    expect(server.asked).toHaveLength(0);
  });

  it('honours the status of each item', async () => {
    const statuses = [200, 404, 403, 500, 410];
    answerItems((wanted) => {
      const status = statuses[Number(wanted.id) - 1] ?? 0;
      return status === 200 ? found(wanted) : { status, body: { error: { code: `code-${status}` } } };
    });
    const { results } = await lookUp(idsUpTo(5));
    expect(
      [...results.values()].map((result) => (result.kind === 'failed' ? result.failure.kind : result.kind)),
    ).toEqual(['found', 'not-found', 'auth', 'transient', 'gone']);
  });

  it('waits for the longest time that a throttled item asks for, and keeps the others [pitfall 6] [trouble 13.16]', async () => {
    answerItems((wanted) => {
      if (wanted.id === '2') return { status: 429, headers: { 'Retry-After': '3' } };
      if (wanted.id === '3') return { status: 429, headers: { 'retry-after': 11 } };
      if (wanted.id === '4') return { status: 429 };
      return found(wanted);
    });
    const { results } = await lookUp(idsUpTo(20));
    expect(bench.gate.until()).toBe(1_011_000);
    for (const number of [1, 2, 3]) {
      expect(results.get(id(number))).toMatchObject({
        kind: 'failed',
        failure: { kind: 'throttled', retryAfterMs: 11_000 },
      });
    }
    expect([...results.values()].filter(({ kind }) => kind === 'found')).toHaveLength(17);
  });

  it('backs off where no throttled item says for how long', async () => {
    answerItems(() => ({ status: 429 }));
    const { results } = await lookUp([id(1)]);
    expect(results.get(id(1))).toMatchObject({ failure: { kind: 'throttled', retryAfterMs: 1500 } });
    expect(bench.gate.until()).toBe(1_001_500);
  });

  it('backs off further each time, whatever the outer answer says', async () => {
    answerItems(() => ({ status: 429 }));
    const waits: number[] = [];
    for (let time = 0; time < 4; time += 1) {
      await lookUp([id(1)]);
      waits.push(bench.gate.until() - bench.clock.now());
      bench.clock.move(waits.at(-1) ?? 0);
    }
    expect(waits).toEqual([1_500, 3_000, 6_000, 12_000]);
    answerItems(found);
    await lookUp([id(1)]);
    answerItems(() => ({ status: 429 }));
    await lookUp([id(1)]);
    expect(bench.gate.until() - bench.clock.now()).toBe(1_500);
  });

  it('takes a missing, malformed or foreign answer for a failure that passes', async () => {
    answerItems((wanted) => {
      if (wanted.id === '1') return undefined;
      if (wanted.id === '2') return { status: 'fine', body: {} };
      if (wanted.id === '3') return { status: 200, body: { id: id(99) } };
      if (wanted.id === '4') return { status: 200, body: null };
      return found(wanted);
    });
    const { results } = await lookUp(idsUpTo(5));
    for (const number of [0, 1, 2, 3]) {
      expect(results.get(id(number))).toMatchObject({ kind: 'failed', failure: { kind: 'transient' } });
    }
    expect(results.get(id(4))?.kind).toBe('found');
  });

  it('takes no page for a user, and leaves a link inside an item alone [trouble 13.16]', async () => {
    const nextLink = { '@odata.nextLink': `${server.origin}/v1.0/users?$skiptoken=secret` };
    answerItems((wanted) =>
      wanted.id === '1'
        ? { status: 200, body: { value: [found(wanted).body], ...nextLink } }
        : { ...found(wanted), body: { ...found(wanted).body, ...nextLink } },
    );
    const { results } = await lookUp(idsUpTo(2));
    expect(results.get(id(0))).toMatchObject({ kind: 'failed', failure: { kind: 'transient' } });
    expect(results.get(id(1))).toEqual({
      kind: 'found',
      object: { id: id(1), properties: { mail: id(1) } },
    });
    expect(server.asked).toHaveLength(1);
  });

  it('takes the first of two answers to one item', async () => {
    server.answer((asked) => {
      const [wanted] = wantedIn(asked) as [Wanted];
      return {
        body: {
          responses: [
            { id: 1, ...found(wanted) },
            { id: '1', status: 404 },
            { id: '77', status: 200 },
          ],
        },
      };
    });
    expect((await lookUp([id(5)])).results.get(id(5))?.kind).toBe('found');
  });

  it('fails for a while for all of a batch that is no batch, and goes on with the next', async () => {
    server.answer((asked) => {
      const wanted = wantedIn(asked);
      return wanted.length === 20
        ? { body: { value: [] } }
        : { body: { responses: wanted.map((one) => ({ id: one.id, ...found(one) })) } };
    });
    const { results } = await lookUp(idsUpTo(22));
    const kinds = [...results.values()].map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'failed')).toHaveLength(20);
    expect(kinds.filter((kind) => kind === 'found')).toHaveLength(2);
  });

  it('sends no more batches once one is throttled as a whole', async () => {
    server.answer(() => ({ status: 429, headers: { 'retry-after': 60 } }));
    const { results } = await lookUp(idsUpTo(200));
    expect(server.asked.length).toBeLessThanOrEqual(3);
    expect(results.size).toBe(200);
    for (const result of results.values()) expect(result).toMatchObject({ failure: { kind: 'throttled' } });
  });

  it('is halted as a whole', async () => {
    const stop = new AbortController();
    server.answer(() => ({ raw: () => stop.abort() }));
    await expect(lookUp(idsUpTo(3), stop.signal)).rejects.toMatchObject({ kind: 'halted' });
  });
});

it('groups are looked up without their members', async () => {
  answerItems(found);
  const options = { client: bench.client, ids: [id(1)], beginRead: () => 1, select: ['displayName'] };
  expect((await lookUpGroups(options)).results.get(id(1))?.kind).toBe('found');
  expect(wantedIn(server.asked[0] as Asked)[0]?.url).toBe(`/groups/${id(1)}?$select=id,displayName`);
});

it('deleted users are looked up among the deleted items', async () => {
  answerItems((wanted) => (wanted.id === '1' ? found(wanted) : { status: 404 }));
  const { results } = await lookUpDeletedUsers({
    client: bench.client,
    ids: [id(1), id(2)],
    beginRead: () => 1,
  });
  expect([...results.values()].map(({ kind }) => kind)).toEqual(['found', 'not-found']);
  expect(wantedIn(server.asked[0] as Asked)[0]?.url).toBe(`/directory/deletedItems/${id(1)}`);
});
