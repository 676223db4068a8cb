// Owns one measured run of the first sync, in a process of its own: the product, or the floor beside it.
//
//   node scripts/bench/first-sync-child.ts product|floor   (the emulated tenant's address comes by the environment)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openParts } from '../../dist/compose.js';
import { loadConfig } from '../../dist/config.js';
import { createLog } from '../../dist/ops/log.js';
const groupSelect = 'id,displayName,visibility,members';
function env(name) {
    const value = process.env[name];
    if (value === undefined)
        throw new Error(`${name} is not set`);
    return value;
}
/** Fetches and parses every page of both streams, one after the other, and does nothing else. */
async function floor() {
    const answer = await fetch(`${env('AZURE_AUTHORITY_HOST')}/${env('AZURE_TENANT_ID')}/oauth2/v2.0/token`, {
        method: 'POST',
        body: new URLSearchParams({
            client_id: env('AZURE_CLIENT_ID'),
            client_secret: env('AZURE_CLIENT_SECRET'),
            scope: `${env('GRAPH_BASE_URL')}/.default`,
            grant_type: 'client_credentials',
        }),
    });
    const { access_token: token } = (await answer.json());
    let users = 0;
    for (const start of [
        `users/delta?$select=${env('BENCH_USER_SELECT')}`,
        `groups/delta?$select=${groupSelect}`,
    ]) {
        let link = `${env('GRAPH_BASE_URL')}/v1.0/${start}`;
        while (link !== undefined) {
            const response = await fetch(link, { headers: { authorization: `Bearer ${token}` } });
            if (!response.ok)
                throw new Error(`the emulated tenant answered ${response.status}`);
            const page = (await response.json());
            if (start.startsWith('users'))
                users += page.value.length;
            link = page['@odata.nextLink'];
        }
    }
    return users;
}
/** The whole way, from the first request to the last row at the embedded target. */
async function product() {
    const result = loadConfig();
    if (!result.ok)
        throw new Error(result.problems.join(' '));
    const log = createLog({ level: 'error', format: 'json', secrets: [], destination: process.stderr });
    const parts = openParts(result.config, log);
    await parts.engine.start();
    while (!parts.engine.isAtRest())
        await new Promise((resolve) => setTimeout(resolve, 10));
    const users = parts.rooms.ledger.countPresent();
    await parts.engine.stop();
    console.error(parts.rooms.state.db.$client?.prepare('select name, round_pages, full_objects from stream').all(), parts.rooms.directory.counts());
    parts.close();
    return users;
}
const folder = mkdtempSync(path.join(tmpdir(), 'gespage-bench-'));
process.env['STATE_PATH'] = path.join(folder, 'state.db');
process.env['GESPAGE_SQL_URL'] = `sqlite:${path.join(folder, 'gespage.db')}`;
try {
    const started = performance.now();
    const users = await (process.argv[2] === 'floor' ? floor() : product());
    const run = {
        users,
        ms: performance.now() - started,
        cpuMs: (process.cpuUsage().user+process.cpuUsage().system)/1000, peakMiB: process.resourceUsage().maxRSS / 1024,
    };
    process.stdout.write(`${JSON.stringify(run)}\n`);
}
finally {
    rmSync(folder, { recursive: true, force: true });
}
