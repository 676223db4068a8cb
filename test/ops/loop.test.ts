// Owns the proof that a loop never runs twice at once, never misses a wake, never dies of an error, and stops clean.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLoop, type Loop, type LoopOptions, type Rest } from '../../src/ops/loop.ts';
import { createMemoryLog } from '../../src/ops/log.ts';

const loops: Loop[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') });
});

afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.stop()));
  vi.useRealTimers();
});

function makeLoop(step: LoopOptions['step'], more: Partial<LoopOptions> = {}) {
  const log = createMemoryLog();
  const errors: [unknown, number][] = [];
  const loop = createLoop({
    name: 'test',
    step,
    onError: (error, attempt) => {
      errors.push([error, attempt]);
      return 1_000;
    },
    log,
    now: () => new Date(),
    ...more,
  });
  loops.push(loop);
  return { loop, log, errors };
}

/** A step that the test ends by hand. */
function manualStep() {
  const waiting: ((rest: Rest) => void)[] = [];
  let steps = 0;
  let beside = 0;
  let mostBeside = 0;
  const step = async (): Promise<Rest> => {
    steps += 1;
    beside += 1;
    mostBeside = Math.max(mostBeside, beside);
    const rest = await new Promise<Rest>((resolve) => waiting.push(resolve));
    beside -= 1;
    return rest;
  };
  return {
    step,
    finish: (rest: Rest) => waiting.shift()?.(rest),
    steps: () => steps,
    mostBeside: () => mostBeside,
  };
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe('a loop', () => {
  it('takes its first step at once and the next after the rest it asked for, not before', async () => {
    const step = vi.fn(() => Promise.resolve<Rest>(500));
    const { loop } = makeLoop(step);
    loop.start();
    await settle();
    expect(step).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(499);
    expect(step).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(step).toHaveBeenCalledTimes(2);
  });

  it('starts once, however often it is told to', async () => {
    const step = vi.fn(() => Promise.resolve<Rest>('idle'));
    const { loop } = makeLoop(step);
    loop.start();
    loop.start();
    await settle();
    expect(step).toHaveBeenCalledTimes(1);
  });

  it('goes on at once after "again", and lets timers have their turn in between', async () => {
    let steps = 0;
    const { loop } = makeLoop(() => Promise.resolve(++steps < 5 ? 'again' : 'idle'));
    const other = vi.fn();
    setImmediate(other);
    loop.start();
    await settle();
    await settle();
    expect(other).toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(10);
    expect(steps).toBe(5);
  });

  it('rests until woken after "idle"', async () => {
    const step = vi.fn(() => Promise.resolve<Rest>('idle'));
    const { loop } = makeLoop(step);
    loop.start();
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(step).toHaveBeenCalledTimes(1);
    loop.wake();
    await settle();
    expect(step).toHaveBeenCalledTimes(2);
  });

  it('is woken out of a timed rest, which then does not ring as well', async () => {
    const step = vi.fn(() => Promise.resolve<Rest>(step.mock.calls.length === 1 ? 1_000 : 'idle'));
    const { loop } = makeLoop(step);
    loop.start();
    await vi.advanceTimersByTimeAsync(400);
    loop.wake();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(step).toHaveBeenCalledTimes(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes exactly one more step for any number of wakes during a step, and never two at once', async () => {
    const manual = manualStep();
    const { loop } = makeLoop(manual.step);
    loop.start();
    await settle();
    for (let i = 0; i < 10; i += 1) loop.wake();
    await settle();
    expect(manual.steps()).toBe(1);
    manual.finish('idle');
    await vi.advanceTimersByTimeAsync(10);
    expect(manual.steps()).toBe(2);
    manual.finish('idle');
    await vi.advanceTimersByTimeAsync(10);
    expect(manual.steps()).toBe(2);
    expect(manual.mostBeside()).toBe(1);
  });

  it('forgets a wake from before the start, since the first step serves it', async () => {
    const step = vi.fn(() => Promise.resolve<Rest>('idle'));
    const { loop } = makeLoop(step);
    loop.wake();
    loop.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(step).toHaveBeenCalledTimes(1);
  });

  it('tries again after a failure, counts failures in a row, and starts counting afresh after a success', async () => {
    const outcomes: (Rest | Error)[] = [new Error('a'), new Error('b'), 100, new Error('c'), 'idle'];
    const { loop, errors } = makeLoop(() => {
      const outcome = outcomes.shift();
      // A step that throws before it returns a promise counts as well.
      if (outcome instanceof Error) throw outcome;
      return Promise.resolve(outcome ?? 'idle');
    });
    loop.start();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(errors.map(([error, attempt]) => [(error as Error).message, attempt])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 1],
    ]);
    expect(outcomes).toEqual([]);
    expect(loop.status()).toMatchObject({ state: 'resting', failures: 0 });
  });

  it('does not let a wake shorten the back-off, and does not forget it either', async () => {
    const step = vi.fn(() =>
      step.mock.calls.length === 1 ? Promise.reject(new Error('down')) : Promise.resolve('idle' as Rest),
    );
    const { loop } = makeLoop(step);
    loop.start();
    await settle();
    loop.wake();
    await vi.advanceTimersByTimeAsync(999);
    expect(step).toHaveBeenCalledTimes(1);
    expect(loop.status()).toMatchObject({ state: 'backing-off', failures: 1 });
    await vi.advanceTimersByTimeAsync(1);
    expect(step).toHaveBeenCalledTimes(2);
  });

  it('survives a judge of errors that fails itself or gives no number', async () => {
    const judgements = [
      () => Number.NaN,
      () => {
        throw new Error('judge');
      },
    ];
    const step = vi.fn(() => Promise.reject<Rest>(new Error('down')));
    const { loop, log } = makeLoop(step, { onError: () => judgements.shift()?.() ?? 1e9 });
    loop.start();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(step).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(step).toHaveBeenCalledTimes(3);
    expect(log.lines).toHaveLength(1);
  });

  it('takes a rest below zero for none', async () => {
    const step = vi.fn(() => Promise.resolve<Rest>(step.mock.calls.length < 3 ? -5 : 'idle'));
    const { loop } = makeLoop(step);
    loop.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(step).toHaveBeenCalledTimes(3);
  });

  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 33])(
    'rests for %d ms in full, past the limit of setTimeout too',
    async (ms) => {
      const step = vi.fn(() => Promise.resolve<Rest>(ms));
      const { loop } = makeLoop(step);
      loop.start();
      await vi.advanceTimersByTimeAsync(ms - 1);
      expect(step).toHaveBeenCalledTimes(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(step).toHaveBeenCalledTimes(2);
    },
  );
});

describe('stopping a loop', () => {
  it('aborts the signal and waits for the step in hand', async () => {
    let aborted = false;
    let finish: (() => void) | undefined;
    const { loop, errors } = makeLoop(async (signal) => {
      signal.addEventListener('abort', () => (aborted = true));
      await new Promise<void>((resolve) => (finish = resolve));
      return 'again';
    });
    loop.start();
    await settle();
    let stopped = false;
    const stopping = loop.stop().then(() => (stopped = true));
    await settle();
    expect(aborted).toBe(true);
    expect(stopped).toBe(false);
    finish?.();
    await stopping;
    expect(errors).toEqual([]);
    expect(loop.status().state).toBe('stopped');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not take a step that ends by throwing for a failure', async () => {
    const { loop, errors } = makeLoop(
      (signal) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            reject(new Error('aborted'));
          }),
        ),
    );
    loop.start();
    await settle();
    await loop.stop();
    expect(errors).toEqual([]);
  });

  it.each<[string, Rest]>([
    ['idle', 'idle'],
    ['timed', 60_000],
  ])('ends a rest (%s) and leaves no timer behind', async (_, rest) => {
    const { loop } = makeLoop(() => Promise.resolve(rest));
    loop.start();
    await settle();
    await loop.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends a back-off too', async () => {
    const { loop } = makeLoop(() => Promise.reject(new Error('down')));
    loop.start();
    await settle();
    await loop.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may be asked twice, before the start too, and nothing starts afterwards', async () => {
    const step = vi.fn(() => Promise.resolve<Rest>('idle'));
    const { loop } = makeLoop(step);
    await Promise.all([loop.stop(), loop.stop()]);
    loop.start();
    loop.wake();
    await settle();
    expect(step).not.toHaveBeenCalled();
    expect(loop.status().state).toBe('stopped');
  });
});

describe('the status of a loop', () => {
  it('says what it is at, since when, and when it last succeeded', async () => {
    const manual = manualStep();
    const { loop } = makeLoop(manual.step);
    expect(loop.status()).toMatchObject({ name: 'test', state: 'new', lastSuccessAt: undefined });
    loop.start();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(loop.status()).toMatchObject({ state: 'stepping', since: new Date('2026-01-01T00:00:00Z') });
    manual.finish('idle');
    await settle();
    expect(loop.status()).toMatchObject({
      state: 'resting',
      since: new Date('2026-01-01T00:00:02Z'),
      lastSuccessAt: new Date('2026-01-01T00:00:02Z'),
    });
    loop.wake();
    await settle();
    const stopping = loop.stop();
    manual.finish('idle');
    await stopping;
  });
});
