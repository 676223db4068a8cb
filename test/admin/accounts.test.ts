// Owns the proof of the routes about people: search, explanation, one person again, audit.
import { afterEach, describe, expect, it } from 'vitest';
import { closeWorlds, idOf, json, openPrivateDoor, openWorld, start, user, type World } from './fixture.ts';

afterEach(closeWorlds);

interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly nextCursor: number | null;
}

function filled(): World {
  const world = openWorld();
  const ben = { displayName: 'Ben', mailNickname: 'ben', mail: 'b.smith@contoso.example' };
  world.read('user', [
    user(1, { displayName: 'Anna Ångström', mailNickname: 'anna', mail: 'anna@contoso.example' }),
    user(2, ben),
    user(3, { displayName: '100%_sure', mailNickname: 'carl', mail: 'carl@contoso.example' }),
    ...Array.from({ length: 7 }, (_, n) => user(n + 10)),
  ]);
  world.settle();
  world.read('user', [user(2, { ...ben, accountEnabled: false })]);
  world.settle();
  return world;
}

describe('GET /api/accounts', () => {
  it.each([
    ['part of a login', 'nn', ['anna']],
    ['a name in another case, beyond ASCII', 'ÅNGSTRÖM', ['anna']],
    ['part of an address', 'b.smith', ['ben']],
    ['signs that a pattern would take for its own', '%_', ['carl']],
    ['an object id in capitals', idOf(3).toUpperCase(), ['carl']],
    ['nothing that is there', 'zzz', []],
    ['an object id that nobody has', idOf(99), []],
  ])('finds by %s', async (_, text, logins) => {
    const { items } = await json<Page>(
      openPrivateDoor(filled()).get(`/api/accounts?q=${encodeURIComponent(text)}`),
    );
    expect(items.map((item) => item['login'])).toEqual(logins);
  });

  it('goes through all accounts in pages, each once', async () => {
    const door = openPrivateDoor(filled());
    const seen: unknown[] = [];
    for (let cursor: number | null = 0; cursor !== null;) {
      const answer: Page = await json<Page>(door.get(`/api/accounts?limit=4&cursor=${cursor}`));
      seen.push(...answer.items.map((item) => item['id']));
      cursor = answer.nextCursor;
    }
    expect(seen).toHaveLength(10);
    expect(new Set(seen).size).toBe(10);
  });

  it('keeps its place when a text is searched in pages', async () => {
    const door = openPrivateDoor(filled());
    const first = await json<Page>(door.get('/api/accounts?q=user&limit=5'));
    const second = await json<Page>(
      door.get(`/api/accounts?q=user&limit=5&cursor=${first.nextCursor ?? ''}`),
    );
    expect([...first.items, ...second.items].map((item) => item['login'])).toEqual(
      Array.from({ length: 7 }, (_, n) => `user${n + 10}`),
    );
    expect(second.nextCursor).toBeNull();
  });

  it('tells enabled from disabled', async () => {
    const door = openPrivateDoor(filled());
    const disabled = await json<Page>(door.get('/api/accounts?enabled=false'));
    expect(disabled.items).toMatchObject([{ login: 'ben', enabled: false, present: true }]);
    expect((await json<Page>(door.get('/api/accounts?enabled=true'))).items).toHaveLength(9);
    expect((await json<Page>(door.get('/api/accounts?removed=true'))).items).toEqual([]);
  });

  it.each(['enabled=yes', 'cursor=-1', 'cursor=x', 'limit=0', `q=${'x'.repeat(201)}`])(
    'refuses %s',
    async (query) => {
      const answer = await openPrivateDoor(filled()).get(`/api/accounts?${query}`);
      expect(answer.status).toBe(400);
      expect((await json<{ errors: string[] }>(answer)).errors).toHaveLength(1);
    },
  );
});

describe('one person', () => {
  it('is explained by object id', async () => {
    const answer = await openPrivateDoor(filled()).get(`/api/accounts/${idOf(1).toUpperCase()}`);
    expect(answer.status).toBe(200);
    expect(await json(answer)).toMatchObject({ id: idOf(1), account: { login: 'anna', enabled: true } });
  });

  it('who is unknown is answered with 404 and a way on', async () => {
    const answer = await openPrivateDoor(filled()).get(`/api/accounts/${idOf(99)}`);
    expect(answer.status).toBe(404);
    expect((await json<{ detail: string }>(answer)).detail).toContain('/resync');
  });

  it('is named by an object id and by nothing else', async () => {
    const door = openPrivateDoor(filled());
    expect((await door.get('/api/accounts/anna')).status).toBe(400);
    expect((await door.post('/api/accounts/anna/resync')).status).toBe(400);
  });

  it('is read again on demand [pitfall 26]', async () => {
    const door = openPrivateDoor(filled());
    const answer = await door.post(`/api/accounts/${idOf(1)}/resync`);
    expect(answer.status).toBe(202);
    const { runId } = await json<{ runId: string }>(answer);
    expect(door.world.rooms.runs.get(runId)).toMatchObject({ kind: 'resync', person: idOf(1), dryRun: 0 });
    expect(door.told).toEqual(['asked']);
  });
});

describe('GET /api/audit', () => {
  it('tells each change with its reason, newest first', async () => {
    const { items } = await json<Page>(openPrivateDoor(filled()).get(`/api/audit?person=${idOf(2)}`));
    expect(items.map((item) => item['action'])).toEqual(['disable', 'create']);
    expect(items[0]).toMatchObject({ login: 'ben', reason: 'disabled', changes: { enabled: [true, false] } });
    expect(items[0]?.['at']).toBe('2026-02-03T04:05:06.000Z');
  });

  it('is cut by time on both sides, the ends included', async () => {
    const world = openWorld();
    for (const step of [0, 1, 2]) {
      world.now = start + step * 1_000;
      world.read('user', [user(1, { displayName: `Name ${step}` })]);
      world.settle();
    }
    const door = openPrivateDoor(world);
    const at = (step: number): string => new Date(start + step * 1_000).toISOString();
    const count = async (query: string) => (await json<Page>(door.get(`/api/audit?${query}`))).items.length;
    expect(await count('')).toBe(3);
    expect(await count(`since=${at(1)}`)).toBe(2);
    expect(await count(`until=${at(1)}`)).toBe(2);
    expect(await count(`since=${at(1)}&until=${at(1)}`)).toBe(1);
    expect((await door.get('/api/audit?since=yesterday')).status).toBe(400);
  });

  it('comes in pages, and is empty for somebody unknown', async () => {
    const door = openPrivateDoor(filled());
    const first = await json<Page>(door.get('/api/audit?limit=6'));
    const second = await json<Page>(door.get(`/api/audit?limit=6&cursor=${first.nextCursor ?? ''}`));
    expect(first.items).toHaveLength(6);
    expect(second.items).toHaveLength(5);
    expect(second.nextCursor).toBeNull();
    expect((await json<Page>(door.get(`/api/audit?person=${idOf(99)}`))).items).toEqual([]);
  });
});
