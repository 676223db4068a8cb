// Owns the proof that emulated subscriptions and their notifications behave as documented, with real sockets.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EmulatorOptions } from './options.ts';
import { createReputation } from './reputation.ts';
import { startClient, startListener } from './test-client.ts';
import type { Client, Listener, Reply } from './test-client.ts';

let client: Client;
let listener: Listener;
const start = async (options: EmulatorOptions = {}): Promise<Client> => (client = await startClient(options));
beforeEach(async () => {
  listener = await startListener();
});
afterEach(async () => {
  await client.close();
  await listener.close();
});

const day = 86_400_000;
const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString();

async function subscribe(fields: Record<string, unknown> = {}): Promise<Reply> {
  const body = {
    changeType: 'updated,deleted',
    notificationUrl: `${listener.url}/notify?key=a%20b`,
    lifecycleNotificationUrl: `${listener.url}/lifecycle`,
    resource: 'users',
    expirationDateTime: inDays(2),
    clientState: 'only-we-know',
    ...fields,
  };
  return await client.ask('/subscriptions', { method: 'POST', body });
}

const message = (reply: Reply): string => (reply.body['error'] as { message: string }).message;

describe('creating', () => {
  test('shakes hands with both URLs before it answers, and echoes the client state once', async () => {
    await start();
    const created = await subscribe();
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ resource: 'users', clientState: 'only-we-know' });
    expect(listener.handshakes.map(({ url }) => url.split('?')[0]).sort()).toEqual(['/lifecycle', '/notify']);
    for (const { url, contentType, body } of listener.handshakes) {
      expect(contentType).toBe('text/plain; charset=utf-8');
      expect(body).toBe('');
      expect(url).toMatch(/[?&]validationToken=Validation%3[aA]/);
      expect(url).toMatch(/%2[bB]/);
    }
    const listed = await client.ask('/subscriptions');
    expect(listed.body.value?.[0]).toMatchObject({ id: created.body['id'], clientState: null });
    const one = await client.ask(`/subscriptions/${created.body['id'] as string}`);
    expect(one.body).not.toHaveProperty('clientState');
  });

  test('refuses an endpoint that answers anything but the exact token as plain text', async () => {
    await start({ settings: { subscriptions: { handshakeTimeoutMs: 600 } } });
    const answers: [string, number, string, (token: string) => string][] = [
      ['still encoded', 200, 'text/plain', encodeURIComponent],
      ['quoted', 200, 'text/plain', (token) => JSON.stringify(token)],
      ['with a newline', 200, 'text/plain', (token) => `${token}\n`],
      ['as HTML', 200, 'text/html', (token) => token],
      ['with 202', 202, 'text/plain', (token) => token],
    ];
    for (const [, status, type, write] of answers) {
      listener.onHandshake((res, token) => res.writeHead(status, { 'content-type': type }).end(write(token)));
      const refused = await subscribe();
      expect([refused.status, (refused.body['error'] as { code: string }).code]).toEqual([
        400,
        'ValidationError',
      ]);
    }
    listener.onHandshake(() => undefined);
    const late = await subscribe();
    expect(late.status).toBe(400);
    expect(message(late)).toBe('Subscription validation request timed out.');
    expect((await client.ask('/subscriptions')).body.value).toEqual([]);
  });

  test('keeps the rules of the fields', async () => {
    await start({ settings: { subscriptions: { quota: 2 } } });
    const status = async (fields: Record<string, unknown>) => (await subscribe(fields)).status;
    expect(await status({ changeType: 'created,updated' })).toBe(400);
    expect(await status({ clientState: 'x'.repeat(129) })).toBe(400);
    expect(await status({ expirationDateTime: inDays(30) })).toBe(400);
    expect(await status({ expirationDateTime: 'soon' })).toBe(400);
    expect(await status({ resource: 'sites' })).toBe(400);
    expect(await status({ notificationUrl: 'http://public.example/notify' })).toBe(400);
    expect(await status({ vapidPublicKey: '' })).toBe(400);
    expect(await status({ includeResourceData: true })).toBe(400);
    const short = await subscribe({ expirationDateTime: inDays(0.001) });
    const granted = Date.parse(short.body['expirationDateTime'] as string) - Date.now();
    expect(granted).toBeGreaterThan(44 * 60_000);
    expect(granted).toBeLessThan(46 * 60_000);
    const again = await subscribe({ resource: '/Users', changeType: 'deleted,updated' });
    expect(again.status).toBe(409);
    expect(message(again)).toContain(`Subscription Id ${short.body['id'] as string} already exists`);
    expect(await status({ resource: '/groups' })).toBe(201);
    expect(await status({ changeType: 'updated' })).toBe(403);
  });

  test('needs the permission of the resource', async () => {
    await start({ roles: ['Directory.Read.All', 'GroupMember.Read.All'] });
    expect((await subscribe()).status).toBe(403);
    expect((await subscribe({ resource: 'groups' })).status).toBe(403);
  });
});

describe('living on', () => {
  test('a subscription is renewed, reauthorized, expires, and vanishes without a word', async () => {
    const { tenant } = await start();
    const id = (await subscribe()).body['id'] as string;
    const patched = await client.ask(`/subscriptions/${id}`, {
      method: 'PATCH',
      body: { expirationDateTime: inDays(20) },
    });
    expect(patched.status).toBe(200);
    expect(Date.parse(patched.body['expirationDateTime'] as string)).toBeGreaterThan(Date.now() + 19 * day);
    expect((await client.ask(`/subscriptions/${id}/reauthorize`, { method: 'POST' })).status).toBe(204);
    expect(tenant.requests().violations).toEqual([
      `Subscription ${id} was renewed and reauthorized within ten minutes.`,
    ]);
    tenant.advance(21 * day);
    // The token is over as well, so the tenant itself is asked.
    expect(tenant.subscriptions()).toEqual([]);
  });

  test('a vanished or deleted subscription is a plain 404', async () => {
    const { tenant } = await start();
    const first = (await subscribe()).body['id'] as string;
    expect(tenant.vanishSubscription(first)).toBe(true);
    const patch = await client.ask(`/subscriptions/${first}`, {
      method: 'PATCH',
      body: { expirationDateTime: inDays(3) },
    });
    expect(patch.status).toBe(404);
    const second = (await subscribe()).body['id'] as string;
    expect((await client.ask(`/subscriptions/${second}`, { method: 'DELETE' })).status).toBe(204);
    expect((await client.ask(`/subscriptions/${second}`, { method: 'DELETE' })).status).toBe(404);
  });

  test('a lost answer to create leaves a subscription behind', async () => {
    const { tenant } = await start();
    tenant.addFault({ method: 'POST', path: '/subscriptions$', times: 1, action: { type: 'lost-answer' } });
    await expect(subscribe()).rejects.toThrow();
    expect(tenant.subscriptions()).toHaveLength(1);
    expect((await subscribe()).status).toBe(409);
  });

  test('the list can come in pages', async () => {
    await start({ settings: { subscriptions: { listPageSize: 1 } } });
    await subscribe();
    await subscribe({ resource: 'groups' });
    const first = await client.ask('/subscriptions');
    expect(first.body.value).toHaveLength(1);
    const second = await client.ask(first.body['@odata.nextLink'] as string);
    expect(second.body.value?.[0]?.['resource']).toBe('groups');
    expect(second.body).not.toHaveProperty('@odata.nextLink');
  });
});

describe('notifications', () => {
  test('of a user have the captured shape, and no id of their own', async () => {
    const { tenant } = await start({ users: 1, settings: { delivery: { itemsPerChange: 2 } } });
    const subscriptionId = (await subscribe()).body['id'];
    const id = tenant.userId(0);
    const change = tenant.updateUser(id, { displayName: 'New' });
    await listener.waitFor(2);
    const [item] = listener.items();
    expect(item).toEqual({
      changeType: 'updated',
      clientState: 'only-we-know',
      resource: `Users/${id}`,
      resourceData: {
        '@odata.type': '#Microsoft.Graph.User',
        '@odata.id': `Users/${id}`,
        id,
        organizationId: tenant.tenantId,
      },
      subscriptionExpirationDateTime: expect.any(String) as unknown,
      subscriptionId,
      tenantId: tenant.tenantId,
    });
    expect(listener.received[0]?.path).toBe('/notify?key=a%20b');
    expect(listener.items()).toHaveLength(2);
    expect(tenant.sentAt(change.seq)).toBeLessThanOrEqual(listener.received[0]?.at ?? 0);
    expect(tenant.sentAt(change.seq)).toBeGreaterThan(Date.now() - 5000);
  });

  test('of a group name members who came and left, the latter by a text', async () => {
    const { tenant } = await start({
      users: 2,
      groups: 1,
      memberships: 0,
      settings: { delivery: { noisyMembers: 1 } },
    });
    await subscribe({ resource: 'groups' });
    tenant.addMember(tenant.groupId(0), tenant.userId(0));
    tenant.changeMembers(tenant.groupId(0), { add: [tenant.userId(1)], remove: [tenant.userId(0)] });
    await listener.waitFor(2);
    const members = listener
      .items()
      .map((item) => (item['resourceData'] as Record<string, unknown>)['members@delta']);
    expect(members).toEqual([
      [{ id: tenant.userId(0) }],
      [{ id: tenant.userId(1) }, { id: tenant.userId(0) }, { id: tenant.userId(0), '@removed': 'deleted' }],
    ]);
  });

  test('call a soft deletion updated and only a permanent one deleted', async () => {
    const { tenant } = await start({ users: 1, settings: { delivery: { itemsPerChange: 1 } } });
    await subscribe();
    tenant.softDeleteUser(tenant.userId(0));
    tenant.hardDeleteUser(tenant.userId(0));
    await listener.waitFor(2);
    expect(listener.items().map((item) => item['changeType'])).toEqual(['updated', 'deleted']);
  });

  test('are sent again until they are acknowledged', async () => {
    const settings = { delivery: { retryBaseMs: 5, firstTimeoutMs: 2000, itemsPerChange: 1 } };
    const { tenant } = await start({ users: 1, settings });
    await subscribe();
    listener.onNotification((res, count) => {
      if (count === 1) res.writeHead(503).end();
      else if (count === 2) res.destroy();
      else if (count > 3) res.writeHead(202).end();
    });
    tenant.configure({ delivery: { retryTimeoutMs: 500 } });
    const { seq } = tenant.updateUser(tenant.userId(0), { displayName: 'New' });
    await listener.waitFor(4);
    expect(await tenant.whenIdle()).toBe(true);
    expect(listener.items()).toHaveLength(4);
    expect(tenant.delivery()).toMatchObject({
      failedPosts: 3,
      acknowledged: 1,
      statuses: { 503: 1, none: 2, 202: 1 },
    });
    expect(tenant.acknowledgedAt(seq)).toBeGreaterThanOrEqual(tenant.sentAt(seq) ?? Infinity);
  });

  test('can be batched, doubled, dropped, held back and replayed', async () => {
    const { tenant } = await start({
      users: 50,
      settings: { delivery: { itemsPerChange: 1, duplicates: 1 } },
    });
    await subscribe();
    tenant.holdNotifications();
    for (let i = 0; i < 50; i++) tenant.updateUser(tenant.userId(i), { jobTitle: `${i}` });
    expect(tenant.delivery()).toMatchObject({ posts: 0, pending: 50 });
    tenant.releaseNotifications();
    await listener.waitFor(100);
    expect(Math.max(...listener.received.map(({ items }) => items.length))).toBeGreaterThan(10);
    tenant.configure({ delivery: { duplicates: 0, drops: 1 } });
    tenant.updateUser(tenant.userId(0), { jobTitle: 'unseen' });
    expect(await tenant.whenIdle()).toBe(true);
    expect(listener.items()).toHaveLength(100);
    tenant.configure({ delivery: { drops: 0, reorder: true } });
    expect(tenant.replayNotifications(1)).toBe(50);
    await listener.waitFor(150);
  });

  test('come late to an endpoint that answers slowly, and not at all to a dead slow one', () => {
    let now = 0;
    const reputation = createReputation(() => now, 100);
    const answer = (count: number, ms: number): void => {
      for (let i = 0; i < count; i++) reputation.record('listener', ms);
    };
    answer(89, 100);
    answer(10, 3001);
    expect(reputation.standing('listener')).toBe('good');
    answer(1, 3001);
    expect(reputation.standing('listener')).toBe('slow');
    answer(20, 10_001);
    expect(reputation.standing('listener')).toBe('drop');
    expect(reputation.standing('another')).toBe('good');
    now = 600_001;
    expect(reputation.standing('listener')).toBe('good');
  });

  test('of the life cycle carry neither resource nor change type, and can be of unknown kind', async () => {
    const { tenant } = await start({ users: 1, settings: { delivery: { itemsPerChange: 1 } } });
    const subscriptionId = (await subscribe()).body['id'] as string;
    expect(tenant.lifecycle('somethingNew')).toBe(1);
    await listener.waitFor(1);
    expect(listener.received[0]?.path).toBe('/lifecycle');
    expect(Object.keys(listener.items()[0] ?? {}).sort()).toEqual([
      'clientState',
      'lifecycleEvent',
      'subscriptionExpirationDateTime',
      'subscriptionId',
      'tenantId',
    ]);
    tenant.lifecycle('reauthorizationRequired', { subscriptionId, pause: 'hold' });
    tenant.updateUser(tenant.userId(0), { jobTitle: 'waits' });
    await listener.waitFor(2);
    expect(await tenant.whenIdle()).toBe(true);
    expect(listener.items()).toHaveLength(2);
    await client.ask(`/subscriptions/${subscriptionId}`, {
      method: 'PATCH',
      body: { expirationDateTime: inDays(3) },
    });
    await listener.waitFor(3);
    tenant.lifecycle('subscriptionRemoved');
    await listener.waitFor(4);
    expect(tenant.subscriptions()).toEqual([]);
  });
});
