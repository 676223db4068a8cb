// Owns the soak by histories: several processes that play them, progress, and what is told of a failure.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Played, Task } from './history-worker.ts';
import type { HistoriesOptions } from './options.ts';
import { duration, number, plural } from './words.ts';

const historyWorker = fileURLToPath(new URL('./history-worker.ts', import.meta.url));
const progressMs = 5_000;
/** A process that plays many histories trusts many authorities. */
const historiesOfOneProcess = 40;
const longestMs = 15 * 60_000;

interface Tally {
  survived: number;
  failed: number;
  changes: number;
  restarts: number;
  crashes: number;
}

/** Plays histories until enough are done, the time is over or `signal` stops it; gives the number of failures. */
export async function run(
  options: HistoriesOptions,
  folder: string,
  signal: AbortSignal,
  workerFile = historyWorker,
): Promise<number> {
  const startedAt = Date.now();
  const end = options.minutes === undefined ? Infinity : startedAt + options.minutes * 60_000;
  const firstSeed = options.seed ?? Math.trunc(Math.random() * 1e9);
  const tally: Tally = { survived: 0, failed: 0, changes: 0, restarts: 0, crashes: 0 };
  const playing = new Set<number>();
  const failedSeeds: number[] = [];
  let begun = 0;

  const next = (): Task | undefined => {
    const isOver = signal.aborted || Date.now() >= end || begun >= (options.histories ?? Infinity);
    if (isOver) return undefined;
    begun += 1;
    return {
      seed: options.seed ?? (firstSeed + begun - 1) % 2 ** 31,
      path: options.path,
      steps: options.steps,
    };
  };
  const record = (task: Task, played: Played): void => {
    if (played.ok) {
      tally.survived += 1;
      tally.changes += played.changes;
      tally.restarts += played.restarts;
      tally.crashes += played.crashes;
      return;
    }
    tally.failed += 1;
    failedSeeds.push(task.seed);
    console.log(
      [
        `\nFAILED: the history of seed ${task.seed}. To play it again:`,
        `  ${replay(task)}`,
        ...played.problem.split('\n').map((line) => `  | ${line}`),
        '',
      ].join('\n'),
    );
  };
  const work = async (): Promise<void> => {
    let worker: Worker | undefined;
    for (let task = next(); task !== undefined; task = next()) {
      worker = worker?.canPlay() === true ? worker : startWorker(workerFile, folder);
      playing.add(task.seed);
      const played = await worker.play(task, signal);
      playing.delete(task.seed);
      if (played !== 'stopped') record(task, played);
    }
    worker?.end();
  };

  const tell = (): void => {
    const seeds = playing.size > 0 ? `; now seeds ${[...playing].join(' ')}` : '';
    console.log(`${summary(tally, startedAt)}${seeds}`);
  };
  const progress = setInterval(tell, progressMs);
  await Promise.all(Array.from({ length: Math.min(options.jobs, options.histories ?? Infinity) }, work));
  clearInterval(progress);
  console.log(summary(tally, startedAt));
  console.log(`The seeds began with ${firstSeed}.`);
  if (tally.failed > 0) console.log(`${plural(tally.failed, 'failure')}: seeds ${failedSeeds.join(' ')}`);
  return tally.failed;
}

function summary(tally: Tally, startedAt: number): string {
  const { survived, failed, changes, restarts, crashes } = tally;
  return (
    `${number(survived)} ${survived === 1 ? 'history' : 'histories'} survived, ${number(failed)} failed; ${number(changes)} changes, ` +
    `${number(restarts)} restarts, ${number(crashes)} crashes; ${duration(Date.now() - startedAt)}`
  );
}

function replay({ seed, path: where, steps: [least, most] }: Task): string {
  const range = least === most ? `${least}` : `${least}-${most}`;
  return `npm run soak -- --seed ${seed}${where === undefined ? '' : ` --path ${where}`} --steps ${range}`;
}

interface Worker {
  canPlay(): boolean;
  /** What came of it; `stopped` where the signal ended it. */
  play(task: Task, signal: AbortSignal): Promise<Played | 'stopped'>;
  end(): void;
}

function startWorker(workerFile: string, folder: string): Worker {
  // All that a history leaves behind when its process is ended lies in the soak's own folder.
  const env = {
    ...process.env,
    TMPDIR: mkdtempSync(path.join(folder, 'w-')),
    // Each process, and each thread of a target, loads the same modules.
    NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
  };
  const child: ChildProcess = fork(workerFile, [], { env, stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
  let played = 0;
  let ended = false;
  let errors = '';
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (errors = `${errors}${text}`.slice(-10_000)));
  child.once('close', () => (ended = true));
  return {
    canPlay: () => !ended && played < historiesOfOneProcess,
    play(task, signal) {
      played += 1;
      const isLast = played >= historiesOfOneProcess;
      return new Promise((resolve) => {
        const settle = (result: Played | 'stopped', end: boolean): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          child.removeAllListeners('message');
          child.off('close', onClose);
          if (end) {
            ended = true;
            child.kill('SIGKILL');
          }
          resolve(result);
        };
        const onAbort = (): void => settle('stopped', true);
        const onClose = (code: number | null, by: NodeJS.Signals | null): void =>
          settle({ ok: false, problem: `The process ended (${by ?? code}):\n${errors}` }, true);
        const timer = setTimeout(
          () => settle({ ok: false, problem: `Not over after ${duration(longestMs)}.\n${errors}` }, true),
          longestMs,
        );
        signal.addEventListener('abort', onAbort, { once: true });
        child.once('close', onClose);
        child.once('message', (message) => settle(message as Played, isLast));
        child.send(task);
      });
    },
    end: () => void child.kill('SIGKILL'),
  };
}
