// Owns the proof that notifications are subscribed to against all refusals, and taken in whatever comes in their way.
import { describe, expect, it } from 'vitest';
import type { Parts } from '../../src/compose.ts';
import type { FaultAction } from '../emulator/faults.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { makeRig, type Rig, startRig } from '../helpers/service.ts';

const setting = {
  tenant: { users: 40, groups: 4, memberships: 60 },
  mapping: { groups: { publish: ['*'] } },
};

const someone = (rig: Rig, at = 0): string =>
  [...rig.target().accounts.values()].filter(({ enabled }) => enabled === 1)[at]?.external_id ?? '';

const hasBoth = (rig: Rig): boolean =>
  rig.tenant
    .subscriptions()
    .map(({ target }) => target)
    .sort()
    .join() === 'groups,users';

describe('a first start', () => {
  it('answers the handshakes of both addresses while their subscription is still being made [trouble 13.1]', async () => {
    const rig = await startRig(setting);
    const handshakes = rig.tenant.handshakes();
    expect(handshakes.map(({ url }) => new URL(url).pathname).sort()).toEqual(
      ['/graph/lifecycle', '/graph/lifecycle', '/graph/notifications', '/graph/notifications'].sort(),
    );
    // The emulator refuses a subscription whose handshake is not exact or takes ten seconds.
    for (const one of handshakes) expect(one).toMatchObject({ status: 200, problem: null });
    expect(hasBoth(rig)).toBe(true);
    expect(rig.tenant.requests().byPath['POST /subscriptions']).toBe(2);
  });

  it.each<[string, FaultAction]>([
    ['409', { type: 'status', status: 409, code: 'Conflict' }],
    ['403 for the quota', { type: 'status', status: 403, code: 'Forbidden' }],
    ['403 that wraps a failure behind it', { type: 'status', status: 403, code: 'ExtensionError' }],
    ['400 since the handshake took too long', { type: 'status', status: 400, code: 'InvalidRequest' }],
    ['503', { type: 'status', status: 503 }],
    ['an answer that was lost', { type: 'lost-answer' }],
  ])('that meets %s polls meanwhile, and subscribes in the end [trouble 13.9]', async (_, action) => {
    const rig = await makeRig({ ...setting, env: { POLL_SECONDS: '0.2' } });
    try {
      const { tenant } = rig;
      const fault = tenant.addFault({ method: 'POST', path: '^/v1.0/subscriptions$', action });
      await rig.start();
      await rig.inSync();
      tenant.createUser({ mailNickname: 'polled' });
      await rig.inSync();
      expect(tenant.faultHits()).toBeGreaterThan(0);
      tenant.removeFault(fault);
      await eventuallyTrue('there are both, each known to us', () => {
        const known = rig.parts().rooms.subscriptions.list();
        return hasBoth(rig) && tenant.subscriptions().every(({ id }) => known.some((row) => row.id === id));
      });
      expect(tenant.subscriptions()).toHaveLength(2);
      tenant.updateUser(someone(rig), { displayName: 'Told' });
      await rig.atRest();
    } finally {
      await rig.close();
    }
  });
});

describe('a subscription that vanished without a word', () => {
  it('is noticed, made again, and followed by a round, with nobody asking [pitfall 19] [trouble 13.7]', async () => {
    const rig = await startRig({ ...setting, env: { SWEEP_MINUTES: '0.02' } });
    await rig.atRest();
    const { tenant } = rig;
    const lost = tenant.subscriptions().map(({ id }) => id);
    for (const id of lost) tenant.vanishSubscription(id);
    tenant.churn(10, { seed: 12 });
    await eventuallyTrue('there are new ones', () => hasBoth(rig));
    expect(tenant.subscriptions().filter(({ id }) => lost.includes(id))).toEqual([]);
    const madeAt = Math.max(
      ...rig
        .parts()
        .rooms.subscriptions.list()
        .map(({ createdAt }) => createdAt),
    );
    for (const name of ['users', 'groups'])
      await eventuallyTrue(`a round of ${name} follows`, () =>
        tenant.rounds().some(({ stream, at }) => stream === name && at >= madeAt),
      );
    await rig.atRest();
  });
});

describe('notifications', () => {
  it('that cannot be stored are refused at once; they come again, and count once [trouble 13.4]', async () => {
    let isFull = false;
    const rig = await startRig({
      ...setting,
      prepare({ rooms }: Parts) {
        const { append } = rooms.inbox;
        rooms.inbox.append = (items, at) => {
          if (isFull) throw new Error('database or disk is full');
          append(items, at);
        };
      },
    });
    await rig.atRest();
    const { tenant } = rig;
    tenant.configure({ delivery: { retryBaseMs: 100 } });
    isFull = true;
    const changes = [0, 1, 2].map((at) =>
      tenant.updateUser(someone(rig, at), { displayName: `Told again ${at}` }),
    );
    await eventuallyTrue('it is refused', () => (tenant.delivery().statuses['503'] ?? 0) > 1);
    expect(tenant.delivery().max).toBeLessThan(1_000);
    expect(changes.map(({ seq }) => tenant.acknowledgedAt(seq))).toEqual([null, null, null]);
    isFull = false;
    await rig.atRest();
    for (const { id } of changes) {
      const audit = rig
        .parts()
        .rooms.state.sql(
          `SELECT action FROM audit a JOIN directory_object o ON o.key = a.key WHERE o.id = ? ORDER BY a.id`,
        )
        .pluck()
        .all(id);
      expect(audit).toEqual(['create', 'update']);
    }
  });

  it('ten thousand at once are acknowledged in time and lead to few reads [trouble 13.5]', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const { tenant } = rig;
    tenant.configure({ delivery: { itemsPerChange: [500, 500] } });
    const before = tenant.delivery();
    tenant.holdNotifications();
    for (let at = 0; at < 20; at += 1)
      tenant.updateUser(someone(rig, at), { displayName: `In the burst ${at}` });
    tenant.resetRequests();
    tenant.releaseNotifications();
    await rig.atRest(20_000);
    const { items, max, dropped, failedPosts } = tenant.delivery();
    expect(items - before.items).toBeGreaterThanOrEqual(10_000);
    expect(max).toBeLessThan(3_000);
    expect([dropped, failedPosts]).toEqual([0, 0]);
    expect(tenant.requests().byPath['batch GET /users/{id}']).toBeLessThan(500);
  });
});
