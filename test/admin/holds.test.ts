// Owns the proof of the routes about held removals and about the inbox.
import { afterEach, describe, expect, it } from 'vitest';
import { closeWorlds, idOf, json, openPrivateDoor, openWorld, start, user, type World } from './fixture.ts';

afterEach(closeWorlds);

interface HoldAnswer {
  readonly status: string;
  readonly people: number;
  readonly items: readonly { login: string; state: string }[];
  readonly nextCursor: number | null;
  readonly detail: string;
}

/** Twelve people leave at once, which is more than the ten that always may. */
function held(): World {
  const world = openWorld();
  const people = (enabled: boolean) =>
    Array.from({ length: 12 }, (_, n) => user(n, { accountEnabled: enabled }));
  world.read('user', people(true));
  world.settle();
  world.read('user', people(false));
  world.settle();
  return world;
}

describe('a hold', () => {
  it('is listed and shows its people in pages', async () => {
    const door = openPrivateDoor(held());
    const { items } = await json<{ items: HoldAnswer[] }>(door.get('/api/holds'));
    expect(items).toMatchObject([{ id: 1, status: 'open', people: 12, limit: 10 }]);
    const first = await json<HoldAnswer>(door.get('/api/holds/1?limit=8'));
    const second = await json<HoldAnswer>(door.get(`/api/holds/1?limit=8&cursor=${first.nextCursor ?? ''}`));
    const people = [...first.items, ...second.items];
    expect(new Set(people.map((person) => person.login)).size).toBe(12);
    expect(people[0]).toMatchObject({ how: 'disable', reason: 'disabled', state: 'held' });
    expect(second.nextCursor).toBeNull();
  });

  it('is carried out after approval, once', async () => {
    const world = held();
    const door = openPrivateDoor(world);
    const answer = await door.post('/api/holds/1/approve');
    expect(answer.status).toBe(200);
    expect(await json(answer)).toMatchObject({ status: 'approved', decidedPeople: 12, decidedBy: 'api' });
    expect(door.told).toEqual(['asked']);
    world.settle();
    expect(world.rooms.ledger.countEnabled()).toBe(0);
    const again = await door.post('/api/holds/1/approve');
    expect(again.status).toBe(409);
    expect((await json<HoldAnswer>(again)).detail).toContain('already approved');
    expect((await door.post('/api/holds/1/discard')).status).toBe(409);
  });

  it('keeps everybody after it was discarded', async () => {
    const world = held();
    const door = openPrivateDoor(world);
    expect(await json(door.post('/api/holds/1/discard'))).toMatchObject({
      status: 'discarded',
      decidedPeople: 12,
    });
    world.settle();
    expect(world.rooms.ledger.countEnabled()).toBe(12);
  });

  it('that was discarded can still be approved', async () => {
    const world = held();
    const door = openPrivateDoor(world);
    await door.post('/api/holds/1/discard');
    world.settle();
    expect(await json(door.post('/api/holds/1/approve'))).toMatchObject({
      status: 'approved',
      decidedPeople: 12,
    });
    world.settle();
    expect(world.rooms.ledger.countEnabled()).toBe(0);
  });

  it('that grew cannot be decided by its old number [pitfall 10]', async () => {
    const world = held();
    const more = (accountEnabled: boolean) =>
      Array.from({ length: 11 }, (_, n) => user(n + 20, { accountEnabled }));
    // Not a part of the same event any more.
    world.now += 59 * 60_000;
    world.read('user', more(true));
    world.settle();
    world.read('user', more(false));
    world.settle();
    const door = openPrivateDoor(world);
    const answer = await door.post('/api/holds/1/approve');
    expect(answer.status).toBe(409);
    expect((await json<HoldAnswer>(answer)).detail).toContain('is now hold 2');
    expect(await json(door.get('/api/holds/2'))).toMatchObject({ status: 'open', people: 23 });
    world.settle();
    expect(world.rooms.ledger.countEnabled()).toBe(23);
  });

  it.each(['/api/holds/99', '/api/holds/99/approve', '/api/holds/99/discard'])(
    'at %s is not there',
    async (path) => {
      const door = openPrivateDoor(held());
      const answer = path.endsWith('99') ? await door.get(path) : await door.post(path);
      expect(answer.status).toBe(404);
      expect(door.told).toEqual([]);
    },
  );

  it('has a number', async () => {
    expect((await openPrivateDoor(held()).get('/api/holds/first')).status).toBe(400);
  });
});

describe('the inbox', () => {
  function received(): World {
    const world = openWorld();
    const item = {
      kind: 'change',
      subscriptionId: 's',
      event: 'updated',
      resource: 'users',
      count: 1,
    } as const;
    world.rooms.inbox.append(
      [
        { ...item, verdict: 'accepted', objectId: idOf(1) },
        { ...item, verdict: 'wrong-client-state', objectId: idOf(2), count: 5 },
        { ...item, verdict: 'malformed', kind: 'unknown', resource: null, objectId: null },
      ],
      start,
    );
    world.rooms.inbox.fold(start);
    return world;
  }

  it('shows verdicts, newest first, and when an object is looked at next [pitfall 24]', async () => {
    const { items } = await json<{ items: Record<string, unknown>[] }>(
      openPrivateDoor(received()).get('/api/notifications'),
    );
    expect(items.map((item) => item['verdict'])).toEqual(['malformed', 'wrong-client-state', 'accepted']);
    expect(items[1]).toMatchObject({ count: 5, nextLookAt: null });
    expect(items[2]).toMatchObject({ objectId: idOf(1), nextLookAt: '2026-02-03T04:05:06.000Z' });
  });

  it('can be cut by verdict and comes in pages', async () => {
    const door = openPrivateDoor(received());
    const rejected = await json<HoldAnswer>(door.get('/api/notifications?verdict=malformed'));
    expect(rejected.items).toHaveLength(1);
    const first = await json<HoldAnswer>(door.get('/api/notifications?limit=2'));
    const second = await json<HoldAnswer>(
      door.get(`/api/notifications?limit=2&cursor=${first.nextCursor ?? ''}`),
    );
    expect([first.items.length, second.items.length]).toEqual([2, 1]);
    expect((await door.get('/api/notifications?verdict=nice')).status).toBe(400);
  });

  it('lets an object be looked at again, at once', async () => {
    const world = received();
    const door = openPrivateDoor(world);
    for (const ping of world.rooms.inbox.duePings('users', start, 10)) {
      world.rooms.inbox.advance('users', ping, 'failed', start);
    }
    expect(world.rooms.inbox.countDue('users', start)).toBe(0);
    const answer = await door.post('/api/notifications/1/retry');
    expect(answer.status).toBe(202);
    expect(world.rooms.inbox.duePings('users', start, 10)).toMatchObject([{ objectId: idOf(1), attempt: 0 }]);
    expect(door.told).toEqual(['notified']);
  });

  it('looks once more after a look that is under way now', async () => {
    const world = received();
    const [ping] = world.rooms.inbox.duePings('users', start, 10);
    await openPrivateDoor(world).post('/api/notifications/1/retry');
    if (ping) world.rooms.inbox.advance('users', ping, 'done', start);
    expect(world.rooms.inbox.countDue('users', start)).toBe(1);
  });

  it('has nothing to look at where a notification names nothing, or does not exist', async () => {
    const door = openPrivateDoor(received());
    expect((await door.post('/api/notifications/3/retry')).status).toBe(409);
    expect((await door.post('/api/notifications/99/retry')).status).toBe(404);
    expect(door.told).toEqual([]);
  });
});
