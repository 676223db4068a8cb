// Owns the proof that readiness means "can store and work", and that others' trouble only degrades it.
import { afterEach, describe, expect, it } from 'vitest';
import { closeWorlds, json, openPrivateDoor, openWorld, start } from './fixture.ts';

afterEach(closeWorlds);

const tick = { name: 'tick', since: new Date(start), lastSuccessAt: new Date(start), failures: 0 } as const;

describe('readiness', () => {
  it('is given while the database is writable and the loops live', async () => {
    const answer = await openPrivateDoor(openWorld()).app.request('/readyz');
    expect(answer.status).toBe(200);
    expect(await json(answer)).toEqual({
      status: 'ready',
      checks: { state: 'writable', migrations: 'current', worker: 'alive' },
      degraded: [],
    });
  });

  it('stays while Graph and a target are in trouble, which is told without details [pitfall 16]', async () => {
    const world = openWorld();
    world.rooms.streams.set('users', { attempt: 3, error: 'secret words of Graph' });
    world.rooms.targets.failed('postgres', 'secret words of a target', start);
    const door = openPrivateDoor(world);
    door.mode = 'notifications';
    const answer = await door.app.request('/readyz');
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({
      status: 'degraded',
      degraded: ['graph', 'subscriptions', 'targets'],
    });
    expect(text).not.toContain('secret');
  });

  it('is given while the loops wait for the first subscription, or else its handshake could not come', async () => {
    const door = openPrivateDoor(openWorld());
    door.loops = [{ ...tick, state: 'new', lastSuccessAt: undefined }];
    const answer = await door.app.request('/readyz');
    expect(answer.status).toBe(200);
    expect(await json(answer)).toMatchObject({ checks: { worker: 'starting' } });
  });

  it('is withdrawn when a loop has stopped', async () => {
    const door = openPrivateDoor(openWorld());
    door.loops = [{ ...tick, state: 'stopped' }];
    const answer = await door.app.request('/readyz');
    expect(answer.status).toBe(503);
    expect(await json(answer)).toMatchObject({ status: 'unready', checks: { worker: 'stopped' } });
  });

  it('is withdrawn when the tick has been silent for more than a minute', async () => {
    const world = openWorld();
    const door = openPrivateDoor(world);
    world.now = start + 60_000;
    expect((await door.app.request('/readyz')).status).toBe(200);
    world.now = start + 60_001;
    expect((await door.app.request('/readyz')).status).toBe(503);
  });

  it('is withdrawn when the database cannot be written, with advice in the log', async () => {
    const world = openWorld();
    const door = openPrivateDoor(world);
    world.rooms.state.sql('PRAGMA query_only = ON').run();
    const answer = await door.app.request('/readyz');
    world.rooms.state.sql('PRAGMA query_only = OFF').run();
    expect(answer.status).toBe(503);
    expect(await json(answer)).toMatchObject({ checks: { state: 'not writable' } });
    expect(door.log.lines.at(-1)?.fields['advice']).toContain('STATE_PATH');
  });

  it('does not write to the disk at every knock', async () => {
    const world = openWorld();
    const door = openPrivateDoor(world);
    await door.app.request('/readyz');
    const flushed = world.rooms.meta.text('flushed');
    await door.app.request('/readyz');
    expect(world.rooms.meta.text('flushed')).toBe(flushed);
    world.now += 2_000;
    await door.app.request('/readyz');
    expect(world.rooms.meta.text('flushed')).not.toBe(flushed);
  });
});
