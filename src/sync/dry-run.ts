// Owns dry runs: a full resync on a copy of the state database, compared with what the ledger holds now.
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../ops/log.ts';
import type { Outcome } from '../state/inbox.ts';
import { openState } from '../state/database.ts';
import { createStateRooms, type StateRooms } from '../state/rooms.ts';
import type { RunRow } from '../state/runs.ts';
import type { DryRunPlan } from './operate.ts';
import type { Rounds } from './rounds.ts';
import type { Settler } from './settle.ts';

/** The parts that work on one state database. */
export interface Workshop {
  readonly rooms: StateRooms;
  readonly rounds: Rounds;
  readonly settler: Settler;
  refresh(id: string, cause: string, signal: AbortSignal): Promise<Outcome | undefined>;
}

export interface DryRunOptions {
  readonly original: StateRooms;
  /** Makes the same parts for another state database. */
  readonly build: (rooms: StateRooms) => Workshop;
}

/** For the parts that work on the copy. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

const shownPeople = 1_000;
const mostFailures = 6;

/** Reads the tenant and plans on a copy; nothing of the original, of Gespage, or of Graph's links is touched. */
export async function planDryRun(
  options: DryRunOptions,
  run: RunRow,
  signal: AbortSignal,
): Promise<DryRunPlan> {
  const file = copyOf(options.original.state.path);
  await removeCopy(file);
  await options.original.state.backup(file);
  const copy = openState(file);
  try {
    const workshop = options.build(createStateRooms(copy));
    const before = copy.sql('SELECT coalesce(max(id), 0) FROM audit').pluck().get() as number;
    const holdBefore = copy.sql('SELECT coalesce(max(id), 0) FROM hold').pluck().get() as number;
    if (run.person === null) await readAll(workshop, signal);
    else await readPerson(workshop, run.person, signal);
    while (workshop.settler.settleSome() === 'more') {
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    return summarise(workshop.rooms, before, holdBefore);
  } finally {
    copy.close();
    await removeCopy(file);
  }
}

async function readAll(workshop: Workshop, signal: AbortSignal): Promise<void> {
  const { rooms, rounds } = workshop;
  const since = rooms.directory.beginRead();
  for (const name of ['users', 'groups'] as const) {
    rounds.wantFull(name, since);
    for (let failures = 0; !rounds.hasRead(name, since);) {
      signal.throwIfAborted();
      try {
        await rounds.step(name, signal);
      } catch (error) {
        const wait = rounds.failed(name, error);
        failures += 1;
        if (failures >= mostFailures) throw error;
        await sleep(wait, undefined, { signal });
      }
    }
  }
  for (let key: number | undefined = 0; key !== undefined;) {
    key = rooms.people.markRange(key, 20_000, 'dry run');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function readPerson(workshop: Workshop, id: string, signal: AbortSignal): Promise<void> {
  await workshop.refresh(id, 'dry run', signal);
  const key = workshop.rooms.people.keyOf(id);
  if (key === undefined) throw new Error(`Neither Graph nor the mirror knows a user ${id}.`);
  workshop.rooms.people.mark([key], 'dry run');
}

function summarise(rooms: StateRooms, auditBefore: number, holdBefore: number): DryRunPlan {
  const { state } = rooms;
  const actions = state
    .sql('SELECT action, count(*) AS n FROM audit WHERE id > ? GROUP BY action')
    .all(auditBefore) as { action: string; n: number }[];
  const count = (...names: string[]): number =>
    actions.filter(({ action }) => names.includes(action)).reduce((sum, { n }) => sum + n, 0);
  const held = state.sql('SELECT count(*) FROM removal WHERE hold_id > ?').pluck().get(holdBefore) as number;
  const people = state
    .sql(
      `SELECT o.id, a.login, u.action, u.changes FROM audit u
       JOIN directory_object o ON o.key = u.key JOIN account a ON a.key = u.key WHERE u.id > :audit
       UNION ALL
       SELECT o.id, a.login, 'held ' || r.how, NULL FROM removal r
       JOIN directory_object o ON o.key = r.key JOIN account a ON a.key = r.key WHERE r.hold_id > :hold
       LIMIT :limit`,
    )
    .all({ audit: auditBefore, hold: holdBefore, limit: shownPeople }) as {
    id: string;
    login: string;
    action: string;
    changes: string | null;
  }[];
  return {
    counts: {
      ...rooms.directory.counts(),
      created: count('create'),
      updated: count('update', 'restore'),
      disabled: count('disable'),
      deleted: count('delete', 'expire'),
      held,
    },
    people: people.map((one) => ({
      ...one,
      changes: one.changes === null ? null : (JSON.parse(one.changes) as unknown),
    })),
  };
}

/** Removes what a dry run left behind that was cut off. */
export async function forgetDryRuns(statePath: string): Promise<void> {
  await removeCopy(copyOf(statePath));
}

const copyOf = (statePath: string): string => `${statePath}.dry-run`;

async function removeCopy(file: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(file + suffix, { force: true });
}
