// Owns the proof that the process ends in order, with the right code, within its deadline.
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMemoryLog } from '../../src/ops/log.ts';
import { runUntilSignal, type ProcessLike, type RunOptions } from '../../src/ops/shutdown.ts';

class FakeProcess extends EventEmitter implements ProcessLike {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function run(parts: Partial<RunOptions> = {}) {
  const process = new FakeProcess();
  const log = createMemoryLog();
  const stop = vi.fn(() => Promise.resolve());
  const ended = runUntilSignal({
    start: () => Promise.resolve(),
    stop,
    deadlineMs: 10_000,
    log,
    process,
    ...parts,
  });
  return { process, log, stop, ended };
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const never = (): Promise<never> => new Promise(() => undefined);

describe('a run', () => {
  it('goes on while nothing ends it', async () => {
    const { process, stop } = run();
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(process.exits).toEqual([]);
    expect(stop).not.toHaveBeenCalled();
  });

  it.each(['SIGTERM', 'SIGINT'])('stops in order on %s and exits with 0', async (signal) => {
    const { process, stop, ended, log } = run();
    await settle();
    process.emit(signal, signal);
    expect(await ended).toBe(0);
    expect(stop).toHaveBeenCalledTimes(1);
    expect(process.exits).toEqual([0]);
    expect(log.lines.map((line) => line.message)).toEqual([`${signal} received: stopping.`, 'Stopped.']);
    expect(vi.getTimerCount()).toBe(0);
    expect(process.eventNames()).toEqual([]);
  });

  it('exits with 0 when the stop takes just less than the deadline', async () => {
    const { process, ended } = run({ stop: () => new Promise((resolve) => setTimeout(resolve, 9_999)) });
    await settle();
    process.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(9_999);
    expect(await ended).toBe(0);
  });

  it('exits with 1 and a sentence when the stop reaches the deadline', async () => {
    const { process, ended, log } = run({ stop: never });
    await settle();
    process.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(9_999);
    expect(process.exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await ended).toBe(1);
    expect(log.text()).toContain('longer than 10 seconds');
  });

  it('exits only once where the stop ends after the deadline after all', async () => {
    const { process, ended } = run({ stop: () => new Promise((resolve) => setTimeout(resolve, 20_000)) });
    await settle();
    process.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await ended).toBe(1);
    expect(process.exits).toEqual([1]);
  });

  it('ends at once with 130 on a second signal, of either kind', async () => {
    const { process, ended } = run({ stop: never });
    await settle();
    process.emit('SIGTERM', 'SIGTERM');
    process.emit('SIGINT', 'SIGINT');
    expect(await ended).toBe(130);
    expect(process.exits).toEqual([130]);
  });

  it('exits with 1 when the stop fails', async () => {
    const { process, ended, log } = run({ stop: () => Promise.reject(new Error('stuck')) });
    await settle();
    process.emit('SIGTERM', 'SIGTERM');
    expect(await ended).toBe(1);
    expect(log.text()).toContain('stuck');
  });

  it('takes down what a failed start left, and exits with 1', async () => {
    const { ended, stop, log } = run({ start: () => Promise.reject(new Error('port taken')) });
    expect(await ended).toBe(1);
    expect(stop).toHaveBeenCalledTimes(1);
    expect(log.text()).toContain('port taken');
  });

  it('takes a start that throws at once for a failed one', async () => {
    const { ended } = run({
      start: () => {
        throw new Error('no');
      },
    });
    expect(await ended).toBe(1);
  });

  it('aborts a start that is under way when the signal comes, waits for it, then stops', async () => {
    const order: string[] = [];
    const { process, ended } = run({
      start: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            order.push('start aborted');
            reject(new Error('aborted'));
          });
        }),
      stop: () => {
        order.push('stop');
        return Promise.resolve();
      },
    });
    await settle();
    process.emit('SIGTERM', 'SIGTERM');
    expect(await ended).toBe(0);
    expect(order).toEqual(['start aborted', 'stop']);
  });

  it('is cut short by the deadline where the start does not heed the signal', async () => {
    const { process, ended } = run({ start: never });
    await settle();
    process.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await ended).toBe(1);
  });

  it.each(['uncaughtException', 'unhandledRejection'])(
    'logs %s, stops in order and exits with 1',
    async (event) => {
      const { process, ended, stop, log } = run();
      await settle();
      process.emit(event, new Error('a defect'));
      expect(await ended).toBe(1);
      expect(stop).toHaveBeenCalledTimes(1);
      expect(log.text()).toContain('a defect');
    },
  );

  it('exits with 1 where a fatal error comes during an orderly stop, without stopping twice', async () => {
    const stop = vi.fn(() => new Promise<void>((resolve) => setTimeout(resolve, 100)));
    const { process, ended } = run({ stop });
    await settle();
    process.emit('SIGTERM', 'SIGTERM');
    process.emit('uncaughtException', new Error('a defect'));
    await vi.advanceTimersByTimeAsync(100);
    expect(await ended).toBe(1);
    expect(stop).toHaveBeenCalledTimes(1);
  });

  it('ends at once with 130 on a signal during the stop after a fatal error', async () => {
    const { process, ended } = run({ stop: never });
    await settle();
    process.emit('uncaughtException', new Error('a defect'));
    process.emit('SIGTERM', 'SIGTERM');
    expect(await ended).toBe(130);
  });
});
