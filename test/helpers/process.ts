// Owns the service as a process of its own, started from the sources with nothing but its environment.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Mapping } from '../../src/accounts/mapping.ts';
import { trustAuthority } from '../emulator/certificates.ts';
import { type Emulator, startEmulator } from '../emulator/emulator.ts';
import type { EmulatorOptions } from '../emulator/options.ts';
import { eventually } from './eventually.ts';
import { findDifferences } from './expected-target.ts';
import { secretWatch, watchLines } from './secret-watch.ts';
import { adminToken, freePort, makeEnvironment, readTestConfig } from './service.ts';
import { readTarget, type TargetTables } from './target-tables.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Process {
  /** Standard output and standard error so far. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Starts the service; it is killed with the test if it still runs. */
export function startProcess(env: Readonly<Record<string, string>>): Process {
  const child: ChildProcess = spawn(process.execPath, [main], {
    env: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    stream?.on('data', watchLines());
  }
  secretWatch.keepEnvironment(env);
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    output: () => output,
    kill: (signal) => void child.kill(signal),
    ended: new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal }))),
  };
}

export interface ProcessRig {
  readonly tenant: Emulator;
  readonly env: Readonly<Record<string, string>>;
  readonly adminUrl: string;
  readonly publicPort: number;
  target(): TargetTables;
  differences(): string[];
  inSync(timeoutMs?: number): Promise<void>;
  /** Starts the service and waits until its private door answers. */
  start(): Promise<Process>;
  /** A request to the private door, with the token. */
  ask(route: string, init?: RequestInit): Promise<{ status: number; body: Record<string, unknown> }>;
}

/** A tenant in this process, and the environment of a service beside it. */
export async function makeProcessRig(options: {
  tenant: EmulatorOptions;
  mapping?: unknown;
  env?: Record<string, string>;
}): Promise<ProcessRig> {
  const tenant = await startEmulator(options.tenant);
  trustAuthority(tenant.caPem);
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-e2e-'));
  onTestFinished(async () => {
    await tenant.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const adminPort = await freePort();
  const env = await makeEnvironment(tenant, folder, {
    ...options,
    env: {
      NODE_EXTRA_CA_CERTS: tenant.caPath,
      ADMIN_PORT: `${adminPort}`,
      LOG_LEVEL: 'debug',
      ...options.env,
    },
  });
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const { NODE_EXTRA_CA_CERTS: _, ...settings } = env;
  const mapping: Mapping = readTestConfig(settings, options.mapping).mapping;
  const target = (): TargetTables => readTarget(path.join(folder, 'gespage.db'));
  const remembered = new Set<string>();
  const differences = (): string[] => {
    const tables = target();
    for (const id of tables.accounts.keys()) remembered.add(id);
    return findDifferences(tenant.snapshot(), tables, { mapping, policy: 'disable', remembered });
  };
  return {
    tenant,
    env,
    adminUrl,
    publicPort: Number(env['LISTEN_PORT']),
    target,
    differences,
    inSync: (timeoutMs) => eventually(differences, timeoutMs),
    async start() {
      const process = startProcess(env);
      let ended: Ended | undefined;
      void process.ended.then((end) => (ended = end));
      for (;;) {
        if (ended)
          throw new Error(`The service has ended (${ended.code ?? ended.signal}):\n${process.output()}`);
        const answer = await fetch(`${adminUrl}/healthz`).catch(() => undefined);
        if (answer?.ok === true) return process;
        await sleep(10);
      }
    },
    async ask(route, init = {}) {
      const answer = await fetch(`${adminUrl}${route}`, {
        ...init,
        headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
  };
}
