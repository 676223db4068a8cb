// Owns the demo's child processes: started together, watched, and stopped in every case.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  /** The next line of standard output. */
  line(): Promise<string>;
}

export interface Box {
  /** Starts a script of this checkout with the same Node. */
  start(name: string, script: string, args: readonly string[], env: Readonly<Record<string, string>>): Child;
  /** What `work` gives; rejects at once when a child ends by itself, or on the signal. */
  whileAlive<T>(work: Promise<T>, signal: AbortSignal): Promise<T>;
  /** The last lines of the child that ended by itself. */
  logTail(): readonly string[];
  /** Tells all to stop, the youngest first, and waits; whoever does not end is killed. */
  stop(): Promise<void>;
  /** Ends all at once. */
  kill(): void;
}

const keptLines = 20;
const patienceMs = 12_000;

interface Running {
  readonly name: string;
  readonly process: ChildProcess;
  readonly lines: string[];
  readonly ended: Promise<void>;
}

/** Makes an empty box of children. */
export function createBox(): Box {
  const children: Running[] = [];
  let stopping = false;
  let failed: Running | undefined;
  let reportCrash: (error: Error) => void = () => undefined;
  const crashed = new Promise<never>((_, reject) => (reportCrash = reject));
  crashed.catch(() => undefined);

  return {
    start(name, script, args, env) {
      const file = fileURLToPath(new URL(`../../${script}`, import.meta.url));
      // A group of its own: Ctrl+C reaches the demo alone, which then stops the children in order.
      const child = spawn(process.execPath, [file, ...args], {
        env: { PATH: process.env['PATH'] ?? '', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      const lines: string[] = [];
      const waiting: ((line: string) => void)[] = [];
      const keep = (line: string): void => {
        lines.push(line);
        if (lines.length > keptLines) lines.shift();
      };
      createInterface({ input: child.stdout }).on('line', (line) => {
        keep(line);
        waiting.shift()?.(line);
      });
      createInterface({ input: child.stderr }).on('line', keep);
      const ended = new Promise<void>((resolve) => {
        child.once('error', (error) => {
          keep(error.message);
          resolve();
        });
        child.once('close', () => resolve());
      });
      const running = { name, process: child, lines, ended };
      children.push(running);
      void ended.then(() => {
        if (stopping) return;
        failed ??= running;
        const how = child.signalCode ?? `exit code ${child.exitCode}`;
        reportCrash(new Error(`${name} has ended by itself (${how}).`));
      });
      return { line: () => new Promise((resolve) => waiting.push(resolve)) };
    },
    async whileAlive(work, signal) {
      signal.throwIfAborted();
      let onAbort = (): void => undefined;
      const aborted = new Promise<never>((_, reject) => {
        onAbort = () => reject(new Error('The demo was interrupted.'));
        signal.addEventListener('abort', onAbort, { once: true });
      });
      try {
        return await Promise.race([work, crashed, aborted]);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
    logTail: () => failed?.lines ?? children.at(-1)?.lines ?? [],
    async stop() {
      stopping = true;
      for (const child of [...children].reverse()) {
        if (child.process.exitCode !== null || child.process.signalCode !== null) continue;
        child.process.kill('SIGTERM');
        const timer = setTimeout(() => child.process.kill('SIGKILL'), patienceMs);
        await child.ended;
        clearTimeout(timer);
      }
    },
    kill() {
      stopping = true;
      for (const child of children) child.process.kill('SIGKILL');
    },
  };
}
