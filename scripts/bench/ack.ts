// Owns the acknowledgement benchmark: durable 202s a second, beside a server that stores nothing and one that
// commits each request by itself; then the delay of a 202 at a steady rate.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { notificationsPath } from '../../src/webhook/app.ts';
import { makeBodies } from './ack-items.ts';
import type { ServerKind, ServerReport } from './ack-server.ts';
import { median, type Result } from './result.ts';
import { type Delays, sendSteadily } from './steady-load.ts';

const rounds = 5;
const secondsEach = 2;
const warmUpSeconds = 2;
const connections = 64;
const steadyRate = 2_000;
const steadySeconds = 6;

const titles: Readonly<Record<ServerKind, string>> = {
  'parse-only': 'a. parses the JSON, stores nothing',
  'commit-each': 'b. the door, one transaction a request',
  door: 'the door',
};
const kinds = Object.keys(titles) as ServerKind[];

interface Server {
  readonly kind: ServerKind;
  readonly url: string;
  report(): Promise<ServerReport>;
  stop(): Promise<void>;
}

interface Measurement {
  readonly perSecond: number;
  /** Share of one processor that the server used. */
  readonly serverCpu: number;
  /** Requests that shared a commit, on average; 0 where nothing is stored. */
  readonly perCommit: number;
}

/** Runs the benchmark, for about a minute; a 202 that was not stored, or another answer, is an error. */
export async function run(): Promise<Result> {
  // Where the service keeps its own data, not in a temporary folder: that may lie in memory, where nothing is durable.
  const data = fileURLToPath(new URL('../../data/', import.meta.url));
  await mkdir(data, { recursive: true });
  const folder = await mkdtemp(path.join(data, 'bench-'));
  const servers = await Promise.all(kinds.map((kind) => startServer(kind, path.join(folder, `${kind}.db`))));
  try {
    const bodies = makeBodies(1_000);
    const all = new Map<ServerKind, Measurement[]>(kinds.map((kind) => [kind, []]));
    for (const server of servers) await measure(server, bodies, warmUpSeconds);
    for (let round = 0; round < rounds; round += 1) {
      for (const server of servers) {
        all.get(server.kind)?.push(await measure(server, bodies, secondsEach));
      }
    }
    const steady = new Map<ServerKind, Delays>();
    for (const { kind, url } of servers) {
      if (kind === 'commit-each') continue;
      const load = { url, bodies, connections, rate: steadyRate, seconds: steadySeconds, status: 202 };
      await sendSteadily({ ...load, seconds: 1 });
      steady.set(kind, await sendSteadily(load));
    }
    return summarise(all, steady);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function startServer(kind: ServerKind, file: string): Promise<Server> {
  const child = fork(fileURLToPath(new URL('./ack-server.ts', import.meta.url)), [kind, file]);
  const { port } = (await nextMessage(child)) as { port: number };
  return {
    kind,
    url: `http://127.0.0.1:${port}${notificationsPath}`,
    async report() {
      child.send('report');
      return (await nextMessage(child)) as ServerReport;
    },
    async stop() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

async function nextMessage(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const died = (code: number | null): void => ended.abort(new Error(`a server ended with code ${code}`));
  child.once('exit', died);
  try {
    return (await once(child, 'message', { signal: ended.signal }))[0];
  } finally {
    child.off('exit', died);
  }
}

async function measure(server: Server, bodies: readonly string[], seconds: number): Promise<Measurement> {
  const before = await server.report();
  let next = 0;
  const result = await autocannon({
    url: server.url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    connections,
    duration: seconds,
    requests: [{ body: bodies[0] ?? '' }],
    // A share for each connection: autocannon keeps all requests of a connection ready in memory.
    setupClient(client) {
      const share = Array.from({ length: 16 }, (_, at) => ({
        body: bodies[(next + at) % bodies.length] ?? '',
      }));
      client.setRequests(share);
      next += share.length;
    },
  });
  const after = await server.report();
  const stored = after.stored - before.stored;
  const answered = result.statusCodeStats?.['202']?.count ?? 0;
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${server.kind}: not every request was answered 202`);
  if (server.kind !== 'parse-only' && stored < answered) {
    throw new Error(`${server.kind}: ${answered} answers of 202, but ${stored} items stored`);
  }
  return {
    perSecond: answered / result.duration,
    serverCpu: (after.cpuMs - before.cpuMs) / (result.duration * 1000),
    perCommit: after.commits === before.commits ? 0 : stored / (after.commits - before.commits),
  };
}

function summarise(
  all: ReadonlyMap<ServerKind, readonly Measurement[]>,
  steady: ReadonlyMap<ServerKind, Delays>,
): Result {
  const rate = (kind: ServerKind): number => median((all.get(kind) ?? []).map(({ perSecond }) => perSecond));
  const toParsing = rate('door') / rate('parse-only');
  const toCommits = rate('door') / rate('commit-each');
  const p99 = steady.get('door')?.p99 ?? NaN;
  return {
    tables: [
      {
        title: `Acknowledgements a second, one item each, ${connections} connections, median of ${rounds} rounds of ${secondsEach} s`,
        columns: [
          'server',
          '202s a second',
          'lowest',
          'highest',
          'requests a commit',
          'CPU %',
          'the door to it',
        ],
        rows: kinds.map((kind) => {
          const values = (all.get(kind) ?? []).map(({ perSecond }) => perSecond);
          const cpu = 100 * median((all.get(kind) ?? []).map(({ serverCpu }) => serverCpu));
          const shared = median((all.get(kind) ?? []).map(({ perCommit }) => perCommit));
          const ratio = kind === 'door' ? '' : rate('door') / rate(kind);
          return [
            titles[kind],
            rate(kind),
            Math.min(...values),
            Math.max(...values),
            shared,
            Math.round(cpu),
            ratio,
          ];
        }),
      },
      {
        title: `Delay of the 202 in ms at a constant ${steadyRate} requests a second, counted from when each was due`,
        columns: ['server', 'requests', 'p50', 'p99', 'longest'],
        rows: [...steady].map(([kind, delays]) => [
          titles[kind],
          delays.requests,
          delays.p50,
          delays.p99,
          delays.longest,
        ]),
      },
    ],
    requirements: [
      {
        what: 'the door beside a server that stores nothing',
        wanted: 'at least 0.5',
        measured: toParsing,
        met: toParsing >= 0.5,
      },
      {
        what: 'the door beside one transaction a request',
        wanted: 'at least 4',
        measured: toCommits,
        met: toCommits >= 4,
      },
      {
        what: `p99 at ${steadyRate} requests a second, in ms`,
        wanted: 'under 50',
        measured: p99,
        met: p99 < 50,
      },
    ],
    measurements: { rounds: Object.fromEntries(all), steady: Object.fromEntries(steady) },
  };
}
