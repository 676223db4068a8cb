// Owns the service to be killed: the program as it is started in production, in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Service {
  /** Resolves once its private door answers. */
  answers(): Promise<void>;
  /** Kill -9, this instant; may be called without waiting. */
  strike(): void;
  /** The same; resolves once the process is gone. @throws where it had ended by itself. */
  kill(): Promise<void>;
  /** Ends it, however it fares. */
  discard(): Promise<void>;
  /** Asks it to end, and waits. @throws unless it ends with exit code 0. */
  stop(): Promise<void>;
}

/** Starts it once, to no purpose: what Node compiled then serves all who are killed before they could keep it. */
export async function warmUp(program: string, cache: string): Promise<void> {
  const child = spawn(process.execPath, [program], { env: { NODE_COMPILE_CACHE: cache }, stdio: 'ignore' });
  await once(child, 'close');
}

/** Starts it and hears each line of its output. */
export function startService(
  program: string,
  env: Readonly<Record<string, string>>,
  adminPort: number,
  hear: (line: string) => void,
): Service {
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  let how: string | undefined;
  void ended.then((end) => (how = end));
  const demand = (wanted: string, end: string): void => {
    if (end !== wanted) throw new Error(`The service has ended by itself, or otherwise than asked: ${end}`);
  };
  return {
    async answers() {
      while (how === undefined) {
        const answer = await fetch(`http://127.0.0.1:${adminPort}/healthz`).catch(() => undefined);
        if (answer?.ok === true) return;
        await sleep(5);
      }
      demand('SIGKILL', how);
    },
    strike: () => void child.kill('SIGKILL'),
    async kill() {
      child.kill('SIGKILL');
      demand('SIGKILL', await ended);
    },
    async discard() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      demand('exit code 0', await ended);
    },
  };
}
