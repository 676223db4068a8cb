// Owns the proof of delta rounds and of reading what they hold.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GraphClient, GraphRequest } from '../../src/graph/client.ts';
import { readObject } from '../../src/graph/delta-object.ts';
import { readDelta, readPage, type DeltaOptions, type DeltaPage } from '../../src/graph/delta.ts';
import { GraphFailure, unreadable } from '../../src/graph/errors.ts';
import { isUnreadable } from '../../src/graph/unreadable.ts';

const id = (number: number) => `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`;
const host = 'https://graph.microsoft.com/v1.0';

interface Bench {
  readonly asked: GraphRequest[];
  readonly options: DeltaOptions;
  reads: number;
}

/** A client that answers with these pages; an error among them is thrown. */
function benchOf(pages: readonly unknown[], more: Partial<DeltaOptions> = {}): Bench {
  const asked: GraphRequest[] = [];
  const client: GraphClient = {
    request: (request) => {
      const page = pages[asked.length];
      asked.push(request);
      if (page instanceof Error) return Promise.reject(page);
      return Promise.resolve({ status: 200, headers: new Headers(), body: page });
    },
    throttled: () => 0,
    flowing: () => undefined,
    close: () => undefined,
  };
  const bench: Bench = {
    asked,
    reads: 0,
    options: { client, stream: 'users', select: ['mail'], beginRead: () => (bench.reads += 1), ...more },
  };
  return bench;
}

const next = (number: number, value: unknown[] = []) => ({
  value,
  '@odata.nextLink': `${host}/next${number}`,
});
const last = (value: unknown[] = []) => ({ value, '@odata.deltaLink': `${host}/delta` });

async function collect(bench: Bench): Promise<DeltaPage[]> {
  const pages: DeltaPage[] = [];
  for await (const page of readDelta(bench.options)) pages.push(page);
  return pages;
}

describe('a delta round', () => {
  it('begins with the selection, follows every link to the letter and ends with the delta link [trouble 13.11]', async () => {
    const bench = benchOf([next(1, [{ id: id(1) }]), next(2), last([{ id: id(2) }])], {
      select: ['mail', 'id', 'mail', 'onPremisesExtensionAttributes'],
      priority: 'low',
    });
    const pages = await collect(bench);
    expect(bench.asked.map(({ path, link }) => path ?? link)).toEqual([
      '/users/delta?$select=id,mail,onPremisesExtensionAttributes',
      `${host}/next1`,
      `${host}/next2`,
    ]);
    expect(bench.asked.every(({ headers }) => headers?.['x-ms-throttle-priority'] === 'low')).toBe(true);
    expect(pages.map(({ read, objects }) => [read, objects.length])).toEqual([
      [1, 1],
      [2, 0],
      [3, 1],
    ]);
    expect(pages.map(({ nextLink, deltaLink }) => nextLink ?? deltaLink)).toEqual([
      `${host}/next1`,
      `${host}/next2`,
      `${host}/delta`,
    ]);
    expect(pages.slice(0, 2).every((page) => !('deltaLink' in page))).toBe(true);
  });

  it('of groups always asks for the members', async () => {
    const bench = benchOf([last()], { stream: 'groups', select: ['displayName'] });
    await collect(bench);
    expect(bench.asked[0]).toMatchObject({
      path: '/groups/delta?$select=id,displayName,members',
      operation: 'groups.delta',
    });
  });

  it('goes on from a kept link', async () => {
    const bench = benchOf([last()], { link: `${host}/kept?$deltatoken=x` });
    await collect(bench);
    expect(bench.asked[0]).toMatchObject({ link: `${host}/kept?$deltatoken=x` });
    expect(bench.asked[0]).not.toHaveProperty('path');
  });

  it.each([
    ['neither link', { value: [] }],
    ['both links', { ...next(1), ...last() }],
    ['empty links', { value: [], '@odata.nextLink': '' }],
    ['no list', { '@odata.deltaLink': host }],
    ['nothing', undefined],
    ['text', 'hello'],
  ])('fails for a while over a page with %s', async (_name, page) => {
    await expect(collect(benchOf([page]))).rejects.toMatchObject({
      kind: 'transient',
      code: 'unreadable-answer',
    });
  });

  it('is cut when a link comes twice, when pages stay empty or the same for ever [pitfall 22]', async () => {
    const loop = { kind: 'permanent', code: 'link-loop' };
    await expect(collect(benchOf([next(1), next(2), next(1)]))).rejects.toMatchObject(loop);
    const empty = Array.from({ length: 10_001 }, (_, number) => next(number));
    await expect(collect(benchOf([...empty.slice(1), last()]))).resolves.toHaveLength(10_001);
    await expect(collect(benchOf([...empty, last()]))).rejects.toMatchObject(loop);
    const same = Array.from({ length: 1002 }, (_, number) => next(number, [{ id: id(1) }]));
    await expect(collect(benchOf([...same.slice(1), last()]))).resolves.toHaveLength(1002);
    await expect(collect(benchOf([...same, last()]))).rejects.toMatchObject(loop);
  });

  it('takes many pieces of one group for progress', async () => {
    const pieces = Array.from({ length: 300 }, (_, number) =>
      next(number, [{ id: id(1), 'members@delta': [{ id: id(number + 10) }] }]),
    );
    await expect(collect(benchOf([...pieces, last()], { stream: 'groups' }))).resolves.toHaveLength(301);
  });
});

describe('reading ahead', () => {
  it('asks for one page more, and not for two', async () => {
    const bench = benchOf([next(1), next(2), next(3), last()], { prefetch: true });
    const round = readDelta(bench.options);
    const first = await round.next();
    expect(first.value).toMatchObject({ read: 1 });
    expect(bench.asked).toHaveLength(2);
    await round.next();
    expect(bench.asked).toHaveLength(3);
    await round.return();
    expect(bench.asked.every(({ signal }) => signal?.aborted)).toBe(true);
  });

  it('is off unless asked for', async () => {
    const bench = benchOf([next(1), last()]);
    const round = readDelta(bench.options);
    await round.next();
    expect(bench.asked).toHaveLength(1);
    await round.return();
  });

  it('shows a failure when its turn comes, after the page before it', async () => {
    const bench = benchOf([next(1), unreadable('users.delta', 'test')], { prefetch: true });
    const round = readDelta(bench.options);
    expect((await round.next()).done).toBe(false);
    await expect(round.next()).rejects.toBeInstanceOf(GraphFailure);
  });

  it('leaves no unhandled rejection when the caller stops early', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    const bench = benchOf([next(1), unreadable('users.delta', 'test')], { prefetch: true });
    for await (const _page of readDelta(bench.options)) break;
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it("stops with the caller's signal", async () => {
    const stop = new AbortController();
    const bench = benchOf([next(1), last()], { signal: stop.signal });
    const round = readDelta(bench.options);
    await round.next();
    stop.abort();
    expect(bench.asked[0]?.signal?.aborted).toBe(true);
    await round.return();
  });
});

describe('an object', () => {
  const read = (raw: unknown) => readObject(raw)?.object;

  it('keeps what was sent, nulls too, without annotations', () => {
    expect(
      read({
        '@odata.type': '#microsoft.graph.user',
        id: id(1),
        mail: null,
        businessPhones: ['1'],
        onPremisesExtensionAttributes: { extensionAttribute1: 'x' },
        'manager@delta': [],
      }),
    ).toEqual({
      id: id(1),
      properties: {
        mail: null,
        businessPhones: ['1'],
        onPremisesExtensionAttributes: { extensionAttribute1: 'x' },
      },
    });
  });

  it('has its id in lower case', () => {
    expect(read({ id: 'C2F798FD-AAAA-BBBB-CCCC-DDDDDDDDDDDD' })?.id).toBe(
      'c2f798fd-aaaa-bbbb-cccc-dddddddddddd',
    );
  });

  it.each([
    [{ reason: 'changed' }, 'changed'],
    [{ reason: 'deleted' }, 'deleted'],
    [{ reason: 'Deleted' }, 'deleted'],
    ['deleted', 'deleted'],
    ['changed', 'changed'],
    [{ reason: 'new word' }, 'changed'],
    [{}, 'changed'],
    [true, 'changed'],
    [null, undefined],
    [undefined, undefined],
  ])('marked as removed with %j is %s', (mark, removed) => {
    expect(read({ id: id(1), '@removed': mark })?.removed).toBe(removed);
  });

  it('has members in the order sent, with their types and removals [trouble 13.3]', () => {
    const members = [
      { '@odata.type': '#microsoft.graph.user', id: id(1).toUpperCase() },
      { '@odata.type': '#Microsoft.Graph.Group', id: id(2), '@removed': { reason: 'deleted' } },
      { '@odata.type': '#microsoft.graph.device', id: id(3), '@removed': 'deleted' },
      { '@odata.type': '#microsoft.graph.servicePrincipal', id: id(4), '@removed': null },
      { id: id(5) },
      { id: id(5), '@removed': 'deleted' },
      { '@odata.type': '#microsoft.graph.user' },
      null,
    ];
    const entry = readObject({ id: id(9), 'members@delta': members });
    expect(entry?.invalidMembers).toBe(2);
    expect(entry?.object.members?.map(({ type, removed }) => [type, removed])).toEqual([
      ['user', false],
      ['group', true],
      ['other', true],
      ['other', false],
      ['unknown', false],
      ['unknown', true],
    ]);
  });

  it('has no member list where none was sent, and an empty one where an empty one was', () => {
    expect(read({ id: id(1) })).not.toHaveProperty('members');
    expect(read({ id: id(1), 'members@delta': null })).not.toHaveProperty('members');
    expect(read({ id: id(1), 'members@delta': [] })?.members).toEqual([]);
  });

  it('without a usable id is counted and left out, and its page stands', () => {
    const bad = [null, 3, 'x', {}, { id: 3 }, { id: '' }, { id: 'a/b' }, { id: 'x'.repeat(129) }, []];
    const page = readPage(
      last([...bad, { id: id(1) }, { id: id(2), 'members@delta': [{}] }]),
      1,
      'users.delta',
    );
    expect(page.objects.map((object) => object.id)).toEqual([id(1), id(2)]);
    expect(page.invalid).toBe(bad.length + 1);
  });

  it('cannot change the prototype of what is read', () => {
    const raw: unknown = JSON.parse(`{"id":"${id(1)}","__proto__":{"polluted":true}}`);
    expect(read(raw)?.properties['polluted']).toBeUndefined();
  });
});

describe('an object of which only the identity is shown', () => {
  it('is recognised [pitfall 23] [trouble 13.18]', () => {
    expect(isUnreadable({ id: id(1), properties: {} })).toBe(true);
    expect(isUnreadable({ id: id(1), properties: { displayName: null, businessPhones: [] } })).toBe(true);
    expect(isUnreadable({ id: id(1), properties: { userPrincipalName: null, userType: 'Member' } })).toBe(
      true,
    );
  });

  it('is not taken for one that is shown, removed, or a group that speaks of members', () => {
    expect(isUnreadable({ id: id(1), properties: { accountEnabled: false, mail: null } })).toBe(false);
    expect(isUnreadable({ id: id(1), removed: 'deleted', properties: {} })).toBe(false);
    expect(isUnreadable({ id: id(1), properties: {}, members: [] })).toBe(false);
  });
});

describe('whatever comes as a page', () => {
  it('is either read or a failure of ours', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.record({ value: fc.jsonValue(), '@odata.nextLink': fc.jsonValue() }, { requiredKeys: [] }),
          fc.record({
            value: fc.array(
              fc.oneof(
                fc.jsonValue(),
                fc.record({
                  id: fc.oneof(fc.uuid(), fc.jsonValue()),
                  '@removed': fc.jsonValue(),
                  'members@delta': fc.jsonValue(),
                }),
              ),
            ),
            '@odata.deltaLink': fc.constant('https://x/'),
          }),
        ),
        (body) => {
          try {
            const page = readPage(body, 1, 'users.delta');
            for (const object of page.objects) {
              expect(object.id).toBe(object.id.toLowerCase());
              isUnreadable(object);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(GraphFailure);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
