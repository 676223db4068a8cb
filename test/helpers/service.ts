// Owns the whole product under test in this process: the real parts, an emulated tenant over TLS, a listening door.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { onTestFinished } from 'vitest';
import { type Door, openDoor, openParts, type Parts, publicDoor } from '../../src/compose.ts';
import { type Config, readConfig, secretsOf } from '../../src/config.ts';
import { createMemoryLog, type MemoryLog } from '../../src/ops/log.ts';
import { type Emulator, startEmulator } from '../emulator/emulator.ts';
import type { Change } from '../emulator/mutations.ts';
import type { EmulatorOptions } from '../emulator/options.ts';
import { eventually } from './eventually.ts';
import { findDifferences } from './expected-target.ts';
import { readTarget, type TargetTables } from './target-tables.ts';

export interface RigOptions {
  readonly tenant?: EmulatorOptions;
  /** A mapping file's content. */
  readonly mapping?: unknown;
  /** Further environment variables; an empty text leaves one out. */
  readonly env?: Readonly<Record<string, string>>;
  /** False leaves `PUBLIC_URL` out. */
  readonly notifications?: boolean;
  /** Called with each new set of parts before the engine starts. */
  readonly prepare?: (parts: Parts) => void;
}

export interface Rig {
  readonly tenant: Emulator;
  readonly env: Readonly<Record<string, string>>;
  readonly config: Config;
  readonly log: MemoryLog;
  /** The running parts. */
  parts(): Parts;
  /** Opens the door and starts the engine on the same files as before. */
  start(): Promise<void>;
  stop(): Promise<void>;
  target(): TargetTables;
  /** What is wrong in the target at the moment. */
  differences(): string[];
  /** Waits until the target equals the tenant. */
  inSync(timeoutMs?: number): Promise<void>;
  /** Waits until the target equals the tenant, nothing is on its way, and nobody waits to be looked at. */
  atRest(timeoutMs?: number): Promise<void>;
  /** Ms from the moment the change's notification left until the target equalled the tenant; resolves at rest. */
  delayOf(change: Change): Promise<number>;
  close(): Promise<void>;
}

export const adminToken = 'test-admin-token-0123456789-abcdefghij';

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Trusts the tenant's authority in this process, beside those trusted already. */
export function trust(caPem: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), caPem]);
}

/** The environment of a service beside a tenant, with all its files in one folder. */
export async function makeEnvironment(
  tenant: Emulator,
  folder: string,
  options: Pick<RigOptions, 'mapping' | 'env' | 'notifications'>,
): Promise<Record<string, string>> {
  const port = await freePort();
  const env: Record<string, string> = {
    AZURE_TENANT_ID: tenant.tenantId,
    AZURE_CLIENT_ID: tenant.clientId,
    AZURE_CLIENT_SECRET: tenant.clientSecret,
    AZURE_AUTHORITY_HOST: tenant.authorityHost,
    GRAPH_BASE_URL: tenant.graphBaseUrl,
    LISTEN_HOST: '127.0.0.1',
    LISTEN_PORT: `${port}`,
    ADMIN_PORT: '0',
    ADMIN_TOKEN: adminToken,
    STATE_PATH: path.join(folder, 'state.db'),
    GESPAGE_SQL_URL: `sqlite:${path.join(folder, 'gespage.db')}`,
    // Tests provoke removals by the dozen; those of the guard set their own limit.
    REMOVAL_LIMIT: '100000',
    ...(options.notifications === false ? {} : { PUBLIC_URL: `http://127.0.0.1:${port}` }),
  };
  if (options.mapping !== undefined) {
    env['MAPPING_FILE'] = path.join(folder, 'mapping.json');
    writeFileSync(env['MAPPING_FILE'], JSON.stringify(options.mapping));
  }
  Object.assign(env, options.env);
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

export function readTestConfig(env: Readonly<Record<string, string>>, mapping: unknown): Config {
  const result = readConfig(env, { read: () => JSON.stringify(mapping) });
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.config;
}

/** Makes a tenant and a service beside it, started; both end with the test. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const rig = await makeRig(options);
  onTestFinished(() => rig.close());
  await rig.start();
  return rig;
}

/** The same, not started and not closed by itself. */
export async function makeRig(options: RigOptions = {}): Promise<Rig> {
  const tenant = await startEmulator({ users: 12, groups: 0, ...options.tenant });
  trust(tenant.caPem);
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-e2e-'));
  const env = await makeEnvironment(tenant, folder, options);
  const config = readTestConfig(env, options.mapping);
  const targetFile = path.join(folder, 'gespage.db');
  const log = createMemoryLog(secretsOf(config));
  const remembered = new Set<string>();
  let parts: Parts | undefined;
  let door: Door | undefined;

  const running = (): Parts => {
    if (!parts) throw new Error('The service does not run.');
    return parts;
  };
  const target = (): TargetTables => {
    const tables = readTarget(targetFile);
    for (const id of tables.accounts.keys()) remembered.add(id);
    return tables;
  };
  const differences = (): string[] =>
    findDifferences(tenant.snapshot(), target(), {
      mapping: config.mapping,
      policy: config.removal.policy,
      ...(config.removal.graceMs > 86_400_000 && { remembered }),
    });
  const withLog = async (waiting: Promise<void>): Promise<void> => {
    try {
      await waiting;
    } catch (error) {
      const lines = log.lines
        .slice(-15)
        .map((line) => `${line.level} ${line.message} ${JSON.stringify(line.fields)}`);
      throw new Error(
        [error instanceof Error ? error.message : String(error), 'The log ends with:', ...lines].join('\n'),
      );
    }
  };

  const rig: Rig = {
    tenant,
    env,
    config,
    log,
    parts: running,
    async start() {
      parts = openParts(config, log);
      options.prepare?.(parts);
      if (config.publicDoor.urls)
        door = await openDoor(publicDoor(parts), config.publicDoor.host, config.publicDoor.port);
      await parts.engine.start();
    },
    async stop() {
      await door?.close();
      door = undefined;
      const stopped = parts;
      parts = undefined;
      await stopped?.engine.stop();
      stopped?.close();
    },
    target,
    differences,
    inSync: (timeoutMs) => withLog(eventually(differences, timeoutMs)),
    atRest: (timeoutMs) =>
      withLog(
        eventually(() => {
          if (tenant.delivery().pending > 0) return 'notifications are on their way';
          const { engine, rooms } = running();
          if (!engine.isAtRest()) return ['the engine is not at rest', ...differences()];
          const newest =
            (rooms.state.sql('SELECT max(id) FROM notification').pluck().get() as number | null) ?? 0;
          if (rooms.meta.counter('inbox-cursor') < newest) return 'a notification was not taken up yet';
          if (rooms.inbox.pendingCount().depth > 0) return 'somebody waits to be looked at';
          return differences();
        }, timeoutMs),
      ),
    async delayOf(change) {
      await rig.inSync();
      const arrived = Date.now();
      await rig.atRest();
      const sent = tenant.sentAt(change.seq);
      if (sent === null) throw new Error('The change was never notified.');
      return arrived - sent;
    },
    async close() {
      await rig.stop();
      await tenant.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return rig;
}
