// Owns the proof of the renewal job: creation that meets trouble, what is kept and what is made anew, and when it renews.
import { describe, expect, it } from 'vitest';
import { GraphFailure } from '../../src/graph/errors.ts';
import type { GraphSubscription, NewSubscription } from '../../src/graph/subscriptions.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { createRenewal, type SubscriptionApi } from '../../src/sync/renew.ts';
import { makeRooms } from '../helpers/state.ts';

const url = 'https://sync.example/graph/notifications';
const minute = 60_000;
const day = 24 * 60 * minute;
const start = 1_800_000_000_000;
const never = new AbortController().signal;

/** Graph's subscriptions as one application sees them; a duplicate is refused with 409. */
function makeGraph(clock: { now: number }) {
  const all = new Map<string, GraphSubscription>();
  const calls: string[] = [];
  let made = 0;
  let grantMs = Infinity;
  let skewMs = 0;
  let loseNextAnswer = false;
  /** What Graph's own clock says. */
  const remoteNow = (): number => clock.now + skewMs;
  const refuse = (kind: GraphFailure['kind'], status: number): GraphFailure =>
    new GraphFailure({ kind, status, operation: 'subscriptions', what: 'No.', advice: 'Wait.' });
  const api: SubscriptionApi = {
    list: () => Promise.resolve([...all.values()]),
    create(wanted: NewSubscription) {
      calls.push(`create ${wanted.resource}`);
      const twin = [...all.values()].some(({ resource }) => resource.toLowerCase() === wanted.resource);
      if (twin) return Promise.reject(refuse('permanent', 409));
      if (isTooLong(wanted.expiration)) return Promise.reject(refuse('permanent', 400));
      const one = add(wanted.resource, wanted.notificationUrl, granted(wanted.expiration));
      if (!loseNextAnswer) return Promise.resolve(one);
      loseNextAnswer = false;
      return Promise.reject(
        new GraphFailure({ kind: 'transient', operation: 'subscriptions', what: 'Lost.', advice: 'Wait.' }),
      );
    },
    renew(id, expiration) {
      calls.push(`renew ${id}`);
      const known = all.get(id);
      if (!known) return Promise.reject(refuse('not-found', 404));
      if (isTooLong(expiration)) return Promise.reject(refuse('permanent', 400));
      const one = { ...known, expirationDateTime: new Date(granted(expiration)) };
      all.set(id, one);
      return Promise.resolve(one);
    },
    remove(id) {
      calls.push(`remove ${id}`);
      all.delete(id);
      return Promise.resolve();
    },
  };
  const granted = (expiration: Date): number => Math.min(expiration.getTime(), remoteNow() + grantMs);
  const isTooLong = (expiration: Date): boolean => expiration.getTime() - remoteNow() > 41_760 * minute;
  function add(resource: string, notificationUrl: string, expires: number): GraphSubscription {
    made += 1;
    const expirationDateTime = new Date(expires);
    const one = {
      id: `sub-${made}`,
      resource,
      changeType: 'updated,deleted',
      notificationUrl,
      expirationDateTime,
    };
    all.set(one.id, one);
    return one;
  }
  return {
    api,
    all,
    calls,
    add,
    remoteNow,
    goAheadBy: (ms: number) => (skewMs = ms),
    grantNoMoreThan: (ms: number) => (grantMs = ms),
    loseNextAnswer: () => (loseNextAnswer = true),
  };
}

function makeRenewal(
  notificationUrl = url,
  before?: { graph: ReturnType<typeof makeGraph>; rooms: StateRooms; clock: { now: number } },
) {
  const clock = before?.clock ?? { now: start };
  const graph = before?.graph ?? makeGraph(clock);
  const rooms = before?.rooms ?? makeRooms();
  const caughtUp: string[] = [];
  const log = createMemoryLog();
  let states = 0;
  for (const name of ['users', 'groups'] as const) rooms.streams.prepare(name, 'id', 0);
  const renewal = createRenewal({
    rooms,
    api: graph.api,
    notificationUrl,
    lifecycleUrl: `${notificationUrl}/lifecycle`,
    newClientState: () => `client-state-${(states += 1)}`,
    catchUp: (stream) => caughtUp.push(stream),
    compareMs: 15 * minute,
    now: () => clock.now,
    log,
    metrics: createMetrics({ processMetrics: false }),
  });
  return { renewal, graph, rooms, clock, caughtUp, log, reconcile: () => renewal.reconcile(never) };
}

const resources = (graph: ReturnType<typeof makeGraph>): string[] =>
  [...graph.all.values()].map(({ resource }) => resource).sort();

describe('at the first start', () => {
  it('one subscription each for users and groups is made, with a client state of its own, and a round follows', async () => {
    const { reconcile, renewal, graph, rooms, caughtUp } = makeRenewal();
    expect(await reconcile()).toEqual({ created: 2, renewed: 0, removed: 0, healthy: 0 });
    expect(resources(graph)).toEqual(['groups', 'users']);
    expect(new Set(rooms.subscriptions.list().map(({ clientState }) => clientState)).size).toBe(2);
    expect(caughtUp).toEqual(['users', 'groups']);
    expect(renewal.isHealthy()).toBe(true);
    expect(await reconcile()).toMatchObject({ healthy: 2 });
  });

  it('one that stands in the way (409) is removed first, since its client state is not known [trouble 13.9]', async () => {
    const { reconcile, graph, rooms, log } = makeRenewal();
    const foreign = graph.add('Users', 'https://elsewhere.example/hook', start + day);
    await reconcile();
    expect(log.lines.find(({ level }) => level === 'warn')?.fields).toMatchObject({
      notificationUrl: 'https://elsewhere.example/hook',
      advice: expect.stringContaining('give each an app registration of its own') as string,
    });
    expect(graph.all.has(foreign.id)).toBe(false);
    expect(
      rooms.subscriptions
        .list()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([...graph.all.keys()].sort());
  });

  it('one of which the answer was lost is made anew [trouble 13.9]', async () => {
    const { reconcile, graph, rooms } = makeRenewal();
    graph.loseNextAnswer();
    await expect(reconcile()).rejects.toThrow('Lost.');
    expect(rooms.subscriptions.list()).toEqual([]);
    await reconcile();
    expect(resources(graph)).toEqual(['groups', 'users']);
    expect(
      rooms.subscriptions
        .list()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([...graph.all.keys()].sort());
  });

  it('one to our address that the state database does not know is made anew', async () => {
    const { reconcile, graph } = makeRenewal();
    const unknown = graph.add('users', url, start + 20 * day);
    expect(await reconcile()).toMatchObject({ created: 2, removed: 1 });
    expect(graph.all.has(unknown.id)).toBe(false);
  });
});

describe('later', () => {
  it('one that Graph does not know any more is made anew, and a round follows [pitfall 19] [trouble 13.7]', async () => {
    const { reconcile, graph, caughtUp } = makeRenewal();
    await reconcile();
    const [lost = ''] = graph.all.keys();
    graph.all.delete(lost);
    caughtUp.length = 0;
    expect(await reconcile()).toMatchObject({ created: 1, healthy: 1 });
    expect(caughtUp).toEqual(['users']);
  });

  it('another public address replaces those of the old one', async () => {
    const first = makeRenewal();
    await first.reconcile();
    const old = [...first.graph.all.keys()];
    const second = makeRenewal('https://other.example/graph/notifications', first);
    expect(await second.reconcile()).toMatchObject({ created: 2, removed: 2 });
    expect([...second.graph.all.keys()].filter((id) => old.includes(id))).toEqual([]);
    expect(new Set([...second.graph.all.values()].map((one) => one.notificationUrl))).toEqual(
      new Set(['https://other.example/graph/notifications']),
    );
  });

  it('is renewed when half of the granted life is over, not before', async () => {
    const { reconcile, renewal, graph, clock } = makeRenewal();
    await reconcile();
    clock.now += 13 * day;
    expect(await reconcile()).toMatchObject({ healthy: 2 });
    clock.now += 2 * day;
    expect(renewal.nextDue()).toBeLessThanOrEqual(clock.now);
    expect(await reconcile()).toMatchObject({ renewed: 2 });
    expect(await reconcile()).toMatchObject({ healthy: 2 });
    expect(graph.calls.filter((call) => call.startsWith('renew'))).toHaveLength(2);
  });

  it('a shorter life than asked for is what counts [trouble 13.10]', async () => {
    const { reconcile, renewal, graph, clock } = makeRenewal();
    graph.grantNoMoreThan(60 * minute);
    await reconcile();
    for (let passed = 0; passed < 6 * 60; passed += 1) {
      clock.now += minute;
      if (renewal.nextDue() <= clock.now) await reconcile();
      expect(renewal.isHealthy()).toBe(true);
    }
    // Six hours with a life of one: about twelve renewals each, and no storm of them.
    const renewals = graph.calls.filter((call) => call.startsWith('renew')).length;
    expect(renewals).toBeGreaterThan(20);
    expect(renewals).toBeLessThan(30);
    expect(graph.calls.filter((call) => call.startsWith('create'))).toHaveLength(2);
  });
});

describe('a clock of Graph that goes otherwise than ours', () => {
  it.each([5, -5])(
    'by %i minutes neither lets a short life lapse nor refuses a long one [trouble 13.10]',
    async (skew) => {
      const { reconcile, renewal, graph, clock } = makeRenewal();
      graph.goAheadBy(skew * minute);
      expect(await reconcile()).toMatchObject({ created: 2 });
      graph.grantNoMoreThan(45 * minute);
      clock.now += 15 * day;
      for (let passed = 0; passed < 6 * 60; passed += 1) {
        if (renewal.nextDue() <= clock.now) await reconcile();
        for (const one of graph.all.values())
          expect(one.expirationDateTime.getTime()).toBeGreaterThan(graph.remoteNow() + 5 * minute);
        expect(renewal.isHealthy()).toBe(true);
        clock.now += minute;
      }
      expect(graph.calls.filter((call) => call.startsWith('create'))).toHaveLength(2);
    },
  );
});

describe('a challenge', () => {
  const challenge = ({ rooms, clock }: ReturnType<typeof makeRenewal>): void => {
    for (const { id } of rooms.subscriptions.list())
      rooms.subscriptions.touch(id, { challengedAt: clock.now });
  };

  it('is answered by a renewal at once, and a round follows', async () => {
    const rig = makeRenewal();
    await rig.reconcile();
    rig.clock.now += day;
    challenge(rig);
    rig.caughtUp.length = 0;
    expect(rig.renewal.nextDue()).toBeLessThanOrEqual(rig.clock.now);
    expect(await rig.reconcile()).toMatchObject({ renewed: 2 });
    expect(rig.caughtUp).toEqual(['users', 'groups']);
  });

  it('that comes again every minute, while a renewal is due as well, costs one PATCH in ten minutes [pitfall 20] [trouble 13.8]', async () => {
    const rig = makeRenewal();
    await rig.reconcile();
    rig.clock.now += 15 * day;
    const patchedAt = new Map<string, number[]>();
    for (let passed = 0; passed < 60; passed += 1) {
      challenge(rig);
      const before = rig.graph.calls.length;
      if (rig.renewal.nextDue() <= rig.clock.now) await rig.reconcile();
      for (const call of rig.graph.calls.slice(before)) {
        patchedAt.set(call, [...(patchedAt.get(call) ?? []), rig.clock.now]);
      }
      rig.clock.now += minute;
    }
    expect([...patchedAt.keys()].sort()).toEqual([...rig.graph.all.keys()].map((id) => `renew ${id}`).sort());
    for (const times of patchedAt.values()) {
      expect(times).toHaveLength(6);
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(10 * minute);
    }
  });
});
