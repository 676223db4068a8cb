// Owns one decoder's turn: the process that does it, the watch over its progress, its figures.
import { fork } from 'node:child_process';
import type { Progress } from './decode.ts';
import { alive, judgeMemory, mib, type Sample } from './memory.ts';
import { partSize } from './parts.ts';

export interface DecoderTurn {
  readonly name: string;
  readonly inputs: number;
  readonly seed: number;
  /** The part to begin with. */
  readonly from: number;
  readonly say: (line: string) => void;
}

/** Longer than any part takes on a busy machine, unless an input hangs. */
const silenceMs = 180_000;

const program = new URL('./decode.ts', import.meta.url);

/** Gives what failed; the figures are said. */
export async function fuzzDecoder({ name, inputs, seed, from, say }: DecoderTurn): Promise<string[]> {
  const begun = performance.now();
  const outcomes: Record<string, number> = {};
  const memory: Sample[] = [];
  let done = 0;
  let slowest = 0;
  const errors = await new Promise<string>((resolve) => {
    const child = fork(program, [name, `${inputs}`, `${seed}`, `${from}`], {
      // To see what is alive, and not what was not collected yet.
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    let text = '';
    const watch = setTimeout(() => {
      text += 'an input hangs';
      child.kill('SIGKILL');
    }, silenceMs);
    child.stderr?.setEncoding('utf8').on('data', (more: string) => (text += more));
    child.on('message', (progress: Progress) => {
      watch.refresh();
      done = progress.done;
      memory.push({ at: done / inputs, bytes: progress.alive });
      slowest = Math.max(slowest, progress.tally.slowest);
      for (const [outcome, count] of Object.entries(progress.tally.outcomes))
        outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    });
    child.once('close', (code) => {
      clearTimeout(watch);
      resolve(code === 0 ? '' : `${text.slice(0, 6_000)} (ended with ${code})`);
    });
  });
  const seconds = (performance.now() - begun) / 1_000;
  const level = judgeMemory(memory, alive);
  say(
    `  ${done} inputs in ${seconds.toFixed(0)} s, the slowest ${slowest.toFixed(0)} ms; alive ${mib(level.warm)} warm, ${mib(level.end)} at the end`,
  );
  say(`  ${JSON.stringify(outcomes)}`);
  const problems: string[] = [];
  if (errors !== '') {
    const part = from + Math.floor(done / partSize);
    const again = `npm run fuzz -- --only "${name}" --seed ${seed} --from ${part} --inputs ${partSize}`;
    problems.push(`${errors}\n  Again: ${again}`);
  }
  if (!level.isLevel) problems.push(`what is alive grows from ${mib(level.warm)} to ${mib(level.end)}`);
  return problems;
}
