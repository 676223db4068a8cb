// Owns the proof of the routes about runs: asked for through the database, shown, and followed to their end.
import { afterEach, describe, expect, it } from 'vitest';
import { closeWorlds, idOf, json, openPrivateDoor, openWorld } from './fixture.ts';

afterEach(closeWorlds);

interface Run {
  readonly id: string;
  readonly status: string;
}

describe('POST /api/resync', () => {
  it.each([
    ['no body', undefined, { dryRun: false, person: null }],
    ['an empty object', {}, { dryRun: false, person: null }],
    ['a dry run', { dryRun: true }, { dryRun: true, person: null }],
    ['one person', { user: idOf(7).toUpperCase() }, { dryRun: false, person: idOf(7) }],
  ])('queues a run and tells the engine, with %s', async (_, body, wanted) => {
    const door = openPrivateDoor(openWorld());
    const answer = await door.post('/api/resync', body);
    expect(answer.status).toBe(202);
    const { runId } = await json<{ runId: string }>(answer);
    expect(await json(door.get(`/api/runs/${runId}`))).toMatchObject({
      kind: 'resync',
      status: 'queued',
      ...wanted,
    });
    expect(door.told).toEqual(['asked']);
  });

  it.each([
    ['a wrong type', { dryRun: 'yes' }, 400],
    ['an unknown name', { dryrun: true }, 400],
    ['a login in place of an object id', { user: 'anna' }, 400],
    ['a list', [], 400],
    ['no JSON', '{', 400],
  ])('refuses %s and queues nothing', async (_, body, status) => {
    const door = openPrivateDoor(openWorld());
    const answer = await door.post('/api/resync', body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(door.world.rooms.runs.list(10)).toEqual([]);
    expect(door.told).toEqual([]);
  });

  it('refuses a body that is no JSON by its type, and one that is too large', async () => {
    const { app } = openPrivateDoor(openWorld());
    const send = (body: string, type: string) =>
      app.request('/api/resync', {
        method: 'POST',
        body,
        headers: {
          authorization: 'Bearer a-token-for-tests-with-forty-characters!',
          'content-type': type,
          'content-length': String(body.length),
        },
      });
    expect((await send('dryRun=true', 'application/x-www-form-urlencoded')).status).toBe(415);
    expect((await send(' '.repeat(64 * 1024), 'application/json')).status).toBe(202);
    expect((await send(' '.repeat(64 * 1024 + 1), 'application/json')).status).toBe(413);
  });
});

describe('GET /api/runs', () => {
  it('lists runs with ISO times, newest first, without plans', async () => {
    const world = openWorld();
    const door = openPrivateDoor(world);
    const first = world.rooms.runs.request({ kind: 'resync', requestedBy: 'schedule' }, world.now);
    world.rooms.runs.set(first.id, {
      status: 'succeeded',
      finishedAt: world.now + 5,
      counts: '{"created":3}',
      plan: '{}',
    });
    const second = world.rooms.runs.request({ kind: 'renew', requestedBy: 'api' }, world.now + 10);
    const { items } = await json<{ items: Run[] }>(door.get('/api/runs'));
    expect(items.map((run) => run.id)).toEqual([second.id, first.id]);
    expect(items[1]).toMatchObject({
      requestedAt: '2026-02-03T04:05:06.000Z',
      finishedAt: '2026-02-03T04:05:06.005Z',
      counts: { created: 3 },
    });
    expect(items[1]).not.toHaveProperty('plan');
  });

  it.each(['0', '501', 'x', '1.5'])('refuses the limit %s', async (limit) => {
    expect((await openPrivateDoor(openWorld()).get(`/api/runs?limit=${limit}`)).status).toBe(400);
  });

  it('answers an unknown run with 404', async () => {
    const door = openPrivateDoor(openWorld());
    expect((await door.get('/api/runs/nothing')).status).toBe(404);
    expect((await door.get('/api/runs/nothing/events')).status).toBe(404);
  });

  it('shows the plan of a dry run', async () => {
    const world = openWorld();
    const { id } = world.rooms.runs.request({ kind: 'resync', dryRun: true, requestedBy: 'api' }, world.now);
    world.rooms.runs.set(id, { status: 'held', plan: '{"counts":{"held":2},"people":[]}' });
    expect(await json(openPrivateDoor(world).get(`/api/runs/${id}`))).toMatchObject({
      status: 'held',
      dryRun: true,
      plan: { counts: { held: 2 }, people: [] },
    });
  });
});

describe('the events of a run', () => {
  it('tell each step once and end with the run', async () => {
    const world = openWorld();
    const { runs, streams } = world.rooms;
    const { id } = runs.request({ kind: 'resync', requestedBy: 'api' }, world.now);
    const steps = [
      () => runs.set(id, { status: 'running', startedAt: world.now, phase: 'reading' }),
      () => undefined,
      () => streams.set('users', { round: 'full', roundPages: 3, roundObjects: 2_997 }),
      () =>
        runs.set(id, {
          status: 'succeeded',
          finishedAt: world.now + 9,
          phase: null,
          counts: '{"created":2997}',
        }),
    ];
    const door = openPrivateDoor(world, {
      sleep: () => {
        steps.shift()?.();
        return Promise.resolve();
      },
    });
    const answer = await door.get(`/api/runs/${id}/events`);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const events = readEvents(await answer.text());
    expect(events.map(({ event, data }) => [event, data['status']])).toEqual([
      ['progress', 'queued'],
      ['progress', 'running'],
      ['progress', 'running'],
      ['end', 'succeeded'],
    ]);
    expect(events[2]?.data['streams']).toContainEqual({
      name: 'users',
      running: { kind: 'full', pages: 3, objects: 2_997 },
    });
    expect(events[3]?.data['counts']).toEqual({ created: 2_997 });
    expect(steps).toEqual([]);
  });

  it('end at once for a run that is over', async () => {
    const world = openWorld();
    const { id } = world.rooms.runs.request({ kind: 'renew', requestedBy: 'api' }, world.now);
    world.rooms.runs.set(id, { status: 'failed', finishedAt: world.now, error: 'no token' });
    const answer = await openPrivateDoor(world).get(`/api/runs/${id}/events`);
    const events = readEvents(await answer.text());
    expect(events).toMatchObject([{ event: 'end', data: { status: 'failed', error: 'no token' } }]);
  });
});

describe('POST /api/subscriptions/renew', () => {
  it('queues a run of the renewal job', async () => {
    const door = openPrivateDoor(openWorld());
    const { runId } = await json<{ runId: string }>(door.post('/api/subscriptions/renew'));
    expect(door.world.rooms.runs.get(runId)).toMatchObject({ kind: 'renew', status: 'queued' });
    expect(door.told).toEqual(['asked']);
  });
});

function readEvents(text: string): { event: string; data: Record<string, unknown> }[] {
  return text
    .split('\n\n')
    .filter((block) => block.includes('data: '))
    .map((block) => ({
      event: /^event: (.*)$/m.exec(block)?.[1] ?? '',
      data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '{}') as Record<string, unknown>,
    }));
}
