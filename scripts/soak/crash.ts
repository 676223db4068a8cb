// Owns the soak by kills: the built product under a load of changes, ended by kill -9 again and again, compared at rest.
import { cp, mkdtemp } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createRandom, type Random } from '../../test/emulator/random.ts';
import { momentOf, reach } from './moments.ts';
import type { CrashOptions } from './options.ts';
import { warmUp } from './service.ts';
import { openStage, type Stage } from './stage.ts';
import { findAtRest } from './verdict.ts';
import { duration, number, plural } from './words.ts';

/** After so many kills the tenant rests and all is compared; after so many rests both sides begin anew. */
const killsBetweenRests = 25;
const restsOfOneStage = 2;
/** The first kills of a stage come soon, while the first sync is under way. */
const earlyKills = 6;
const progressMs = 5_000;

interface Tally {
  kills: number;
  rests: number;
  failures: number;
  changes: number;
  acknowledged: number;
  /** What was under way, by the state database's own word, when a kill came. */
  readonly moments: Map<string, number>;
  /** What the service called an error in its log. */
  readonly errors: Map<string, number>;
}

/** Kills as often as told; gives the number of failures. */
export async function run(options: CrashOptions, folder: string, signal: AbortSignal): Promise<number> {
  if (!existsSync(options.program))
    throw new Error(`There is no ${options.program}: run "npm run build" first, or name one with --program.`);
  const startedAt = Date.now();
  const random = createRandom(options.seed);
  const tally: Tally = {
    ...{ kills: 0, rests: 0, failures: 0, changes: 0, acknowledged: 0 },
    moments: new Map(),
    errors: new Map(),
  };
  const tell = (): void => console.log(summary(tally, startedAt));
  const cache = path.join(folder, 'compiled');
  await warmUp(options.program, cache);
  const progress = setInterval(tell, progressMs);
  try {
    while (tally.kills < options.kills && !signal.aborted) {
      const stage = await openStage(options, await mkdtemp(path.join(folder, 'stage-')), cache, random);
      try {
        await playStage(stage, options, random, tally, signal);
      } catch (error) {
        tally.failures += 1;
        await report(stage, options, tally, error);
      } finally {
        await stage.close();
        for (const [text, count] of stage.errors()) addTo(tally.errors, text, count);
      }
    }
  } finally {
    clearInterval(progress);
  }
  tell();
  console.log(`Under way when the kills came: ${list(tally.moments)}`);
  if (tally.errors.size > 0) console.log(`Errors in the service's log: ${list(tally.errors)}`);
  console.log(
    `The seed was ${options.seed}.${tally.failures > 0 ? ` ${plural(tally.failures, 'failure')}.` : ''}`,
  );
  return tally.failures;
}

async function playStage(
  stage: Stage,
  options: CrashOptions,
  random: Random,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const before = { changes: tally.changes, acknowledged: tally.acknowledged };
  const count = (): void => {
    tally.changes = before.changes + stage.changes();
    tally.acknowledged = before.acknowledged + stage.acknowledgements.total();
  };
  for (let rest = 0; rest < restsOfOneStage && tally.kills < options.kills; rest += 1) {
    const load = stage.startLoad();
    for (let kill = 0; kill < killsBetweenRests && tally.kills < options.kills; kill += 1) {
      if (signal.aborted) return load.stop();
      const isEarly = rest === 0 && kill < earlyKills;
      const service = await stage.start();
      await reach(stage, service, isEarly ? 'early' : undefined, random);
      await service.kill();
      tally.kills += 1;
      for (const moment of momentOf(stage)) addTo(tally.moments, moment, 1);
      // Changes go on while nobody listens.
      await stage.change(random.int(0, 3));
      count();
    }
    await load.stop();
    await findAtRest(stage, await stage.start());
    tally.rests += 1;
    count();
  }
}

/** Everything is kept that could tell why. */
async function report(stage: Stage, options: CrashOptions, tally: Tally, error: unknown): Promise<void> {
  const kept = await mkdtemp(path.join(tmpdir(), 'gespage-soak-failure-'));
  await cp(stage.folder, kept, { recursive: true });
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.log(
    [
      `\nFAILED after ${plural(tally.kills, 'kill')}. The same plan again, though never with the same timing:`,
      `  npm run soak -- --crash --kills ${options.kills} --target ${options.target} --seed ${options.seed}`,
      `  Databases and log are kept in ${kept}`,
      ...text.split('\n').map((line) => `  | ${line}`),
      '',
    ].join('\n'),
  );
}

function summary(tally: Tally, startedAt: number): string {
  const { kills, rests, failures, changes, acknowledged } = tally;
  return (
    `${number(kills)} kills survived, equal at ${plural(rests, 'rest')}, ${number(failures)} failed; ` +
    `${number(changes)} changes, ${number(acknowledged)} notifications acknowledged; ${duration(Date.now() - startedAt)}`
  );
}

function addTo(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

const list = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([name, count]) => `${name} ${number(count)}`).join(', ');
