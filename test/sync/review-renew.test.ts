// Owns the proof that the renewal job takes turns, survives crashes and failures, and catches up after each creation.

import { describe, expect, it } from 'vitest';
import { GraphFailure } from '../../src/graph/errors.ts';
import type { GraphSubscription } from '../../src/graph/subscriptions.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { createRenewal, type RenewalOptions, type SubscriptionApi } from '../../src/sync/renew.ts';
import { makeRooms } from '../helpers/state.ts';

const url = 'https://sync.example/graph/notifications';
const day = 86_400_000;
const minute = 60_000;
const never = new AbortController().signal;

function makeRenewal(more: Partial<SubscriptionApi> = {}, rooms: StateRooms = makeRooms()) {
  const clock = { now: 1_800_000_000_000 };
  const remote = new Map<string, GraphSubscription>();
  const calls: string[] = [];
  const caughtUp: string[] = [];
  let made = 0;
  const api: SubscriptionApi = {
    list: () => {
      calls.push('list');
      return Promise.resolve([...remote.values()]);
    },
    create(wanted) {
      calls.push(`create ${wanted.resource}`);
      const id = `sub-${(made += 1)}`;
      const one: GraphSubscription = {
        id,
        resource: wanted.resource,
        changeType: wanted.changeType,
        notificationUrl: wanted.notificationUrl,
        expirationDateTime: wanted.expiration,
      };
      remote.set(id, one);
      return Promise.resolve(one);
    },
    renew(id, expirationDateTime) {
      calls.push(`renew ${id}`);
      const one = { ...(remote.get(id) as GraphSubscription), expirationDateTime };
      remote.set(id, one);
      return Promise.resolve(one);
    },
    remove(id) {
      remote.delete(id);
      return Promise.resolve();
    },
    ...more,
  };
  const options: RenewalOptions = {
    rooms,
    api,
    notificationUrl: url,
    lifecycleUrl: 'https://sync.example/graph/lifecycle',
    newClientState: () => 'a-client-state-for-tests',
    catchUp: (stream) => caughtUp.push(stream),
    compareMs: 15 * minute,
    now: () => clock.now,
    log: createMemoryLog(),
    metrics: createMetrics({ processMetrics: false }),
  };
  for (const name of ['users', 'groups'] as const) rooms.streams.prepare(name, 'id', 0);
  return { renewal: createRenewal(options), options, rooms, clock, api, remote, calls, caughtUp };
}

const failure = (kind: GraphFailure['kind'], status?: number) =>
  new GraphFailure({ kind, operation: 'subscriptions.renew', what: 'No.', advice: 'Wait.', status });
const renewals = (calls: readonly string[]): number =>
  calls.filter((call) => call.startsWith('renew')).length;

describe('comparing with Graph', () => {
  it('is due once in each period, and at once after a comparison that failed', async () => {
    const { renewal, clock, api } = makeRenewal();
    expect(renewal.nextDue()).toBe(clock.now);
    await renewal.reconcile(never);
    expect(renewal.nextDue()).toBe(clock.now + 15 * minute);
    clock.now += 15 * minute;
    const list = api.list;
    api.list = () => Promise.reject(failure('transient', 503));
    await expect(renewal.reconcile(never)).rejects.toThrow();
    expect(renewal.nextDue()).toBe(clock.now);
    api.list = list;
    await renewal.reconcile(never);
    expect(renewal.nextDue()).toBeGreaterThan(clock.now);
  });

  it('takes turns: two at once make one subscription for each resource', async () => {
    const { renewal, remote, calls } = makeRenewal();
    const [first, second] = await Promise.all([renewal.reconcile(never), renewal.reconcile(never)]);
    expect([first, second]).toMatchObject([{ created: 2 }, { created: 0, healthy: 2 }]);
    expect([remote.size, calls.filter((call) => call.startsWith('create')).length]).toEqual([2, 2]);
  });

  it('does for one resource what it can, though the other fails', async () => {
    const { renewal, api, calls, clock } = makeRenewal();
    await renewal.reconcile(never);
    clock.now += 15 * day;
    const renew = api.renew;
    api.renew = (one, expiration, signal) =>
      one === 'sub-1' ? Promise.reject(failure('permanent', 403)) : renew(one, expiration, signal);
    await expect(renewal.reconcile(never)).rejects.toThrow();
    expect(calls.filter((call) => call.startsWith('renew'))).toEqual(['renew sub-2']);
  });

  it('renews the one though the other cannot be made', async () => {
    const { renewal, api, calls, clock, remote, rooms } = makeRenewal();
    await renewal.reconcile(never);
    remote.delete('sub-1');
    rooms.subscriptions.remove('sub-1');
    clock.now += 15 * day;
    api.create = () => Promise.reject(failure('permanent', 403));
    await expect(renewal.reconcile(never)).rejects.toThrow();
    expect(calls.filter((call) => call.startsWith('renew'))).toEqual(['renew sub-2']);
  });
});

describe('an end that Graph has moved', () => {
  it('nearer is answered by a renewal at once', async () => {
    const { renewal, remote, clock, calls, rooms } = makeRenewal();
    await renewal.reconcile(never);
    clock.now += day;
    for (const [id, one] of remote) {
      remote.set(id, { ...one, expirationDateTime: new Date(clock.now + 5 * minute) });
    }
    expect(await renewal.reconcile(never)).toMatchObject({ renewed: 2 });
    expect(renewals(calls)).toBe(2);
    expect(rooms.subscriptions.list().every((row) => row.expiresAt > clock.now + 20 * day)).toBe(true);
    expect(await renewal.reconcile(never)).toMatchObject({ renewed: 0, healthy: 2 });
  });

  it('further away is believed', async () => {
    const { renewal, remote, clock, rooms } = makeRenewal();
    await renewal.reconcile(never);
    const end = clock.now + 28.5 * day;
    for (const [id, one] of remote) remote.set(id, { ...one, expirationDateTime: new Date(end) });
    expect(await renewal.reconcile(never)).toMatchObject({ renewed: 0, healthy: 2 });
    expect(rooms.subscriptions.list().map((row) => row.expiresAt)).toEqual([end, end]);
  });
});

describe('a renewal', () => {
  it('that may have reached Graph is not repeated within ten minutes, and then it is [pitfall 20]', async () => {
    const { renewal, api, clock, calls } = makeRenewal();
    await renewal.reconcile(never);
    clock.now += 15 * day;
    const renew = api.renew;
    api.renew = (id, expiration, signal) =>
      renew(id, expiration, signal).then(() => Promise.reject(failure('transient', 504)));
    await expect(renewal.reconcile(never)).rejects.toThrow();
    api.renew = renew;
    clock.now += 9 * minute;
    await renewal.reconcile(never);
    expect(renewals(calls)).toBe(2);
    clock.now += minute;
    await renewal.reconcile(never);
    expect(renewals(calls)).toBe(4);
    clock.now += 60 * minute;
    await renewal.reconcile(never);
    expect(renewals(calls)).toBe(4);
  });

  it('that was cut off by the end of the process is not repeated by the next one [pitfall 20] [pitfall 27]', async () => {
    const { renewal, options, api, clock, calls } = makeRenewal();
    await renewal.reconcile(never);
    clock.now += 15 * day;
    const renew = api.renew;
    api.renew = (id, expiration, signal) => {
      void renew(id, expiration, signal);
      return new Promise(() => undefined);
    };
    void renewal.reconcile(never);
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(renewals(calls)).toBe(1);
    api.renew = renew;
    const next = createRenewal(options);
    await next.reconcile(never);
    expect(calls.filter((call) => call === 'renew sub-1')).toHaveLength(1);
  });

  it.each([
    ['throttled', 429],
    ['auth', 401],
    ['permanent', 400],
  ] as const)('that Graph refused (%s) may be tried again at once', async (kind, status) => {
    const { renewal, api, clock, calls, rooms } = makeRenewal();
    await renewal.reconcile(never);
    const before = rooms.subscriptions.list();
    clock.now += 15 * day;
    const renew = api.renew;
    api.renew = () => Promise.reject(failure(kind, status));
    await expect(renewal.reconcile(never)).rejects.toThrow();
    expect(rooms.subscriptions.list()).toEqual(before);
    api.renew = renew;
    await renewal.reconcile(never);
    expect(renewals(calls)).toBe(2);
  });

  it('refused while Graph asks for an answer keeps that question', async () => {
    const { renewal, api, clock, rooms } = makeRenewal();
    await renewal.reconcile(never);
    clock.now += 15 * day;
    api.renew = (id) => {
      rooms.subscriptions.touch(id, { challengedAt: clock.now + 5 });
      return Promise.reject(failure('throttled', 429));
    };
    await expect(renewal.reconcile(never)).rejects.toThrow();
    expect(rooms.subscriptions.list().map((row) => row.challengedAt)).toEqual([clock.now + 5, clock.now + 5]);
  });
});

describe('after a subscription was made', () => {
  it('its stream is read once where nothing came before it was known', async () => {
    const { renewal, caughtUp, clock } = makeRenewal();
    await renewal.reconcile(never);
    expect(caughtUp).toEqual(['users', 'groups']);
    clock.now += 60_000;
    renewal.catchUpAgain();
    expect(caughtUp).toEqual(['users', 'groups']);
  });

  it('its stream is read again after five seconds and a minute, where a notification came before it was known', async () => {
    const { renewal, caughtUp, clock, rooms } = makeRenewal();
    await renewal.reconcile(never);
    expect(caughtUp).toEqual(['users', 'groups']);
    const unknown = { verdict: 'unknown-subscription', kind: 'change', subscriptionId: 'new' } as const;
    rooms.inbox.append(
      [{ ...unknown, event: 'updated', resource: null, objectId: null, count: 1 }],
      clock.now,
    );
    const rounds: number[] = [];
    const madeAt = clock.now;
    rooms.streams.set('users', { roundStartedAt: madeAt });
    rooms.streams.set('groups', { roundStartedAt: madeAt });
    for (let second = 1; second <= 400; second += 1) {
      clock.now = madeAt + second * 1_000;
      caughtUp.length = 0;
      renewal.catchUpAgain();
      if (caughtUp.includes('users')) {
        rounds.push(second);
        rooms.streams.set('users', { roundStartedAt: clock.now });
      }
    }
    expect(rounds).toEqual([5, 60]);
  });
});
