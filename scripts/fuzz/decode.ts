// Owns the process in which one decoder is fuzzed: a decoder that hangs or falls takes nothing else with it.
import type { Tally } from '../../test/fuzz/decoder.ts';
import { loadDecoder } from '../../test/fuzz/decoders.ts';
import { partSize, seedOf } from './parts.ts';

/** Told to the parent after each part. */
export interface Progress {
  readonly done: number;
  /** Bytes that are alive after a collection. */
  readonly alive: number;
  readonly tally: Tally;
}

const [, , name = '', inputs = '0', seed = '0', from = '0'] = process.argv;

const decoder = await loadDecoder(name);
for (let done = 0, part = Number(from); done < Number(inputs); part += 1) {
  const count = Math.min(partSize, Number(inputs) - done);
  const tally = await decoder.run(seedOf(Number(seed), part), count);
  done += count;
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  const progress: Progress = { done, alive: heapUsed + external, tally };
  await new Promise((resolve) => process.send?.(progress, resolve));
}
decoder.close();
process.disconnect();
