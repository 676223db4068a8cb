// Owns one measured run of the first sync, in a process of its own: the product, or the floor beside it.
//
//   node scripts/bench/first-sync-child.ts product|floor   (the emulated tenant's address comes by the environment)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openParts } from '../../src/compose.ts';
import { loadConfig } from '../../src/config.ts';
import { createLog } from '../../src/ops/log.ts';

/** What a child prints as its one line. */
export interface FirstSyncRun {
  readonly users: number;
  readonly ms: number;
  /** Peak resident memory of the process, in MiB. */
  readonly peakMiB: number;
}

const groupSelect = 'id,displayName,visibility,members';

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** Fetches and parses every page of both streams, one after the other, and does nothing else. */
async function floor(): Promise<number> {
  const answer = await fetch(`${env('AZURE_AUTHORITY_HOST')}/${env('AZURE_TENANT_ID')}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: env('AZURE_CLIENT_ID'),
      client_secret: env('AZURE_CLIENT_SECRET'),
      scope: `${env('GRAPH_BASE_URL')}/.default`,
      grant_type: 'client_credentials',
    }),
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  let users = 0;
  for (const start of [
    `users/delta?$select=${env('BENCH_USER_SELECT')}`,
    `groups/delta?$select=${groupSelect}`,
  ]) {
    let link: string | undefined = `${env('GRAPH_BASE_URL')}/v1.0/${start}`;
    while (link !== undefined) {
      const response = await fetch(link, { headers: { authorization: `Bearer ${token}` } });
      if (!response.ok) throw new Error(`the emulated tenant answered ${response.status}`);
      const page = (await response.json()) as { value: unknown[]; '@odata.nextLink'?: string };
      if (start.startsWith('users')) users += page.value.length;
      link = page['@odata.nextLink'];
    }
  }
  return users;
}

/** The whole way, from the first request to the last row at the embedded target. */
async function product(): Promise<number> {
  const result = loadConfig();
  if (!result.ok) throw new Error(result.problems.join(' '));
  const log = createLog({ level: 'error', format: 'json', secrets: [], destination: process.stderr });
  const parts = openParts(result.config, log);
  await parts.engine.start();
  while (!parts.engine.isAtRest()) await new Promise((resolve) => setTimeout(resolve, 10));
  const users = parts.rooms.ledger.countPresent();
  await parts.engine.stop();
  parts.close();
  return users;
}

const folder = mkdtempSync(path.join(tmpdir(), 'gespage-bench-'));
process.env['STATE_PATH'] = path.join(folder, 'state.db');
process.env['GESPAGE_SQL_URL'] = `sqlite:${path.join(folder, 'gespage.db')}`;
try {
  const started = performance.now();
  const users = await (process.argv[2] === 'floor' ? floor() : product());
  const run: FirstSyncRun = {
    users,
    ms: performance.now() - started,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  };
  process.stdout.write(`${JSON.stringify(run)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
