// Owns the benchmark of the first sync: the built product against an emulated tenant, beside the floor.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { compileMapping } from '../../src/accounts/decide.ts';
import { defaultMapping } from '../../src/accounts/mapping.ts';
import { median, type Result } from './result.ts';

/** One size of tenant: the product and the floor, measured in turn. */
export interface FirstSyncResult {
  readonly users: number;
  readonly memberships: number;
  readonly floorMs: readonly number[];
  readonly productMs: readonly number[];
  /** Product's users a second over the floor's, medians. */
  readonly ratio: number;
  /** Peak resident memory of the product's process in MiB; undefined where /proc does not tell. */
  readonly peakMiB: number | undefined;
}

const root = path.resolve(import.meta.dirname, '../..');

/** Lines of JSON that a child prints, as they come. */
async function* jsonLines(child: ChildProcess): AsyncGenerator<Record<string, unknown>> {
  if (!child.stdout) throw new Error('the child has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) yield JSON.parse(line) as Record<string, unknown>;
  }
}

async function firstLine(child: ChildProcess): Promise<Record<string, unknown>> {
  for await (const line of jsonLines(child)) return line;
  throw new Error('a child of the benchmark ended before it printed its result');
}

function start(script: string, args: readonly string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [path.join(root, script), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function end(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;
}

async function measureFloor(env: Record<string, string>): Promise<number> {
  const child = start('scripts/bench/first-sync-floor.ts', [], env);
  return (await firstLine(child))['ms'] as number;
}

/** From the first request of the first round to the last row at the embedded target. */
async function measureProduct(
  env: Record<string, string>,
): Promise<{ ms: number; peakMiB: number | undefined }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-bench-'));
  const child = start('dist/main.js', [], {
    ...env,
    STATE_PATH: path.join(folder, 'state.db'),
    GESPAGE_SQL_URL: `sqlite:${path.join(folder, 'gespage.db')}`,
    ADMIN_PORT: '0',
    ADMIN_TOKEN: 'bench-0123456789abcdef0123456789abcdef',
    POLL_SECONDS: '3600',
    LOG_FORMAT: 'json',
  });
  try {
    let began: number | undefined;
    for await (const line of jsonLines(child)) {
      const at = Date.parse(line['time'] as string);
      if (line['msg'] === 'A full round of a delta stream begins') began ??= at;
      if (line['msg'] === 'Gespage holds what the tenant has' && began !== undefined) {
        return { ms: at - began, peakMiB: peakMemory(child.pid) };
      }
    }
    throw new Error('the product ended before its first sync was complete');
  } finally {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

function peakMemory(pid: number | undefined): number | undefined {
  try {
    const kib = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

/** Measures one size: floor and product in turn, `rounds` times. */
export async function measureFirstSync(users: number, rounds: number): Promise<FirstSyncResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-bench-tenant-'));
  const memberships = users * 4;
  const tenant = start(
    'test/emulator/main.ts',
    [
      '--users',
      `${users}`,
      '--groups',
      `${Math.max(5, Math.round(users / 50))}`,
      '--memberships',
      `${memberships}`,
      '--page-size',
      '999',
      '--ca-path',
      path.join(folder, 'ca.pem'),
    ],
    {},
  );
  try {
    const at = (await firstLine(tenant)) as Record<string, string>;
    const env: Record<string, string> = {
      GRAPH_BASE_URL: at['graphBaseUrl'] ?? '',
      AZURE_AUTHORITY_HOST: at['authorityHost'] ?? '',
      AZURE_TENANT_ID: at['tenantId'] ?? '',
      AZURE_CLIENT_ID: at['clientId'] ?? '',
      AZURE_CLIENT_SECRET: at['clientSecret'] ?? '',
      NODE_EXTRA_CA_CERTS: at['caPath'] ?? '',
      BENCH_USERS_SELECT: compileMapping(defaultMapping()).selected.join(','),
      BENCH_GROUPS_SELECT: 'id,displayName,visibility,members',
    };
    const floorMs: number[] = [];
    const productMs: number[] = [];
    let peakMiB: number | undefined;
    for (let round = 0; round < rounds; round += 1) {
      floorMs.push(await measureFloor(env));
      const product = await measureProduct(env);
      productMs.push(product.ms);
      if (product.peakMiB !== undefined) peakMiB = Math.max(peakMiB ?? 0, product.peakMiB);
    }
    return { users, memberships, floorMs, productMs, ratio: median(floorMs) / median(productMs), peakMiB };
  } finally {
    await end(tenant);
    rmSync(folder, { recursive: true, force: true });
  }
}

const sizes = [
  { users: 10_000, rounds: 3 },
  { users: 100_000, rounds: 2 },
  { users: 500_000, rounds: 1 },
];

/** Needs the built product: `npm run build` first. BENCH_LARGEST limits the sizes. */
export async function run(): Promise<Result> {
  const largest = Number(process.env['BENCH_LARGEST'] ?? Infinity);
  const measured: FirstSyncResult[] = [];
  for (const { users, rounds } of sizes.filter((size) => size.users <= largest)) {
    console.log(`first sync of ${users.toLocaleString('en-US')} users …`);
    measured.push(await measureFirstSync(users, rounds));
  }
  const perSecond = (users: number, ms: readonly number[]): number => users / (median(ms) / 1000);
  const peak = Math.max(...measured.map(({ peakMiB }) => peakMiB ?? 0));
  return {
    tables: [
      {
        title:
          'First sync: the product (read, mirrored, settled, written to the embedded target) beside fetching and parsing alone',
        columns: [
          'users',
          'memberships',
          'floor, users/s',
          'product, users/s',
          'ratio',
          'product, s',
          'peak MiB',
        ],
        rows: measured.map((one) => [
          one.users.toLocaleString('en-US'),
          one.memberships,
          perSecond(one.users, one.floorMs),
          perSecond(one.users, one.productMs),
          one.ratio,
          median(one.productMs) / 1000,
          one.peakMiB ?? 'unknown',
        ]),
      },
    ],
    requirements: [
      ...measured.map((one) => ({
        what: `share of the floor at ${one.users.toLocaleString('en-US')} users`,
        wanted: 'at least 0.4',
        measured: one.ratio,
        met: one.ratio >= 0.4,
      })),
      { what: 'peak memory, MiB', wanted: 'under 300', measured: peak, met: peak < 300 },
    ],
    measurements: measured,
  };
}
