import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { takeLease } from '../../src/state/lease.ts';
import { temporaryFile } from '../helpers/state.ts';

/** Another process that asks for the lease; its answer is `taken` or `refused`. */
async function askElsewhere(file: string): Promise<{ child: ChildProcess; answer: string }> {
  const child = fork(fileURLToPath(new URL('./hold-lease.ts', import.meta.url)), [file]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const [answer] = (await once(child, 'message')) as [string];
  return { child, answer };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

describe('the lease', () => {
  it('is held by one process at a time, and is free in the instant in which that one is killed [trouble 13.9]', async () => {
    const file = temporaryFile();
    const first = await askElsewhere(file);
    expect(first.answer).toBe('taken');
    expect((await askElsewhere(file)).answer).toBe('refused');
    expect(takeLease(file)).toBeUndefined();
    await kill(first.child);
    const second = takeLease(file);
    expect(second).toBeDefined();
    expect((await askElsewhere(file)).answer).toBe('refused');
    second?.release();
    expect((await askElsewhere(file)).answer).toBe('taken');
  });

  it('is exclusive within one process too', () => {
    const file = temporaryFile('not/there/yet/state.db');
    const first = takeLease(file);
    expect(takeLease(file)).toBeUndefined();
    first?.release();
    const again = takeLease(file);
    expect(again).toBeDefined();
    again?.release();
  });

  it('of one database says nothing about another', () => {
    const [one, other] = [takeLease(temporaryFile()), takeLease(temporaryFile())];
    expect(one && other).toBeDefined();
    one?.release();
    other?.release();
  });
});
