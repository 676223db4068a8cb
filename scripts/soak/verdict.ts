// Owns the comparison at rest after kills: target, ledger and mirror with the tenant, and the inbox with what was promised.
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { openState } from '../../src/state/database.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { anId, gatherEvidence } from '../../test/helpers/evidence.ts';
import { findLedgerDifferences, findMirrorDifferences } from '../../test/helpers/expected-mirror.ts';
import { findDifferences } from '../../test/helpers/expected-target.ts';
import type { ObjectChange } from '../../test/emulator/truth.ts';
import type { Service } from './service.ts';
import type { Stage } from './stage.ts';

const patienceMs = 90_000;
const mostNamed = 12;

/**
 * Waits until all is equal, with the service that runs, and ends that in order.
 * @throws Error with what is not equal, and all that both sides know of it.
 */
export async function findAtRest(stage: Stage, service: Service): Promise<void> {
  const copy = path.join(stage.folder, 'at-rest.db');
  let wrong: string[] = [];
  await service.answers();
  for (const end = Date.now() + patienceMs; ; await sleep(200)) {
    wrong = await compare(stage, copy);
    if (wrong.length === 0) break;
    if (Date.now() > end) throw new Error(await describe(stage, copy, wrong));
  }
  await service.stop();
}

async function compare(stage: Stage, copy: string): Promise<string[]> {
  const { tenant, mapping, remembered } = stage;
  const { pending } = await tenant.call('delivery');
  if (pending > 0) return ['notifications are on their way'];
  const snapshot = await tenant.call('snapshot');
  const tables = await stage.readTarget().catch((error: unknown) => String(error));
  if (typeof tables === 'string') return [`the target cannot be read: ${tables}`];
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
  const original = new Database(stage.statePath, { readonly: true });
  await original.backup(copy).finally(() => original.close());
  const state = openState(copy);
  try {
    const rooms = createStateRooms(state);
    return [
      ...findDifferences(snapshot, tables, { mapping, policy: 'disable', remembered }),
      ...findLedgerDifferences(rooms, tables),
      ...findMirrorDifferences(snapshot, rooms, mapping, false),
      ...findBrokenPromises(stage, state.sql.bind(state)),
    ];
  } finally {
    state.close();
  }
}

interface Stored {
  readonly name: string;
  readonly items: number;
}

/**
 * Each notification acknowledged with 202 stands in the inbox and was folded. Rejected ones (of a subscription that
 * died with the process that made it) are only counted there, so they make up for what is missing by name.
 */
function findBrokenPromises(
  { acknowledgements }: Stage,
  sql: (text: string) => { all(): unknown[]; get(): unknown },
): string[] {
  const accepted = sql(
    `SELECT subscription_id || '/' || coalesce(object_id, '') AS name, count(*) AS items FROM notification
     WHERE verdict = 'accepted' GROUP BY 1`,
  ).all() as Stored[];
  const stored = new Map(accepted.map(({ name, items }) => [name, items]));
  const { rejected, newest, folded } = sql(
    `SELECT coalesce(sum(CASE WHEN verdict <> 'accepted' THEN count END), 0) AS rejected, coalesce(max(id), 0) AS newest,
            coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'inbox-cursor'), 0) AS folded
     FROM notification`,
  ).get() as { rejected: number; newest: number; folded: number };
  const lost = [...acknowledgements.counts()].flatMap(([name, items]) => {
    const missing = items - (stored.get(name) ?? 0);
    return missing > 0 ? [{ name, missing }] : [];
  });
  const missing = lost.reduce((sum, one) => sum + one.missing, 0);
  return [
    ...(missing > rejected
      ? [
          `inbox: ${missing} items were acknowledged and are not there, while ${rejected} were rejected: ` +
            lost.map((one) => `${one.name} (${one.missing})`).join(', '),
        ]
      : []),
    ...(folded < newest ? [`inbox: taken up until ${folded}, while ${newest} is there`] : []),
  ];
}

async function describe(stage: Stage, copy: string, wrong: readonly string[]): Promise<string> {
  const { tenant } = stage;
  const text = [`At rest, after ${patienceMs / 1000} s still:`, ...wrong.slice(0, mostNamed)].join('\n  - ');
  const snapshot = await tenant.call('snapshot');
  const rounds = await tenant.call('rounds');
  const changes = new Map<string, ObjectChange[]>();
  const ids = new Set([...(text.match(anId) ?? []), ...snapshot.groups.map(({ id }) => id)]);
  for (const id of ids) changes.set(id, await tenant.call('changesOf', id));
  // The tenant is about to go; what it knew is kept with the databases.
  writeFileSync(
    path.join(stage.folder, 'tenant.json'),
    JSON.stringify({ snapshot, rounds, changes: Object.fromEntries(changes) }),
  );
  rmSync(copy, { force: true });
  const evidence = gatherEvidence(
    {
      user: (id) => snapshot.users.find((one) => one.id === id),
      group: (id) => snapshot.groups.find((one) => one.id === id),
      changesOf: (id) => changes.get(id) ?? [],
      rounds: () => rounds,
    },
    stage.statePath,
    text,
  );
  return [text, evidence, 'The log ends with:', stage.logTail()].join('\n');
}
