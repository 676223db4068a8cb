// Owns the proof that the status says what is, what is wrong, and no secret.
import { afterEach, describe, expect, it } from 'vitest';
import { createStatusReader, readStatus, type Status } from '../../src/sync/status.ts';
import {
  closeWorlds,
  group,
  idOf,
  json,
  openPrivateDoor,
  openWorld,
  start,
  token,
  user,
  type World,
} from './fixture.ts';

afterEach(closeWorlds);

const dayMs = 86_400_000;
const clientState = 'client-state-that-nobody-may-see';

function subscribe(
  world: World,
  resource: 'users' | 'groups',
  values: { expiresAt?: number; lostAt?: number } = {},
): void {
  world.rooms.subscriptions.save({
    id: `subscription-of-${resource}`,
    resource,
    clientState,
    notificationUrl: 'https://sync.example/graph/notifications',
    expiresAt: start + 28 * dayMs,
    createdAt: start,
    touchedAt: start,
    challengedAt: null,
    lostAt: null,
    ...values,
  });
}

describe('the status', () => {
  it('has no problems when all is well', async () => {
    const world = openWorld();
    world.read('user', [user(1), user(2)]);
    world.read('group', [group(1, 'Staff', [idOf(1)])]);
    world.settle();
    subscribe(world, 'users');
    subscribe(world, 'groups');
    world.rooms.targets.applied('sqlite', world.rooms.ledger.revision(), world.now);
    const door = openPrivateDoor(world);
    door.mode = 'notifications';
    const status = await json<Status>(door.get('/api/status'));
    expect(status.problems).toEqual([]);
    expect(status).toMatchObject({
      mode: 'notifications',
      counts: { users: 2, groups: 1, memberships: 1, accounts: 2, enabledAccounts: 2 },
      targets: [{ name: 'sqlite', behind: 0, failingSince: null }],
      inbox: { depth: 0, oldestSeconds: null },
      lastNotificationAt: null,
      propagation: null,
    });
    expect(status.subscriptions[0]).toMatchObject({
      resource: 'users',
      state: 'active',
      expiresInSeconds: 28 * 86_400,
    });
    expect(status.streams).toHaveLength(2);
  });

  it('never shows a client state or a link', async () => {
    const world = openWorld();
    subscribe(world, 'users');
    const link = 'https://graph.example/v1.0/users/delta?$deltatoken=secret-of-the-link';
    world.rooms.streams.set('users', { deltaLink: link, nextLink: link, round: 'incremental' });
    const door = openPrivateDoor(world);
    for (const path of ['/api/status', '/api/subscriptions', '/metrics']) {
      const text = await (await door.get(path)).text();
      expect(text).not.toContain(clientState);
      expect(text).not.toContain('secret-of-the-link');
    }
  });

  it('counts what came in and was not folded yet, as when the service is down', () => {
    const world = openWorld();
    const item = {
      verdict: 'accepted',
      kind: 'change',
      subscriptionId: 's',
      event: 'updated',
      resource: 'users',
      objectId: idOf(1),
      count: 1,
    } as const;
    world.rooms.inbox.append([item, item, { ...item, objectId: idOf(2) }], start - 30_000);
    const { inbox } = readStatus({
      rooms: world.rooms,
      engine: undefined,
      metrics: undefined,
      now: () => start,
    });
    expect(inbox).toEqual({ depth: 2, oldestSeconds: 30 });
  });

  it('tells when the last notification came, for people too [pitfall 24]', async () => {
    const world = openWorld();
    const door = openPrivateDoor(world);
    const last = async () => (await json<Status>(door.get('/api/status'))).lastNotificationAt;
    expect(await last()).toBeNull();
    world.rooms.inbox.append(
      [
        {
          ...{ verdict: 'accepted', kind: 'change', subscriptionId: 's', event: 'updated' },
          ...{ resource: 'users', objectId: idOf(1), count: 1 },
        },
      ],
      world.now,
    );
    world.rooms.inbox.fold(start + 7_000);
    expect(await last()).toBe('2026-02-03T04:05:06.000Z');
    expect(await (await door.get('/')).text()).toMatch(/Last notification.*04:05:06/s);
  });

  it.each<[string, (world: World) => void, RegExp]>([
    ['a missing subscription', () => undefined, /No live subscription for users \(there is none\)/],
    ['one that ended', (world) => subscribe(world, 'users', { expiresAt: start }), /it is expired/],
    ['one that Microsoft dropped', (world) => subscribe(world, 'users', { lostAt: start }), /it is lost/],
    [
      'a failing stream',
      (world) => world.rooms.streams.set('groups', { attempt: 4, error: 'Microsoft said no.' }),
      /stream of groups failed 4 times in a row .* Microsoft said no\./,
    ],
    [
      'a stream never read to its end',
      (world) => world.rooms.streams.set('users', { fullCompletedAt: null }),
      /stream of users was not read completely/,
    ],
    [
      'a pause',
      (world) => world.rooms.meta.setCounter('pause-until', start + 60_000),
      /left alone until 2026-02-03T04:06:06/,
    ],
    [
      'a failing target',
      (world) => world.rooms.targets.failed('mysql', 'no route', start),
      /target mysql cannot be written/,
    ],
  ])('names %s among the problems', async (_, spoil, sentence) => {
    const world = openWorld();
    spoil(world);
    const door = openPrivateDoor(world);
    door.mode = 'notifications';
    const { problems } = await json<Status>(door.get('/api/status'));
    expect(problems.some((problem) => sentence.test(problem))).toBe(true);
  });

  it('names holds, collisions, people without a login, refusals and hidden groups [pitfall 23]', async () => {
    const world = openWorld();
    world.read('user', [
      ...Array.from({ length: 12 }, (_, n) => user(n)),
      user(50, { mailNickname: 'user1' }),
      user(51, { mailNickname: null, userPrincipalName: null }),
    ]);
    world.read('group', [
      { id: idOf(1, 'group'), properties: { displayName: 'Secret', visibility: 'HiddenMembership' } },
    ]);
    world.settle();
    world.rooms.targets.refused(
      'sqlite',
      world.rooms.people.keyOf(idOf(3)) ?? 0,
      'the login is too long',
      start,
    );
    world.read(
      'user',
      Array.from({ length: 12 }, (_, n) => user(n, { accountEnabled: false })),
    );
    world.settle();
    const status = await json<Status>(openPrivateDoor(world).get('/api/status'));
    expect(status.holds).toMatchObject([{ id: 1, people: 12, limit: 10 }]);
    expect(status.issues).toMatchObject({ collisions: 1, withoutLogin: 1 });
    expect(status.refusals).toMatchObject({ count: 1, first: [{ target: 'sqlite', login: 'user3' }] });
    expect(status.hiddenGroups).toEqual({ count: 1, first: [idOf(1, 'group')] });
    expect(status.problems).toHaveLength(5);
  });

  it('shows the delays once there are any', () => {
    const world = openWorld();
    const metrics = { summarisePropagation: () => ({ count: 3, p50: 0.2, p95: 0.4, p99: 0.5 }) };
    const status = readStatus({ rooms: world.rooms, engine: undefined, metrics, now: () => start });
    expect(status.propagation).toEqual({ count: 3, p50: 0.2, p95: 0.4, p99: 0.5 });
  });

  it('counts the mirror anew after a second', async () => {
    const world = openWorld();
    const door = openPrivateDoor(world);
    const users = async () => (await json<Status>(door.get('/api/status'))).counts.users;
    expect(await users()).toBe(0);
    world.read('user', [user(1)]);
    world.now += 999;
    expect(await users()).toBe(0);
    world.now += 1;
    expect(await users()).toBe(1);
  });

  it('counts a mirror that takes long so seldom that a hundredth of the time goes into it', () => {
    const world = openWorld();
    let now = start;
    const slow = { ...world.rooms.directory, counts: () => ((now += 300), world.rooms.directory.counts()) };
    const read = createStatusReader({
      rooms: { ...world.rooms, directory: slow },
      engine: undefined,
      metrics: undefined,
      now: () => now,
    });
    expect(read().counts.users).toBe(0);
    world.read('user', [user(1)]);
    now = start + 29_999;
    expect(read().counts.users).toBe(0);
    now = start + 30_000;
    expect(read().counts.users).toBe(1);
  });

  it('tells a mode without an engine by what is stored', () => {
    const world = openWorld();
    const options = { rooms: world.rooms, engine: undefined, metrics: undefined, now: () => start };
    expect(readStatus(options).mode).toBe('polling');
    subscribe(world, 'users');
    expect(readStatus(options).mode).toBe('notifications');
    expect(readStatus(options).jobs).toBeNull();
  });
});

describe('GET /metrics', () => {
  it('gives the page of Prometheus with the expiry of subscriptions', async () => {
    const world = openWorld();
    subscribe(world, 'users', { expiresAt: start + 3_600_000 });
    const answer = await openPrivateDoor(world).get('/metrics');
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(await answer.text()).toContain('gespage_sync_subscription_expiry_seconds{resource="users"} 3600');
  });
});

describe('the description', () => {
  it('names every route of the contract in the OpenAPI document and on the page', async () => {
    const door = openPrivateDoor(openWorld());
    const { paths } = await json<{ paths: Record<string, Record<string, unknown>> }>(
      door.get('/openapi.json'),
    );
    const found = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((one) => `${one} ${path}`),
    );
    const wanted = [
      'get /metrics',
      'get /api/status',
      'post /api/resync',
      'get /api/runs',
      'get /api/runs/{id}',
      'get /api/runs/{id}/events',
      'get /api/subscriptions',
      'post /api/subscriptions/renew',
      'get /api/accounts',
      'get /api/accounts/{id}',
      'post /api/accounts/{id}/resync',
      'get /api/holds',
      'get /api/holds/{id}',
      'post /api/holds/{id}/approve',
      'post /api/holds/{id}/discard',
      'get /api/notifications',
      'post /api/notifications/{id}/retry',
      'get /api/audit',
    ];
    expect(found.toSorted()).toEqual(wanted.toSorted());
    const page = await (await door.get('/docs')).text();
    for (const route of wanted)
      expect(page).toContain(route.replace(/^\w+ /, (method) => method.toUpperCase()));
    expect(page).not.toContain(token);
  });

  it('describes parameters and bodies by the schemas that check them', async () => {
    const door = openPrivateDoor(openWorld());
    const { paths } = await json<{ paths: Record<string, Record<string, Record<string, unknown>>> }>(
      door.get('/openapi.json'),
    );
    expect(paths['/api/accounts']?.['get']?.['parameters']).toContainEqual(
      expect.objectContaining({ name: 'q', in: 'query', required: false }),
    );
    expect(JSON.stringify(paths['/api/resync']?.['post']?.['requestBody'])).toContain('dryRun');
  });
});
