// Owns what a soak by kills needs around the service: a tenant in another process, its load, and the target.
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mapping } from '../../src/accounts/mapping.ts';
import type { Random } from '../../test/emulator/random.ts';
import { freePort, makeEnvironment, readTestConfig } from '../../test/helpers/rig.ts';
import type { TargetTables } from '../../test/helpers/target-tables.ts';
import { type Acknowledgements, openRelay } from './acknowledgements.ts';
import type { CrashOptions } from './options.ts';
import { type Service, startService } from './service.ts';
import { openTarget } from './target.ts';
import { startTenant, type Tenant } from './tenant.ts';

export interface Stage {
  readonly folder: string;
  readonly statePath: string;
  readonly mapping: Mapping;
  readonly tenant: Tenant;
  readonly acknowledgements: Acknowledgements;
  /** Ids of every account that was ever seen in the target. */
  readonly remembered: Set<string>;
  /** Starts the service; resolves as soon as its process runs. */
  start(): Promise<Service>;
  readTarget(): Promise<TargetTables>;
  change(count: number): Promise<void>;
  /** Changes without end, with faults at Graph, until stopped. */
  startLoad(): { stop(): Promise<void> };
  /** Changes so far. */
  changes(): number;
  /** What the service called an error in its log, with how often. */
  errors(): ReadonlyMap<string, number>;
  /** The end of the service's log. */
  logTail(): string;
  close(): Promise<void>;
}

const mappingFile = { groups: { publish: ['*'] } };
const longestPauseMs = 25;
/** Of a hundred answers of Graph five fail, each in its own way; so do single answers in a batch, and sign-ins. */
const faults = [
  { probability: 0.015, action: { type: 'status' as const, status: 503 } },
  { probability: 0.01, action: { type: 'status' as const, status: 500 } },
  { probability: 0.01, action: { type: 'reset' as const } },
  { probability: 0.005, action: { type: 'lost-answer' as const } },
  { probability: 0.005, action: { type: 'truncate' as const } },
  { probability: 0.005, action: { type: 'status' as const, status: 429, retryAfter: 0 } },
  { scope: 'batch-item' as const, probability: 0.05, action: { type: 'status' as const, status: 503 } },
  { scope: 'token' as const, probability: 0.05, action: { type: 'status' as const, status: 500 } },
  { probability: 0.1, action: { type: 'delay' as const, ms: 20 } },
];

/** Sets it up; the service does not run yet. */
export async function openStage(
  options: CrashOptions,
  folder: string,
  cache: string,
  random: Random,
): Promise<Stage> {
  const tenant = await startTenant(folder, random.int(1, 1e6));
  const target = await openTarget(options.target, folder);
  const servicePort = await freePort();
  const adminPort = await freePort();
  const relay = await openRelay(servicePort);
  const env = await makeEnvironment(tenant, folder, {
    mapping: mappingFile,
    env: {
      LISTEN_PORT: `${servicePort}`,
      PUBLIC_URL: relay.url,
      ADMIN_PORT: `${adminPort}`,
      GESPAGE_SQL_URL: target.url,
    },
  });
  const remembered = new Set<string>();
  const errors = new Map<string, number>();
  let changes = 0;
  let service: Service | undefined;
  let log = '';

  const change = async (count: number): Promise<void> => {
    if (count > 0) changes += (await tenant.call('churn', count, { seed: random.int(0, 1e9) })).length;
  };
  const hear = (line: string): void => {
    log = `${log}${line}\n`.slice(-400_000);
    const message = /"level":"error".*"msg":"([^"]*)"/.exec(line)?.[1];
    if (message !== undefined) errors.set(message, (errors.get(message) ?? 0) + 1);
  };

  return {
    folder,
    statePath: env['STATE_PATH'] ?? '',
    mapping: readTestConfig(env, mappingFile).mapping,
    tenant,
    acknowledgements: relay.acknowledgements,
    remembered,
    async start() {
      const temporary = await mkdtemp(path.join(folder, 'tmp-'));
      service = startService(
        options.program,
        { ...env, NODE_EXTRA_CA_CERTS: tenant.caPath, TMPDIR: temporary, NODE_COMPILE_CACHE: cache },
        adminPort,
        hear,
      );
      return service;
    },
    async readTarget() {
      const tables = await target.read();
      for (const id of tables.accounts.keys()) remembered.add(id);
      return tables;
    },
    change,
    startLoad() {
      let isOn = true;
      const load = (async () => {
        for (const rule of faults) await tenant.call('addFault', rule);
        while (isOn) {
          await change(random.int(1, 4));
          await sleep(random.int(0, longestPauseMs));
        }
        await tenant.call('clearFaults');
      })();
      return {
        async stop() {
          isOn = false;
          await load;
        },
      };
    },
    changes: () => changes,
    errors: () => errors,
    logTail: () => log.split('\n').slice(-40).join('\n'),
    async close() {
      await service?.discard();
      await relay.close();
      await tenant.close();
      await target.close();
    },
  };
}
