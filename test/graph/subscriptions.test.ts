// Owns the proof of the subscription calls.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createSubscription,
  deleteSubscription,
  getSubscription,
  listSubscriptions,
  renewSubscription,
  sameChangeTypes,
  sameResource,
} from '../../src/graph/subscriptions.ts';
import { makeBench, startWireServer, type Bench, type WireServer } from './wire-server.ts';

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

const stored = {
  '@odata.context': 'x',
  id: 'sub-1',
  resource: 'Users',
  applicationId: 'app',
  changeType: 'updated,deleted',
  clientState: null,
  notificationUrl: 'https://l.example/n',
  lifecycleNotificationUrl: 'https://l.example/l',
  expirationDateTime: '2026-12-01T00:00:00.1234567Z',
  notificationQueryOptions: null,
};
const expiration = new Date('2026-12-01T00:00:00Z');
const wanted = {
  resource: 'users',
  changeType: 'updated,deleted',
  notificationUrl: 'https://l.example/n',
  lifecycleNotificationUrl: 'https://l.example/l',
  clientState: 'state',
  expiration,
} as const;

describe('a subscription', () => {
  it('is created with all that the service needs, and nothing that it refuses', async () => {
    server.answer(() => ({ status: 201, body: stored }));
    expect(await createSubscription(bench.client, wanted)).toEqual({
      id: 'sub-1',
      resource: 'Users',
      applicationId: 'app',
      changeType: 'updated,deleted',
      notificationUrl: 'https://l.example/n',
      lifecycleNotificationUrl: 'https://l.example/l',
      expirationDateTime: new Date('2026-12-01T00:00:00.123Z'),
    });
    expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual({
      resource: 'users',
      changeType: 'updated,deleted',
      notificationUrl: 'https://l.example/n',
      lifecycleNotificationUrl: 'https://l.example/l',
      clientState: 'state',
      expirationDateTime: '2026-12-01T00:00:00.000Z',
      latestSupportedTlsVersion: 'v1_2',
    });
  });

  it.each([
    [409, 'Conflict', 'permanent'],
    [400, 'ValidationError', 'permanent'],
    [403, 'ExtensionError', 'transient'],
    [403, 'Forbidden', 'auth'],
  ])('that is refused with %i %s is a failure with that code [trouble 13.9]', async (status, code, kind) => {
    server.answer(() => ({ status, body: { error: { code, message: 'm' } } }));
    await expect(createSubscription(bench.client, wanted)).rejects.toMatchObject({ kind, status, code });
  });

  it('that comes back unreadable is a failure that passes', async () => {
    server.answer(() => ({ status: 201, body: { ...stored, expirationDateTime: 'soon' } }));
    await expect(createSubscription(bench.client, wanted)).rejects.toMatchObject({ kind: 'transient' });
  });

  it('is listed over all pages, without what cannot be read', async () => {
    server.answer(({ url }) =>
      url.endsWith('skiptoken=2')
        ? {
            body: {
              value: [
                { ...stored, id: 'sub-2', lifecycleNotificationUrl: null, applicationId: null },
                { id: 3 },
              ],
            },
          }
        : {
            body: { value: [stored], '@odata.nextLink': `${server.origin}/v1.0/subscriptions?$skiptoken=2` },
          },
    );
    const list = await listSubscriptions(bench.client);
    expect(list.map(({ id }) => id)).toEqual(['sub-1', 'sub-2']);
    expect(list[1]).not.toHaveProperty('applicationId');
  });

  it('whose list never ends is a failure', async () => {
    server.answer(() => ({
      body: { value: [], '@odata.nextLink': `${server.origin}/v1.0/subscriptions?x` },
    }));
    await expect(listSubscriptions(bench.client)).rejects.toMatchObject({ kind: 'transient' });
  });

  it('is read by id, and is undefined when it has gone', async () => {
    server.answer(({ url }) => (url === '/v1.0/subscriptions/sub-1' ? { body: stored } : { status: 404 }));
    expect((await getSubscription(bench.client, 'sub-1'))?.id).toBe('sub-1');
    expect(await getSubscription(bench.client, 'sub/2')).toBeUndefined();
    expect(server.asked[1]?.url).toBe('/v1.0/subscriptions/sub%2F2');
  });

  it('is renewed with one PATCH, and the end is the one that Graph grants [trouble 13.10]', async () => {
    server.answer(() => ({ body: stored }));
    const renewed = await renewSubscription(bench.client, 'sub-1', expiration);
    expect(renewed.expirationDateTime).toEqual(new Date('2026-12-01T00:00:00.123Z'));
    expect(server.asked).toMatchObject([
      { method: 'PATCH', body: '{"expirationDateTime":"2026-12-01T00:00:00.000Z"}' },
    ]);
  });

  it('that has vanished cannot be renewed', async () => {
    server.answer(() => ({ status: 404 }));
    await expect(renewSubscription(bench.client, 'sub-1', expiration)).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  it('is deleted, also when it has gone already, but not when that is refused', async () => {
    server.answer(() => ({ raw: (response) => response.writeHead(204).end() }));
    await deleteSubscription(bench.client, 'sub-1');
    server.answer(() => ({ status: 404 }));
    await deleteSubscription(bench.client, 'sub-1');
    server.answer(() => ({ status: 500 }));
    await expect(deleteSubscription(bench.client, 'sub-1')).rejects.toMatchObject({ kind: 'transient' });
  });
});

describe('resources and change types', () => {
  it('are compared as Graph spells them', () => {
    expect(sameResource('users', '/Users/')).toBe(true);
    expect(sameResource('users', 'groups')).toBe(false);
    expect(sameResource('users', 'users/1')).toBe(false);
    expect(sameChangeTypes('updated,deleted', 'Deleted, updated')).toBe(true);
    expect(sameChangeTypes('updated', 'updated,deleted')).toBe(false);
  });
});
