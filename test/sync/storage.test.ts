// Owns the proof of what the jobs do while the state database is in trouble: they wait, say so seldom, and lose nothing.
import { describe, expect, it } from 'vitest';
import { createMemoryLog } from '../../src/ops/log.ts';
import { StateError, type TroubleKind } from '../../src/state/trouble.ts';
import { watchStorage } from '../../src/sync/storage.ts';
import { id } from '../helpers/state.ts';
import { makeEngine, memoryTarget, person, scriptOf, until } from './review-kit.ts';

const file = 'state.db';
const trouble = (kind: TroubleKind, of = file): StateError =>
  new StateError(`The state database is ${kind}.`, { kind, file: of });

function open() {
  const log = createMemoryLog();
  const clock = { now: 1_000_000 };
  const state: { current: StateError | undefined; flushes: number } = { current: undefined, flushes: 0 };
  const storage = watchStorage({
    state: { path: file, trouble: () => state.current, examine: () => undefined },
    flush() {
      state.flushes += 1;
      if (state.current) throw state.current;
    },
    now: () => clock.now,
    log,
  });
  return { storage, log, clock, state };
}

describe('the watch over the storage', () => {
  it('leaves to the jobs what is no trouble of this file', () => {
    const { storage } = open();
    for (const error of [new Error('defect'), trouble('full', 'copy.db'), 'text', undefined]) {
      expect(storage.judge(error, 1)).toBeUndefined();
    }
  });

  it('lets them wait longer and longer, but never for long, with one line a minute for all of them', () => {
    const { storage, log, clock } = open();
    const waits = [1, 2, 3, 6, 50].map((attempt) => storage.judge(trouble('full'), attempt));
    expect(waits).toEqual([250, 500, 1_000, 5_000, 5_000]);
    expect(log.lines).toHaveLength(1);
    clock.now += 59_999;
    storage.judge(trouble('full'), 1);
    expect(log.lines).toHaveLength(1);
    clock.now += 1;
    storage.judge(trouble('full'), 1);
    expect(log.lines).toHaveLength(2);
    storage.judge(trouble('locked'), 1);
    expect(log.lines).toHaveLength(3);
    expect(log.lines.map(({ level }) => level)).toEqual(['error', 'error', 'error']);
  });

  it('tries to write while there is trouble, and tells its end once', () => {
    const { storage, log, state } = open();
    storage.probe();
    expect(state.flushes).toBe(0);
    state.current = trouble('full');
    expect(() => storage.probe()).toThrow(state.current);
    storage.judge(state.current, 1);
    state.current = undefined;
    storage.probe();
    storage.probe();
    expect(log.lines.map(({ message }) => message)).toEqual([
      'The state database cannot be used; the work waits until it can',
      'The state database can be used again',
    ]);
  });

  it.each(['damaged', 'replaced'] as const)('gives a file up that is %s', (kind) => {
    const { storage, log, state, clock } = open();
    expect(storage.isHalted()).toBe(false);
    state.current = trouble(kind);
    expect(storage.isHalted()).toBe(true);
    storage.probe();
    storage.probe();
    clock.now += 60_000;
    storage.probe();
    expect(state.flushes).toBe(0);
    expect(log.lines.map(({ message }) => message)).toEqual(
      Array(2).fill('The state database is of no use any more: all work has stopped'),
    );
  });
});

describe('the engine', () => {
  it('asks the target anew where its answer could not be noted, and whom it refused is known then', async () => {
    const { script } = scriptOf({ users: [person(1), person(2)], groups: [] });
    const target = memoryTarget();
    const { apply } = target;
    target.apply = async (batch) => {
      const applied = await apply(batch);
      const refused = batch.accounts.filter((one) => one.externalId === id(2));
      return { ...applied, refused: refused.map(({ externalId }) => ({ externalId, reason: 'too long' })) };
    };
    const { engine, rooms, log } = makeEngine(script, { targets: [target] });
    const { refused } = rooms.targets;
    let attempts = 0;
    rooms.targets.refused = (...values) => {
      attempts += 1;
      if (attempts <= 2) {
        throw new StateError('The disk is full.', { kind: 'full', file: rooms.state.path });
      }
      refused(...values);
    };
    await engine.start();
    await until(() => engine.isAtRest() && attempts > 2, 'rest');
    expect(rooms.targets.refusals(9)).toMatchObject([{ id: id(2), reason: 'too long' }]);
    expect(rooms.targets.list()).toMatchObject([{ failingSince: null, error: null }]);
    expect(log.text()).not.toContain('A target cannot be written');
  });

  it('goes on with a run that met trouble, as if nothing had been', async () => {
    const { script } = scriptOf({ users: [person(1)], groups: [] });
    const { engine, rooms } = makeEngine(script);
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    const { markRange } = rooms.people;
    let attempts = 0;
    rooms.people.markRange = (...values) => {
      attempts += 1;
      if (attempts <= 2) throw new StateError('The disk is full.', { kind: 'full', file: rooms.state.path });
      return markRange(...values);
    };
    const run = rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
    engine.asked();
    await until(() => rooms.runs.get(run.id)?.finishedAt !== null, 'the end of the run');
    expect([rooms.runs.get(run.id)?.status, attempts > 2]).toEqual(['succeeded', true]);
  });

  it('stops all work where the file is damaged, and only that', async () => {
    const { script, queue } = scriptOf({ users: [person(1)], groups: [] });
    const target = memoryTarget();
    const { engine, rooms, log } = makeEngine(script, { targets: [target] });
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    queue.users.push({ id: id(1), removed: 'deleted', properties: {} });
    const damage = new StateError('It is damaged.', { kind: 'damaged', file: rooms.state.path });
    rooms.state.trouble = () => damage;
    rooms.streams.set('users', { dueAt: 0 });
    engine.notified();
    engine.asked();
    await until(() => log.text().includes('all work has stopped'), 'the word');
    for (const loop of engine.loops()) loop.wake();
    await until(
      () => engine.loops().every((loop) => loop.status().state === 'resting' && loop.status().failures === 0),
      'the rest of all loops',
    );
    expect(queue.users).toHaveLength(1);
    expect(target.accounts.get(id(1))?.enabled).toBe(true);
  });
});
