// Owns the proof that the engine's loops never starve the process, and that neither errors nor crashes lose anything.

import { existsSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GraphFailure } from '../../src/graph/errors.ts';
import { createLoop } from '../../src/ops/loop.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { keepHouse } from '../../src/sync/housekeeping.ts';
import { id, keyOf, makeRooms, member } from '../helpers/state.ts';
import { lastPage, makeEngine, memoryTarget, person, type Script, scriptOf, until } from './review-kit.ts';

describe('loops', () => {
  it('that wake each other for ever let timers and sockets have their turn', async () => {
    let left = 100_000;
    const make = (name: string, other: () => { wake(): void }) =>
      createLoop({
        name,
        step: () => {
          if ((left -= 1) > 0) other().wake();
          return Promise.resolve('idle');
        },
        onError: () => 1_000,
        log: createMemoryLog(),
        now: () => new Date(),
      });
    const one = make('one', () => two);
    const two = make('two', () => one);
    one.start();
    two.start();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(left).toBeGreaterThan(0);
    await Promise.all([one.stop(), two.stop()]);
  });

  it('rest while a run waits for people who cannot be settled yet', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const script: Script = async function* (stream, { beginRead }) {
      const read = beginRead();
      if (stream === 'users') await held;
      yield lastPage(read, stream === 'users' ? [person(1)] : []);
    };
    const { engine, rooms } = makeEngine(script);
    await engine.start();
    rooms.streams.set('groups', { fullRead: 0 });
    const run = rooms.runs.request({ kind: 'resync', person: id(1), requestedBy: 'test' }, Date.now());
    rooms.runs.set(run.id, { status: 'running', phase: 'settling', startedAt: Date.now() });
    engine.asked();
    let steps = 0;
    const sql = rooms.state.sql.bind(rooms.state);
    rooms.state.sql = (text) => {
      steps += 1;
      return sql(text);
    };
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(steps).toBeLessThan(200);
    rooms.state.sql = sql;
    release();
    await until(() => engine.isAtRest() && rooms.runs.get(run.id)?.finishedAt !== null, 'the end of the run');
  });
});

describe('a notification', () => {
  const signal = (event: string) =>
    ({
      verdict: 'accepted',
      kind: 'lifecycle',
      subscriptionId: 'sub',
      event,
      resource: 'users',
      objectId: null,
      count: 1,
    }) as const;

  it('is taken up within moments, and never throws at its teller, whatever the database says', async () => {
    const { script } = scriptOf({ users: [], groups: [] });
    const { engine, rooms, log } = makeEngine(script);
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    const fold = rooms.inbox.fold;
    let asked = 0;
    rooms.inbox.fold = (now) => {
      asked += 1;
      if (asked === 1) throw new Error('the disk is full');
      return fold(now);
    };
    const at = performance.now();
    expect(() => engine.notified()).not.toThrow();
    await until(() => asked === 1, 'the fold', 1_000);
    expect(performance.now() - at).toBeLessThan(100);
    await until(() => asked > 1, 'another try');
    expect(log.lines.filter(({ fields }) => fields['job'] === 'inbox')).toHaveLength(1);
  });

  it('is folded together with what follows from it, or not at all [pitfall 1]', async () => {
    const { script } = scriptOf({ users: [], groups: [] });
    const { engine, rooms } = makeEngine(script);
    rooms.subscriptions.save({
      id: 'sub',
      resource: 'users',
      clientState: 'x',
      notificationUrl: 'https://sync.example',
      expiresAt: Date.now() + 1e9,
      createdAt: 1,
      touchedAt: 1,
      challengedAt: null,
      lostAt: null,
    });
    const touch = rooms.subscriptions.touch;
    let failed = 0;
    rooms.subscriptions.touch = () => {
      failed += 1;
      throw new Error('the disk is full');
    };
    rooms.inbox.append([signal('subscriptionRemoved')], Date.now());
    await engine.start();
    await until(() => failed > 0, 'the failure');
    expect(rooms.meta.counter('inbox-cursor')).toBe(0);
    rooms.subscriptions.touch = touch;
    await until(() => rooms.subscriptions.get('sub')?.lostAt !== null, 'the loss');
  });
});

describe('a target', () => {
  it('is asked again for refusals that were lost between its commit and their note', async () => {
    const target = memoryTarget();
    const { apply } = target;
    target.apply = async (batch) => {
      const refused = batch.accounts.filter(({ login }) => login === 'bad');
      const done = await apply({ ...batch, accounts: batch.accounts.filter(({ login }) => login !== 'bad') });
      return { ...done, refused: refused.map(({ externalId }) => ({ externalId, reason: 'no' })) };
    };
    const { script, queue } = scriptOf({ users: [person(1)], groups: [] });
    const { engine, rooms } = makeEngine(script, { targets: [target] });
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    const applied = rooms.targets.applied;
    rooms.targets.applied = () => {
      rooms.targets.applied = applied;
      throw new Error('database or disk is full');
    };
    queue.users.push(person(2, { mailNickname: 'bad' }));
    rooms.streams.due('users', Date.now());
    engine.notified();
    await until(() => engine.isAtRest() && rooms.targets.refusals(9).length > 0, 'the refusal');
    expect(rooms.targets.refusals(9)).toMatchObject([{ id: id(2), reason: 'no' }]);
  });

  it('that names somebody of an earlier batch is believed', async () => {
    const target = memoryTarget();
    const { apply } = target;
    target.apply = async (batch) => ({
      ...(await apply(batch)),
      refused: batch.accounts.some(({ externalId }) => externalId === id(2))
        ? [{ externalId: id(1), reason: 'pushed out' }]
        : [],
    });
    const { script, queue } = scriptOf({ users: [person(1)], groups: [] });
    const { engine, rooms } = makeEngine(script, { targets: [target] });
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    queue.users.push(person(2));
    rooms.streams.due('users', Date.now());
    engine.notified();
    await until(() => rooms.targets.refusals(9).length > 0, 'the refusal');
    expect(rooms.targets.refusals(9)).toMatchObject([{ id: id(1), reason: 'pushed out' }]);
  });

  it('that has nothing to do costs no writing', async () => {
    const { script } = scriptOf({ users: [person(1)], groups: [] });
    const { engine, rooms } = makeEngine(script);
    let noted = 0;
    const applied = rooms.targets.applied;
    rooms.targets.applied = (...all) => {
      noted += 1;
      applied(...all);
    };
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    const deliver = engine.deliveries[0];
    const before = noted;
    for (let wake = 0; wake < 5; wake += 1) expect(await deliver?.step()).toBe('idle');
    expect(noted - before).toBeLessThanOrEqual(1);
  });
});

it('a mass removal told in pages is held as one, and none of it slips through [pitfall 10]', async () => {
  const people = Array.from({ length: 200 }, (_, at) => at + 1);
  const target = memoryTarget();
  let go = false;
  const script: Script = async function* (stream, { full, beginRead }) {
    if (full || stream === 'users' || !go) {
      const all = stream === 'users' ? people.map((one) => person(one)) : [scopeGroup(people, false)];
      yield lastPage(beginRead(), full ? all : []);
      return;
    }
    go = false;
    for (let from = 0; from < 200; from += 5) {
      const read = beginRead();
      await new Promise((resolve) => setTimeout(resolve, 1));
      const { deltaLink = '', ...page } = lastPage(read, [scopeGroup(people.slice(from, from + 5), true)]);
      yield from === 195 ? { ...page, deltaLink } : { ...page, nextLink: `page-${from}` };
    }
  };
  const scopeGroup = (numbers: readonly number[], removed: boolean) => ({
    id: id(9_999),
    properties: { displayName: 'Scope' },
    members: numbers.map((one) => ({ ...member(one), removed })),
  });
  const { engine, rooms } = makeEngine(script, {
    targets: [target],
    patch: { scope: { groups: ['Scope'] } },
  });
  await engine.start();
  await until(() => engine.isAtRest() && target.accounts.size === 200, 'rest');
  go = true;
  rooms.streams.due('groups', Date.now());
  engine.notified();
  await until(() => rooms.removals.list(9)[0]?.people === 200, 'a hold of everybody');
  expect(rooms.removals.list(9)).toHaveLength(1);
  expect([...target.accounts.values()].filter(({ enabled }) => !enabled)).toEqual([]);
});

describe('a start', () => {
  it('that was told to end before it was complete starts no loop', async () => {
    const abort = new AbortController();
    const { script } = scriptOf({ users: [], groups: [] });
    const { engine } = makeEngine(script, {
      publicUrl: 'https://sync.example',
      graph: {
        subscriptions: {
          list: (signal) =>
            new Promise((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason as Error));
              queueMicrotask(() => abort.abort());
            }),
          create: () => Promise.reject(new Error('not here')),
          renew: () => Promise.reject(new Error('not here')),
          remove: () => Promise.resolve(),
        },
      },
    });
    await engine.start(abort.signal);
    expect(engine.loops().every((loop) => loop.status().state === 'new')).toBe(true);
  });

  it('removes the copy that a dry run left behind', async () => {
    const { script } = scriptOf({ users: [], groups: [] });
    const { engine, rooms } = makeEngine(script);
    const copy = `${rooms.state.path}.dry-run`;
    for (const suffix of ['', '-wal', '-shm']) writeFileSync(copy + suffix, 'left over');
    await engine.start();
    expect(['', '-wal', '-shm'].map((suffix) => existsSync(copy + suffix))).toEqual([false, false, false]);
  });
});

it('a dry run tells what it would hold, and neither logs nor counts it as if it were done', async () => {
  const everybody = Array.from({ length: 40 }, (_, at) => person(at + 1));
  const first = { users: [...everybody], groups: [] };
  const { script } = scriptOf(first);
  const { engine, rooms, log } = makeEngine(script);
  await engine.start();
  await until(() => log.text().includes('Gespage holds what the tenant has'), 'rest');
  log.clear();
  first.users.splice(0, 20);
  const run = rooms.runs.request({ kind: 'resync', dryRun: true, requestedBy: 'test' }, Date.now());
  engine.asked();
  await until(() => rooms.runs.get(run.id)?.finishedAt !== null, 'the end of the run');
  expect(rooms.runs.get(run.id)?.status).toBe('held');
  expect(JSON.parse(rooms.runs.get(run.id)?.counts ?? '{}')).toMatchObject({ held: 20 });
  expect(log.lines.map(({ message }) => message)).toEqual(['A run begins', 'A run has ended']);
  expect([rooms.removals.list(9), rooms.ledger.countEnabled()]).toEqual([[], 40]);
});

describe('a person asked for by an operator', () => {
  it('is looked at again where Graph cannot answer just now [pitfall 26]', async () => {
    const { script } = scriptOf({ users: [person(1)], groups: [] });
    const rooms = makeRooms();
    let looks = 0;
    const { engine } = makeEngine(script, {
      rooms,
      graph: {
        lookUpUsers: (ids) => {
          looks += 1;
          if (looks === 1) return Promise.reject(passing());
          const found = { kind: 'found' as const, object: person(1, { displayName: 'Fresh' }) };
          const results = new Map(ids.map((one) => [one, looks === 2 ? failed : found]));
          return Promise.resolve({ read: rooms.directory.beginRead(), results });
        },
      },
    });
    const passing = () =>
      new GraphFailure({ kind: 'transient', operation: 'users', what: 'No answer.', advice: 'Wait.' });
    const failed = { kind: 'failed' as const, failure: passing() };
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    const run = rooms.runs.request({ kind: 'resync', person: id(1), requestedBy: 'test' }, Date.now());
    engine.asked();
    await until(() => rooms.runs.get(run.id)?.finishedAt !== null, 'the end of the run');
    expect([rooms.runs.get(run.id)?.status, looks]).toEqual(['succeeded', 3]);
    expect(rooms.ledger.get(keyOf(rooms, 1))?.fields.displayName).toBe('Fresh');
  });
});

it('a scheduled resync that failed is asked for again after an hour, not at once', () => {
  const rooms = makeRooms();
  let now = 1_800_000_000_000;
  for (const name of ['users', 'groups'] as const) {
    rooms.streams.prepare(name, 'id', now);
    rooms.streams.set(name, { fullCompletedAt: now - 8 * 86_400_000 });
  }
  const house = keepHouse({ rooms, targets: [], fullResyncMs: 7 * 86_400_000, now: () => now });
  const asked = () => rooms.runs.list(9).length;
  house();
  expect(asked()).toBe(1);
  rooms.runs.set(rooms.runs.next()?.id ?? '', { status: 'failed', finishedAt: now });
  now += 3_599_000;
  house();
  expect(asked()).toBe(1);
  now += 1_000;
  house();
  expect(asked()).toBe(2);
});
