// Owns the demo: an emulated tenant, the real service beside it, a first sync, live changes with their delays.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { requireNode } from '../src/ops/node-version.ts';
import { createBox, type Box } from './demo/children.ts';
import { planChanges } from './demo/changes.ts';
import { carryOut, type Outcome } from './demo/carry-out.ts';
import { type DemoOptions, readOptions, usage } from './demo/options.ts';
import { createScreen, type Screen } from './demo/screen.ts';
import { startService } from './demo/service.ts';
import { startTenant } from './demo/tenant.ts';

const interrupted = 130;

/** Plays the demo; resolves with the exit code once everything is stopped and tidied up. */
async function main(args: readonly string[]): Promise<number> {
  const tooOld = requireNode(process.version);
  const parsed = readOptions(args);
  if (tooOld !== undefined || !parsed.ok) {
    console.error(tooOld ?? (parsed.ok ? '' : `${parsed.problem}\n${usage}`));
    return 2;
  }
  if (parsed.options.help) {
    console.log(usage);
    return 0;
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'gespage-demo-'));
  const screen = createScreen(process.stdout);
  const box = createBox();
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) box.kill();
    else stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // Whoever read the output has gone: nobody watches any more.
  process.stdout.on('error', () => stop.abort());
  try {
    return await play(parsed.options, { folder, screen, box, signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) return interrupted;
    screen.failure(error instanceof Error ? error.message : String(error), box.logTail());
    return 1;
  } finally {
    screen.endProgress();
    if (stop.signal.aborted) screen.note('Stopping …');
    await box.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Stage {
  readonly folder: string;
  readonly screen: Screen;
  readonly box: Box;
  readonly signal: AbortSignal;
}

async function play(options: DemoOptions, { folder, screen, box, signal }: Stage): Promise<number> {
  screen.title('gespage-graph-sync', 'a change in Microsoft Entra ID stands in Gespage a moment later');
  const tenant = await box.whileAlive(startTenant(box, options, folder), signal);
  screen.fact(
    'Tenant',
    `${screen.count(options.users)} users, emulated Microsoft Graph over TLS at ${tenant.url}`,
  );
  const service = await box.whileAlive(startService(box, tenant, folder), signal);
  screen.fact('Service', `the real one, notified at ${service.publicUrl}`);
  screen.fact('Dashboard', service.dashboardUrl);
  if (service.portNote !== undefined) screen.note(service.portNote);
  screen.fact('Token', service.adminToken);
  screen.fact('Target', service.targetFile);

  const first = await box.whileAlive(service.firstSync(screen, options.users, signal), signal);
  const rate = Math.round(options.users / (first.ms / 1000));
  screen.fact(
    'First sync',
    `${screen.count(first.accounts)} accounts of ${screen.count(options.users)} users in ` +
      `${(first.ms / 1000).toFixed(1)} s, ${screen.count(rate)} users a second`,
  );

  screen.openTable();
  const outcomes: Outcome[] = [];
  for await (const change of planChanges(options.changes, tenant, service.target)) {
    const outcome = await box.whileAlive(carryOut(change, tenant, signal), signal);
    outcomes.push(outcome);
    screen.row(outcomes.length, outcome);
    if (outcome.kind === 'stopped') break;
  }
  const arrived = outcomes.filter(({ kind }) => kind === 'arrived').length;
  const others = service.target.changedBeside(
    new Set(outcomes.flatMap(({ change }) => change.touches)),
    first.at,
  );
  screen.summary(outcomes, options.changes, others);
  const code = arrived === options.changes && others === 0 ? 0 : 1;
  if (options.exit) return code;

  screen.fact(
    'Dashboard',
    `${service.dashboardUrl} stays up; sign in with the token above. Ctrl+C ends the demo.`,
  );
  await box
    .whileAlive(new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })), signal)
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  return code;
}

process.exit(await main(process.argv.slice(2)));
