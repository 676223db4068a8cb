import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { id } from '../helpers/state.ts';
import {
  everythingElse,
  groupItem,
  lifecycleItem,
  makePublicDoor,
  post,
  routes,
  secretOf,
  stored,
  subscriptionOf,
  userItem,
  type Item,
} from './public-door.ts';

/** Posts one item and gives what was stored of it. */
async function judge(item: unknown, path: string = routes[0]) {
  const door = makePublicDoor();
  expect((await post(door.app, { value: [item] }, { path })).status).toBe(202);
  const rows = stored(door.rooms);
  expect(rows).toHaveLength(1);
  return { ...rows[0], log: door.log };
}

describe('a batch of good, bad and odd items in one request', () => {
  const batch = [
    userItem(1),
    userItem(2, { clientState: 'guessed' }),
    userItem(3, { subscriptionId: '00000000-0000-4000-8000-00000000dead' }),
    userItem(4, { tenantId: '11111111-0000-4000-8000-000000000001' }),
    lifecycleItem('reauthorizationRequired'),
    lifecycleItem('somethingInvented'),
    userItem(5, { resourceData: undefined }),
    'no item at all',
    groupItem(6),
  ];

  it.each(routes)(
    'is stored with a verdict on each item and answered 202 on %s [pitfall 3] [trouble 13.2]',
    async (path) => {
      const door = makePublicDoor();
      const { app, rooms, counted, commits } = door;
      const before = everythingElse(rooms);
      const answer = await post(app, { value: batch }, { path });
      expect([answer.status, await answer.text()]).toEqual([202, '']);
      const users = {
        verdict: 'accepted',
        kind: 'change',
        subscriptionId: subscriptionOf.users,
        resource: 'users',
        count: 1,
      };
      expect(stored(rooms)).toEqual([
        { ...users, event: 'updated', objectId: id(1) },
        { ...users, kind: 'lifecycle', event: 'reauthorizationRequired', objectId: null },
        { ...users, kind: 'lifecycle', event: 'somethingInvented', objectId: null },
        { ...users, event: 'updated', objectId: id(5) },
        {
          ...users,
          subscriptionId: subscriptionOf.groups,
          resource: 'groups',
          event: 'updated',
          objectId: id(6),
        },
        { ...users, verdict: 'wrong-client-state', event: 'updated', resource: null, objectId: null },
        {
          ...users,
          verdict: 'unknown-subscription',
          subscriptionId: '00000000-0000-4000-8000-00000000dead',
          event: 'updated',
          resource: null,
          objectId: null,
        },
        { ...users, verdict: 'wrong-tenant', event: 'updated', resource: null, objectId: null },
        {
          ...users,
          verdict: 'malformed',
          kind: 'unknown',
          subscriptionId: null,
          event: null,
          resource: null,
          objectId: null,
        },
      ]);
      expect(everythingElse(rooms)).toBe(before);
      expect([commits, door.told()]).toEqual([[9], 1]);
      expect(Object.fromEntries(counted)).toEqual({
        'change accepted': 3,
        'lifecycle accepted': 2,
        'change wrong-client-state': 1,
        'change unknown-subscription': 1,
        'change wrong-tenant': 1,
        'unknown malformed': 1,
      });
    },
  );

  it('leads to pings for the good ones only [trouble 13.2]', async () => {
    const { app, rooms } = makePublicDoor();
    await post(app, { value: batch });
    const signals = rooms.inbox.fold(1_000);
    expect(rooms.inbox.duePings('users', 1_000, 10).map(({ objectId }) => objectId)).toEqual([id(1), id(5)]);
    expect(rooms.inbox.duePings('groups', 1_000, 10).map(({ objectId }) => objectId)).toEqual([id(6)]);
    expect(signals.map(({ event }) => event).sort()).toEqual([
      'reauthorizationRequired',
      'somethingInvented',
    ]);
  });

  it('may be empty', async () => {
    const { app, rooms } = makePublicDoor();
    expect((await post(app, { value: [] })).status).toBe(202);
    expect(stored(rooms)).toEqual([]);
  });

  it('may carry more beside its items', async () => {
    const { app, rooms } = makePublicDoor();
    expect(
      (await post(app, { value: [userItem(1)], validationTokens: ['x'], '@odata.context': 'y' })).status,
    ).toBe(202);
    expect(stored(rooms)).toMatchObject([{ verdict: 'accepted' }]);
  });
});

describe('a change item is accepted', () => {
  const members = [
    { id: id(1) },
    { id: id(2), '@removed': 'deleted' },
    { id: id(3), '@removed': { reason: 'deleted' } },
    { id: id(1), '@removed': 'deleted' },
  ];
  const good: Record<string, Item> = {
    'with members added and removed, in text and in objects, one of them twice': groupItem(
      9,
      {},
      { 'members@delta': members },
    ),
    'with a leading slash': groupItem(9, { resource: `/groups/${id(9)}` }),
    'in capitals': groupItem(9, { resource: `GROUPS/${id(9).toUpperCase()}` }),
    'with the id in brackets': groupItem(9, { resource: `groups('${id(9)}')` }),
    'with the id in its data only': groupItem(9, { resource: 'groups' }),
    'in a deleted state': groupItem(9, { changeType: 'deleted' }),
    'with a change type of the future': groupItem(9, { changeType: 'renamed' }),
    'without a change type': groupItem(9, { changeType: undefined }),
    'with an id, a sequence number and more of its own': groupItem(9, {
      id: 'lsgTZMr9KwAAA',
      sequenceNumber: 7,
      encryptedContent: null,
    }),
    'with null for what is absent': groupItem(9, { lifecycleEvent: null, resourceData: null }),
    'with the tenant in capitals': groupItem(9, { tenantId: '7D96D549-0000-4000-8000-000000000001' }),
  };
  it.each(Object.keys(good))('%s', async (name) => {
    expect(await judge(good[name])).toMatchObject({
      verdict: 'accepted',
      kind: 'change',
      resource: 'groups',
      objectId: id(9),
    });
  });

  it.each([
    '2016-03-19T22:11:09.952Z',
    '2025-02-02T11:00:00+00:00',
    '2019-03-20T11:00:00.0000000Z',
    '2026-12-01T00:00:00',
    'soon',
    5,
    null,
    undefined,
  ])(
    'whatever the time of expiry looks like (%s), since it is not used',
    async (subscriptionExpirationDateTime) => {
      expect(await judge(userItem(1, { subscriptionExpirationDateTime }))).toMatchObject({
        verdict: 'accepted',
      });
    },
  );

  it('while the tenant is not known yet', async () => {
    const { app, rooms } = makePublicDoor({ tenant: () => undefined });
    await post(app, { value: [userItem(1, { tenantId: 'anything' })] });
    expect(stored(rooms)).toMatchObject([{ verdict: 'accepted' }]);
  });

  it('as a signal for its whole stream where it names no object that could be read', async () => {
    const nameless = userItem(1, { resource: 'Users/not-a-guid', resourceData: { id: '../../me' } });
    expect(await judge(nameless)).toMatchObject({ verdict: 'accepted', resource: 'users', objectId: null });
  });
});

describe('a change item is rejected', () => {
  const bad: Record<string, readonly [unknown, string]> = {
    'without client state': [userItem(1, { clientState: undefined }), 'wrong-client-state'],
    'with an empty client state': [userItem(1, { clientState: '' }), 'wrong-client-state'],
    'with the beginning of the client state': [
      userItem(1, { clientState: secretOf.users.slice(0, -1) }),
      'wrong-client-state',
    ],
    'with more than the client state': [
      userItem(1, { clientState: `${secretOf.users} ` }),
      'wrong-client-state',
    ],
    'with the client state in capitals': [
      userItem(1, { clientState: secretOf.users.toUpperCase() }),
      'wrong-client-state',
    ],
    'with the client state of another subscription': [
      userItem(1, { clientState: secretOf.groups }),
      'wrong-client-state',
    ],
    'with a client state that is no text': [userItem(1, { clientState: [secretOf.users] }), 'malformed'],
    'about a resource that was not subscribed': [
      userItem(1, { resource: `Groups/${id(1)}` }),
      'wrong-resource',
    ],
    'about no resource': [userItem(1, { resource: undefined }), 'wrong-resource'],
    'about something that begins alike': [
      userItem(1, { resource: `usersettings/${id(1)}` }),
      'wrong-resource',
    ],
    'from elsewhere': [userItem(1, { tenantId: '' }), 'wrong-tenant'],
    'without tenant': [userItem(1, { tenantId: undefined }), 'malformed'],
    'without subscription': [userItem(1, { subscriptionId: undefined }), 'malformed'],
    'with an endless subscription': [userItem(1, { subscriptionId: 'x'.repeat(100_000) }), 'malformed'],
    'that is a list': [[userItem(1)], 'malformed'],
    'that is null': [null, 'malformed'],
    'that is a number': [7, 'malformed'],
    'whose data is a text': [userItem(1, { resourceData: 'x' }), 'malformed'],
  };
  it.each(Object.keys(bad))('%s, and is answered 202 all the same', async (name) => {
    const [item, verdict] = bad[name] ?? [];
    const { log, ...row } = await judge(item);
    expect(row).toMatchObject({ verdict, resource: null, objectId: null });
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { verdict } }]);
  });

  it('and neither log nor database ever hold a client state, right or wrong', async () => {
    const { app, rooms, log } = makePublicDoor();
    await post(app, {
      value: [
        userItem(1),
        userItem(1, { clientState: 'a-guessed-secret' }),
        userItem(1, { clientState: {} }),
      ],
    });
    const all = JSON.stringify([log.lines, stored(rooms)]);
    expect(all).not.toContain('a-guessed-secret');
    expect(all).not.toContain(secretOf.users);
  });

  it('nor does the log where it stands in the place of the subscription', async () => {
    const { app, log } = makePublicDoor();
    await post(app, { value: [userItem(1, { subscriptionId: secretOf.users })] });
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { verdict: 'unknown-subscription' } }]);
    expect(JSON.stringify(log.lines)).not.toContain(secretOf.users);
  });

  it('an unknown subscription that could be one is named in the log', async () => {
    const { app, log } = makePublicDoor();
    await post(app, { value: [userItem(1, { subscriptionId: id(7) })] });
    expect(log.lines).toMatchObject([{ fields: { subscription: id(7) } }]);
  });
});

describe('a lifecycle item', () => {
  it.each(['reauthorizationRequired', 'subscriptionRemoved', 'missed', 'anEventOfTheFuture'])(
    '%s is accepted on both routes',
    async (event) => {
      for (const path of routes) {
        expect(await judge(lifecycleItem(event), path)).toMatchObject({
          verdict: 'accepted',
          kind: 'lifecycle',
          event,
          resource: 'users',
          objectId: null,
        });
      }
    },
  );

  it.each([
    ['wrong-client-state', { clientState: 'guessed' }],
    ['unknown-subscription', { subscriptionId: 'x' }],
    ['wrong-tenant', { tenantId: 'x' }],
  ])('is rejected as %s and changes nothing [pitfall 4]', async (verdict, changes) => {
    const { app, rooms } = makePublicDoor();
    const before = everythingElse(rooms);
    await post(app, { value: [lifecycleItem('subscriptionRemoved', changes)] }, { path: routes[1] });
    expect(stored(rooms)).toMatchObject([{ verdict, kind: 'lifecycle' }]);
    expect(rooms.inbox.fold(1_000)).toEqual([]);
    rooms.state.sql(`DELETE FROM meta WHERE key IN ('inbox-cursor', 'last-notification-at')`).run();
    expect(everythingElse(rooms)).toBe(before);
  });
});

describe('a flood of bad items', () => {
  it('of 100,000 in few requests leaves few rows that count them all, and one line for each sort', async () => {
    const { app, rooms, log, counted } = makePublicDoor();
    for (let request = 0; request < 5; request += 1) {
      const value = Array.from({ length: 20_000 }, (_, at) =>
        at % 2 === 0 ? { subscriptionId: `s${at}`, tenantId: 't', clientState: 'c' } : at,
      );
      expect((await post(app, { value })).status).toBe(202);
    }
    const rows = stored(rooms);
    expect(rows.length).toBeLessThanOrEqual(10);
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(100_000);
    expect(Object.fromEntries(counted)).toEqual({
      'change unknown-subscription': 50_000,
      'unknown malformed': 50_000,
    });
    expect(log.lines).toHaveLength(2);
  });

  it('does not push out the good ones among it', async () => {
    const { app, rooms } = makePublicDoor();
    const value: unknown[] = Array.from({ length: 8_000 }, () => userItem(1, { clientState: 'x' }));
    value.splice(7_777, 0, userItem(42));
    await post(app, { value });
    expect(stored(rooms)[0]).toMatchObject({ verdict: 'accepted', objectId: id(42) });
  });
});

it('client states are compared in constant time', () => {
  const source = readFileSync(new URL('../../src/webhook/judge.ts', import.meta.url), 'utf8');
  expect(source).toContain('timingSafeEqual(');
  expect(source).not.toMatch(/clientState[^;]*[!=]==/);
});
