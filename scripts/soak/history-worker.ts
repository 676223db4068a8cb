// Owns a process that plays histories, one after the other, as its parent names them.
import fc from 'fast-check';
import { historiesOf } from '../../test/sync/history.ts';
import type { Lived } from '../../test/sync/live.ts';
import { chooseThread, letTargetsChoose } from './same-thread.ts';

letTargetsChoose();
const { liveThrough } = await import('../../test/sync/live.ts');

export interface Task {
  readonly seed: number;
  readonly path: string | undefined;
  readonly steps: readonly [number, number];
}

export type Played = ({ readonly ok: true } & Lived) | { readonly ok: false; readonly problem: string };

/** Long enough for a busy machine: what is not equal by then is not about to be. */
const restMs = 60_000;

async function play({ seed, path, steps }: Task): Promise<Played> {
  const [history] = fc.sample(historiesOf(...steps), {
    seed,
    numRuns: 1,
    // Every other history is drawn without fast-check's liking for extremes.
    ...(path === undefined ? { unbiased: seed % 2 === 1 } : { path }),
  });
  chooseThread(seed);
  if (!history) return { ok: false, problem: 'There is no history of this seed and path.' };
  try {
    return { ok: true, ...(await liveThrough(history, restMs)) };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

process.on('message', (task: Task) => {
  void play(task).then((played) => process.send?.(played));
});
// The parent has gone: nobody listens any more.
process.on('disconnect', () => process.exit(0));
