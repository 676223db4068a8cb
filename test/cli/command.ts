// Owns running the operator's command: as a process of its own, as an operator does, or by its function, in no time.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../src/cli/run.ts';
import { secretWatch, watchLines } from '../helpers/secret-watch.ts';

const command = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON. */
  json<T = Record<string, unknown>>(): T;
}

export interface Started {
  readonly ended: Promise<Ended>;
  /** Resolves once standard error holds the text. */
  saying(text: string): Promise<void>;
  interrupt(): void;
  /** As kill -9. */
  kill(): void;
}

/** Starts `gespage-sync …`; of this process's environment nothing reaches it but where programs and compiled code are. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(process.execPath, [command, ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  secretWatch.keepEnvironment(env);
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', watchLines());
  child.stdout.on('data', (text: string) => (out += text));
  child.stderr.on('data', (text: string) => {
    err += text;
    for (const listener of listeners) listener();
  });
  return {
    ended: new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, out, err, json: () => JSON.parse(out) as never }));
    }),
    saying: (text) =>
      new Promise((resolve, reject) => {
        const listen = (): void => {
          if (!err.includes(text)) return;
          listeners.delete(listen);
          resolve();
        };
        listeners.add(listen);
        child.once('close', () => reject(new Error(`ended without saying "${text}": ${err}${out}`)));
        listen();
      }),
    interrupt: () => void child.kill('SIGINT'),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Runs `gespage-sync …` to its end. */
export function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return start(args, env).ended;
}

/**
 * The same by the command's function in this process, for all that lies behind the words and the environment. What only a
 * process has (signals, its own TLS trust, its end) is not there.
 */
export async function call(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  let [out, err] = ['', ''];
  secretWatch.keepEnvironment(env);
  const code = await runCommand(args, {
    env,
    files: { read: (file) => readFileSync(file, 'utf8') },
    now: Date.now,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    onInterrupt: () => undefined,
  });
  secretWatch.see(out);
  secretWatch.see(err);
  return { code, out, err, json: () => JSON.parse(out) as never };
}

const folders: string[] = [];

/** A new folder that `removeFolders` takes away. */
export function openFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-cli-'));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
