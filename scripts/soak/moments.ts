// Owns when a kill comes: at any time, or in the midst of something; and what was under way when it came.
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { Random } from '../../test/emulator/random.ts';
import type { Service } from './service.ts';
import type { Stage } from './stage.ts';

/** By the state database's own word. */
const moments: Readonly<Record<string, string>> = {
  'first sync': 'SELECT 1 FROM stream WHERE full_read IS NULL',
  'full round': `SELECT 1 FROM stream WHERE full_read IS NOT NULL AND (round = 'full' OR sweep_read IS NOT NULL)`,
  'delta round': `SELECT 1 FROM stream WHERE round = 'incremental'`,
  settling: 'SELECT 1 FROM unsettled',
  delivery: `SELECT 1 FROM account WHERE revision > coalesce((SELECT max(revision) FROM target_state), 0)`,
  'acknowledged, not taken up': `SELECT 1 FROM notification
    WHERE id > coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'inbox-cursor'), 0)`,
};

const longestLifeMs = 1_500;
const longestWaitMs = 3_000;
const startMs = 500;

/** Resolves when the kill is to come: soon after the doors opened where `how` is `early`, else drawn by chance. */
export async function reach(
  stage: Stage,
  service: Service,
  how: 'early' | undefined,
  random: Random,
): Promise<void> {
  const dice = random.next();
  if (how === undefined && dice < 0.1) return sleep(random.int(0, startMs));
  await service.answers();
  if (how === 'early') return sleep(random.int(0, 300));
  if (dice < 0.45) return sleep(random.int(0, longestLifeMs));
  // What waited for the service is acknowledged at once: not always is that the moment.
  if (dice < 0.7) {
    await sleep(random.int(0, longestLifeMs));
    return acknowledgement(stage, service, random.int(1, 4));
  }
  const names = Object.keys(moments).slice(1);
  await sleep(random.int(0, 200));
  await watchFor(stage, moments[random.pick(names)] ?? '');
}

/** The kill itself comes from here: after the answer has gone on, it would be too late. */
async function acknowledgement(stage: Stage, service: Service, which: number): Promise<void> {
  for (let seen = 1; seen <= which; seen += 1) {
    const next = new Promise<void>((resolve) =>
      stage.acknowledgements.onNext(() => {
        if (seen === which) service.strike();
        resolve();
      }),
    );
    await Promise.race([next, sleep(longestWaitMs)]);
  }
}

async function watchFor(stage: Stage, sql: string): Promise<void> {
  const database = new Database(stage.statePath, { readonly: true });
  try {
    const look = database.prepare(sql);
    for (const end = Date.now() + longestWaitMs; Date.now() < end; await sleep(1)) {
      if (look.get() !== undefined) return;
    }
  } finally {
    database.close();
  }
}

/** What the dead service was at. Looks at a copy: the files stay as the kill has left them. */
export function momentOf({ statePath }: Pick<Stage, 'statePath'>): string[] {
  const copy = `${statePath}-copy`;
  try {
    for (const suffix of ['', '-wal'])
      if (existsSync(`${statePath}${suffix}`)) copyFileSync(`${statePath}${suffix}`, `${copy}${suffix}`);
    const database = new Database(copy);
    try {
      const found = Object.entries(moments).filter(([, sql]) => database.prepare(sql).get() !== undefined);
      return found.length > 0 ? found.map(([name]) => name) : ['at rest'];
    } finally {
      database.close();
    }
  } catch {
    return ['no database yet'];
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
  }
}
