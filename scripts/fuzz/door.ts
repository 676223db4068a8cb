// Owns the fuzzing of the public door: a real service beside an emulated tenant, generated requests, and what must hold.
import { mkdtempSync, rmSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { startEmulator, type Emulator } from '../../test/emulator/emulator.ts';
import type { Exchange, Fuzzed } from '../../test/fuzz/exchange.ts';
import { exchanges } from '../../test/fuzz/requests.ts';
import { openLane } from '../../test/fuzz/send.ts';
import { eventuallyTrue } from '../../test/helpers/eventually.ts';
import { adminToken, freePort, makeEnvironment } from '../../test/helpers/rig.ts';
import { isTakenUp, lookInside, readTarget } from './inside.ts';
import { judgeMemory, mib, resident, rssOf, type Sample } from './memory.ts';
import { partSize, seedOf } from './parts.ts';
import { createScore, readCounts } from '../../test/fuzz/score.ts';

export interface DoorTurn {
  readonly requests: number;
  readonly seed: number;
  /** The part to begin with. */
  readonly from: number;
  readonly say: (line: string) => void;
}

const lanes = 32;
const sampleMs = 500;
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Gives what failed; the figures are said. */
export async function fuzzDoor({ requests, seed, from, say }: DoorTurn): Promise<string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-fuzz-'));
  const tenant = await startEmulator({ users: 60, groups: 6 });
  try {
    const adminPort = await freePort();
    const env = await makeEnvironment(tenant, folder, {
      env: { NODE_EXTRA_CA_CERTS: tenant.caPath, ADMIN_PORT: `${adminPort}` },
    });
    const service = startService(env);
    try {
      return await fuzzService({ requests, seed, from, say }, { tenant, env, adminPort, service });
    } finally {
      service.child.kill('SIGKILL');
      await service.ended;
    }
  } finally {
    await tenant.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Service {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  /** Lines that tell of an error, and all else that is no line of the log. */
  readonly complaints: string[];
}

function startService(env: Readonly<Record<string, string>>): Service {
  const child = spawn(process.execPath, [main], { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const complaints: string[] = [];
  const listen = (stream: NodeJS.ReadableStream, isComplaint: (line: string) => boolean): void => {
    createInterface({ input: stream }).on('line', (line) => {
      if (complaints.length < 50 && isComplaint(line)) complaints.push(line.slice(0, 1_500));
    });
  };
  if (child.stdout)
    listen(child.stdout, (line) => !line.startsWith('{"level":') || line.includes('"level":"error"'));
  if (child.stderr) listen(child.stderr, () => true);
  return { child, ended: new Promise((resolve) => child.once('close', resolve)), complaints };
}

interface Stage {
  readonly tenant: Emulator;
  readonly env: Readonly<Record<string, string>>;
  readonly adminPort: number;
  readonly service: Service;
}

async function fuzzService({ requests, seed, from, say }: DoorTurn, stage: Stage): Promise<string[]> {
  const { tenant, env, adminPort, service } = stage;
  const stateFile = env['STATE_PATH'] ?? '';
  const ask = async (route: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${adminPort}${route}`, { headers: { authorization: `Bearer ${adminToken}` } });
  const isReady = async (): Promise<boolean> => {
    const answer = await ask('/readyz').catch(() => undefined);
    return answer?.ok === true && ((await answer.json()) as { status: string }).status === 'ready';
  };
  await eventuallyTrue('the service is ready', isReady, 30_000);
  const target = readTarget(stateFile, tenant);
  const memory: Sample[] = [];
  let sent = 0;
  const sampler = setInterval(() => {
    const rss = rssOf(service.child.pid);
    if (rss !== undefined) memory.push({ at: sent / requests, bytes: rss });
  }, sampleMs);

  const score = createScore();
  const sources = { read: tenant.requests().total };
  const begun = performance.now();
  const queue = drawExchanges(target, seed, from, requests);
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      const lane = openLane(Number(env['LISTEN_PORT']));
      for (const exchange of queue) {
        score.take(exchange, await lane.send(exchange));
        sent += exchange.requests;
      }
      lane.close();
    }),
  );
  const seconds = (performance.now() - begun) / 1_000;
  clearInterval(sampler);

  const problems = [...score.problems];
  const check = (what: string, holds: boolean): void => {
    if (!holds) problems.push(what);
  };
  check('the service has ended', service.child.exitCode === null);
  await eventuallyTrue('all of it was taken up', () => isTakenUp(stateFile), 60_000).catch((error: Error) =>
    problems.push(error.message),
  );
  check('the service is not ready any more', await isReady());
  const counted = readCounts(await (await ask('/metrics')).text());
  for (const [verdict, [least, most]] of score.items()) {
    const found = counted.get(verdict) ?? 0;
    check(`${found} items were counted as ${verdict}, which should be ${least} at least`, found >= least);
    if (verdict === 'accepted') check(`${found} items were accepted of ${most} sound ones`, found <= most);
  }
  const inside = lookInside(stateFile);
  check(`${inside.forged} rows name an object that only forged items named`, inside.forged === 0);
  check(`${inside.rejected} rejected rows are kept`, inside.rejected <= 11_000);
  // Accepted rows are kept for 30 days; everything else is bounded.
  const mostBytes = 16 * 2 ** 20 + inside.accepted * 400;
  check(`the state database has ${mib(inside.bytes)}`, inside.bytes <= mostBytes);
  check(`its log of writes has ${mib(inside.walBytes)}`, inside.walBytes <= 128 * 2 ** 20);
  check(`the log tells of trouble: ${service.complaints[0]}`, service.complaints.length === 0);
  const level = judgeMemory(memory, resident);
  check(`memory grows from ${mib(level.warm)} to ${mib(level.end)}`, level.isLevel);

  say(`  ${sent} requests in ${seconds.toFixed(0)} s over ${lanes} lanes`);
  say(`  answers ${JSON.stringify(score.statuses())}`);
  say(`  sorts ${JSON.stringify(score.sorts())}`);
  say(`  items by verdict ${JSON.stringify(Object.fromEntries(counted))}`);
  say(`  memory ${mib(level.warm)} warm, ${mib(level.end)} at the end, ${mib(level.highest)} at most`);
  say(
    `  state database ${mib(inside.bytes)}: ${inside.accepted} accepted and ${inside.rejected} rejected rows`,
  );
  say(`  requests to Graph meanwhile: ${tenant.requests().total - sources.read}`);
  return problems;
}

/** As many exchanges as hold so many requests, from the seed, part by part. */
function* drawExchanges(target: Fuzzed, seed: number, from: number, requests: number): Generator<Exchange> {
  const arbitrary = exchanges(target);
  let left = requests;
  for (let part = from; left > 0; part += 1) {
    for (const exchange of fc.sample(arbitrary, { seed: seedOf(seed, part), numRuns: partSize })) {
      if (left <= 0) return;
      left -= exchange.requests;
      yield exchange;
    }
  }
}
