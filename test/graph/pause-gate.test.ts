// Owns the proof of the pause gate.
import { describe, expect, it } from 'vitest';
import { createPauseGate } from '../../src/graph/pause-gate.ts';
import { handClock } from './wire-server.ts';

describe('the pause gate', () => {
  it('is open at first and lets pass at once', async () => {
    const clock = handClock();
    await createPauseGate(clock).pass();
    expect(clock.now()).toBe(1_000_000);
  });

  it('sleeps through two seconds and refuses anything longer, saying for how long', async () => {
    const clock = handClock();
    const gate = createPauseGate(clock);
    gate.pause(clock.now() + 2000);
    await gate.pass();
    expect(clock.now()).toBe(1_002_000);
    gate.pause(clock.now() + 2001);
    await expect(gate.pass()).rejects.toMatchObject({ kind: 'throttled', retryAfterMs: 2001 });
    clock.move(1);
    await gate.pass();
  });

  it('never shortens a pause, nor takes one that is no number', async () => {
    const clock = handClock();
    const gate = createPauseGate(clock);
    gate.pause(clock.now() + 60_000);
    gate.pause(clock.now() + 1000);
    gate.pause(NaN);
    expect(gate.until()).toBe(1_060_000);
    await expect(gate.pass()).rejects.toMatchObject({ retryAfterMs: 60_000 });
  });

  it('tells of pauses that should survive a restart, and only of those', () => {
    const clock = handClock();
    const told: number[] = [];
    const gate = createPauseGate({ ...clock, onPause: (until) => told.push(until) });
    gate.pause(clock.now() + 500);
    gate.pause(clock.now() + 30_000);
    gate.pause(clock.now() + 30_000);
    expect(told).toEqual([1_030_000]);
  });

  it('remembers a pause from before the restart [pitfall 6]', async () => {
    const clock = handClock();
    const gate = createPauseGate({ ...clock, until: clock.now() + 10_000 });
    await expect(gate.pass()).rejects.toMatchObject({ kind: 'throttled', retryAfterMs: 10_000 });
  });

  it('lasts no longer than was asked when the clock is set back', async () => {
    const clock = handClock();
    const gate = createPauseGate(clock);
    gate.pause(clock.now() + 30_000);
    clock.move(-3_600_000);
    await expect(gate.pass()).rejects.toMatchObject({ retryAfterMs: 30_000 });
    clock.move(29_000);
    await gate.pass();
    expect(clock.now()).toBe(1_000_000 - 3_600_000 + 30_000);
  });

  it('lasts as long after a restart', async () => {
    const clock = handClock();
    const restored = createPauseGate({ ...clock, until: clock.now() + 10_800_000 });
    await expect(restored.pass()).rejects.toMatchObject({ retryAfterMs: 10_800_000 });
    clock.move(-3_600_000);
    await expect(restored.pass()).rejects.toMatchObject({ retryAfterMs: 10_800_000 });
  });

  it('sleeps on when the pause grows meanwhile', async () => {
    const clock = handClock();
    let slept = 0;
    const gate = createPauseGate({
      now: clock.now,
      sleep: async (ms) => {
        slept += 1;
        if (slept === 1) gate.pause(clock.now() + 1500);
        await clock.sleep(ms);
      },
    });
    gate.pause(clock.now() + 1000);
    await gate.pass();
    expect(clock.now()).toBe(1_001_500);
  });
});
