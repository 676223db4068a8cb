// Owns the whole product under test in this process: the real parts, an emulated tenant over TLS, a listening door.
// Nothing here needs a test runner: the soak uses it too.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Door, openDoor, openParts, type Parts, publicDoor } from '../../src/compose.ts';
import { type Config, readConfig, secretsOf } from '../../src/config.ts';
import { createMemoryLog, type MemoryLog } from '../../src/ops/log.ts';
import { trustAuthority } from '../emulator/certificates.ts';
import { type Emulator, startEmulator } from '../emulator/emulator.ts';
import type { Change } from '../emulator/mutations.ts';
import type { EmulatorOptions } from '../emulator/options.ts';
import { eventually } from './eventually.ts';
import { findDifferences } from './expected-target.ts';
import { secretWatch } from './secret-watch.ts';
import { createStateFiles } from './state-files.ts';
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

/** How a service finds its tenant. */
export type TenantAddress = Pick<
  Emulator,
  'tenantId' | 'clientId' | 'clientSecret' | 'authorityHost' | 'graphBaseUrl'
>;

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
  /**
   * As near to kill -9 as a process can come to itself: keeps the state database as the disk has it at this instant,
   * closes it under the running engine, and puts it back once all that still ran has met its end. No work is finished
   * and nothing more is saved; requests under way are cut. Only a batch that the target's thread has in hand is written
   * to its end, as if the kill came right after. May also come while `start` is under way.
   * @param powerCut of what no durable transaction has put on disk for certain, this share is kept, from 0 to 1.
   */
  crash(powerCut?: number): Promise<void>;
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

/** The environment of a service beside a tenant, with all its files in one folder. */
export async function makeEnvironment(
  tenant: TenantAddress,
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
  const read = (file: string): string =>
    file === env['GESPAGE_SQL_MAPPING_FILE'] ? readFileSync(file, 'utf8') : JSON.stringify(mapping);
  const result = readConfig(env, { read });
  if (!result.ok) throw new Error(result.problems.join('\n'));
  secretWatch.keepEnvironment(env);
  return result.config;
}

/** Makes a tenant and a service beside it, not started yet. */
export async function makeRig(options: RigOptions = {}): Promise<Rig> {
  const tenant = await startEmulator({ users: 12, groups: 0, ...options.tenant });
  trustAuthority(tenant.caPem);
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-e2e-'));
  const env = await makeEnvironment(tenant, folder, options);
  const config = readTestConfig(env, options.mapping);
  const targetFile = path.join(folder, 'gespage.db');
  const log = createMemoryLog(secretsOf(config));
  const remembered = new Set<string>();
  let parts: Parts | undefined;
  let door: Door | undefined;
  const files = createStateFiles(config.state.path);
  let starting: Promise<void> | undefined;
  let abandon = new AbortController();

  const beginWork = async (mine: Parts, signal: AbortSignal): Promise<void> => {
    if (config.publicDoor.urls)
      door = await openDoor(publicDoor(mine), config.publicDoor.host, config.publicDoor.port);
    await mine.engine.start(signal);
  };
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
      hidesDeleted: options.tenant?.settings?.delta?.firstRoundTombstones === false,
      ...(config.removal.graceMs > 86_400_000 && { remembered }),
    });
  const withLog = async (waiting: Promise<void>): Promise<void> => {
    try {
      await waiting;
    } catch (error) {
      const lines = log.lines
        .slice(-15)
        .map((line) => `${line.level} ${line.message} ${JSON.stringify(line.fields)}`);
      const wrong = error instanceof Error ? error.message : String(error);
      // Worked out only here: it takes longer than all else that is asked again and again.
      const now = differences().slice(0, 12);
      throw new Error([wrong, 'By now:', ...now, 'The log ends with:', ...lines].join('\n'));
    }
  };

  const rig: Rig = {
    tenant,
    env,
    config,
    log,
    parts: running,
    async start() {
      files.beforeOpening();
      const mine = openParts(config, log);
      parts = mine;
      files.watch(mine.state);
      abandon = new AbortController();
      options.prepare?.(mine);
      starting = beginWork(mine, abandon.signal);
      await starting;
    },
    async stop() {
      await door?.close();
      door = undefined;
      const stopped = parts;
      parts = undefined;
      await stopped?.engine.stop();
      stopped?.close();
    },
    async crash(powerCut) {
      const dead = parts;
      if (!dead) return;
      parts = undefined;
      const putBack = files.keep(powerCut);
      abandon.abort();
      dead.state.close();
      // Whatever fails for want of a database would never have been heard of.
      const ended = dead.engine.stop().catch(() => undefined);
      await starting?.catch(() => undefined);
      await door?.close();
      door = undefined;
      await ended;
      dead.close();
      putBack();
    },
    target,
    differences,
    inSync: (timeoutMs) => withLog(eventually(differences, timeoutMs)),
    atRest: (timeoutMs) =>
      withLog(
        eventually(() => {
          if (tenant.delivery().pending > 0) return 'notifications are on their way';
          const { engine, rooms } = running();
          if (!engine.isAtRest()) {
            // Whoever has a row meanwhile must still have it at the end.
            target();
            return 'the engine is not at rest';
          }
          const newest =
            (rooms.state.sql('SELECT max(id) FROM notification').pluck().get() as number | null) ?? 0;
          if (rooms.meta.counter('inbox-cursor') < newest) return 'a notification was not taken up yet';
          if (rooms.inbox.pendingCount().depth > 0) return 'somebody waits to be looked at';
          // What changed during a full round is read at once, by another round.
          const isFresh = (['users', 'groups'] as const)
            .map((name) => rooms.streams.get(name))
            .some(
              ({ round, dueAt, completedAt, fullCompletedAt }) =>
                (completedAt ?? 0) <= (fullCompletedAt ?? 0) && (round !== null || dueAt <= Date.now()),
            );
          if (isFresh) return 'the round after a full one is not over';
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
