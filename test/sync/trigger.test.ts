// Owns the proof of when the trigger is called: after the targets, once for many changes, until it was understood.
import { describe, expect, it } from 'vitest';
import type { TriggerMessage } from '../../src/gespage/trigger.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import type { Delivery } from '../../src/sync/deliver.ts';
import { createTrigger, longestWaitMs, quietMs } from '../../src/sync/trigger.ts';
import { readTriggerRecord } from '../../src/sync/trigger-record.ts';
import { makeRooms } from '../helpers/state.ts';

const forever = new AbortController().signal;

function makeKit(rooms = makeRooms(), names = ['sqlite']) {
  const clock = { now: 1_000_000 };
  const calls: TriggerMessage[] = [];
  const log = createMemoryLog();
  const current = new Set(names);
  const standing = { isSettled: true, failure: undefined as Error | undefined };
  const trigger = createTrigger({
    rooms,
    deliveries: names.map((name) => ({ target: { name }, isCurrent: () => current.has(name) }) as Delivery),
    isSettled: () => standing.isSettled,
    call: (message) => {
      if (standing.failure) return Promise.reject(standing.failure);
      calls.push(message);
      return Promise.resolve({ status: 200, text: 'started' });
    },
    now: () => clock.now,
    log,
  });
  const write = (revision: number, name = 'sqlite'): void => rooms.targets.applied(name, revision, clock.now);
  const step = () => trigger.step(forever);
  /** Lets time go by as the loop would, until there is nothing to wait for. */
  const settle = async (): Promise<void> => {
    for (let rest = await step(); typeof rest === 'number'; rest = await step()) clock.now += rest;
  };
  return { rooms, trigger, clock, calls, log, current, standing, write, step, settle };
}

describe('the trigger', () => {
  it('is called once, when nothing changed for a while, and not again without a change', async () => {
    const { calls, clock, write, step } = makeKit();
    for (let revision = 1; revision <= 5; revision += 1) {
      write(revision);
      expect(await step()).toBe(quietMs);
      clock.now += quietMs - 1;
    }
    expect(await step()).toBe(1);
    clock.now += 1;
    expect(await step()).toBe('idle');
    expect(await step()).toBe('idle');
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ product: 'gespage-graph-sync', accounts: 0, targets: ['sqlite'] });
  });

  it('is called after the longest wait, however many changes go on arriving', async () => {
    const { calls, clock, write, step } = makeKit();
    const began = clock.now;
    for (let revision = 1; calls.length === 0; revision += 1) {
      write(revision);
      await step();
      clock.now += quietMs / 2;
    }
    expect(clock.now - quietMs / 2 - began).toBe(longestWaitMs);
  });

  it('waits while a target lacks something, or while people are to be settled', async () => {
    const { calls, clock, current, standing, write, step } = makeKit(makeRooms(), ['sqlite', 'file']);
    write(1);
    write(1, 'file');
    const wait = async (): Promise<void> => {
      for (let turn = 0; turn < 5; turn += 1, clock.now += 60_000) expect(await step()).toBe(quietMs);
    };
    current.delete('file');
    await wait();
    current.add('file');
    standing.isSettled = false;
    await wait();
    standing.isSettled = true;
    expect(calls).toEqual([]);
    await step();
    clock.now += quietMs;
    expect(await step()).toBe('idle');
    expect(calls.map(({ targets }) => targets)).toEqual([['sqlite', 'file']]);
  });

  it('does not wait for a target that is down, and is called again when that one has caught up', async () => {
    const { rooms, calls, clock, current, write, settle } = makeKit(makeRooms(), ['sqlite', 'file']);
    write(3);
    rooms.targets.failed('file', 'held open', clock.now);
    current.delete('file');
    await settle();
    expect(calls.map(({ targets }) => targets)).toEqual([['sqlite']]);
    write(3, 'file');
    current.add('file');
    await settle();
    expect(calls.map(({ targets }) => targets)).toEqual([['sqlite'], ['sqlite', 'file']]);
  });

  it('is called where a comparison has put rows right, though no revision is new', async () => {
    const { rooms, calls, clock, write, settle } = makeKit();
    write(3);
    await settle();
    rooms.targets.compared('sqlite', 9, 2, clock.now);
    await settle();
    expect(calls).toHaveLength(2);
  });

  it('that failed is called until it was understood, after a restart too, and stands in the record', async () => {
    const rooms = makeRooms();
    const first = makeKit(rooms);
    first.standing.failure = new Error('The trigger at h answered 500.');
    first.write(1);
    await expect(first.settle()).rejects.toThrow('answered 500');
    expect([1, 2, 3, 99].map((attempt) => first.trigger.failed(first.standing.failure, attempt))).toEqual([
      5_000, 10_000, 20_000, 600_000,
    ]);
    expect(readTriggerRecord(rooms)).toMatchObject({
      calledAt: null,
      failingSince: first.clock.now,
      error: 'The trigger at h answered 500.',
    });
    const second = makeKit(rooms);
    await second.settle();
    expect(second.calls).toHaveLength(1);
    expect(readTriggerRecord(rooms)).toMatchObject({
      calledAt: second.clock.now,
      status: 200,
      failingSince: null,
      error: null,
    });
    const third = makeKit(rooms);
    await third.settle();
    expect(third.calls).toEqual([]);
  });

  it('logs the answer', async () => {
    const { log, write, settle } = makeKit();
    write(1);
    await settle();
    expect(log.lines.at(-1)).toMatchObject({
      message: 'The trigger was called',
      fields: { status: 200, answer: 'started' },
    });
  });
});
