// Owns the verb resync: through the running service where there is one, by the same engine where there is none.
import { rm } from 'node:fs/promises';
import { openState } from '../state/database.ts';
import { type Lease, takeLease } from '../state/lease.ts';
import { createStateRooms, type StateRooms } from '../state/rooms.ts';
import type { RunRow } from '../state/runs.ts';
import { findPersonIds } from '../sync/explain.ts';
import { describeRun, describeStreams } from '../sync/status.ts';
import { compileMapping } from '../accounts/decide.ts';
import { isObjectId } from '../accounts/scope.ts';
import type { Config } from '../config.ts';
import { withRooms } from './database.ts';
import { leaseWatch, openLog, waitFor, withEngine, withoutSubscriptions } from './engine-room.ts';
import { CommandFailure, type Io, type Outcome, type Words } from './io.ts';
import { runText } from './run-text.ts';
import { requireConfig } from './settings.ts';

const requestedBy = 'command line';
const dayMs = 86_400_000;

/** A full resync or of one person; a dry run plans and changes nothing. */
export async function resync(words: Words, io: Io): Promise<Outcome> {
  const config = requireConfig(io);
  const person = words.user === undefined ? null : await personOf(words.user, config);
  const request = { kind: 'resync', dryRun: words.dryRun, person, requestedBy } as const;
  const lease = takeLease(config.state.path);
  if (lease !== undefined) return releasing(lease, () => work(config, io, request));
  return withRooms(config.state.path, async (rooms) => {
    const { id } = rooms.runs.request(request, io.now());
    const watch = leaseWatch(config.state.path, io.now);
    let taken: Lease | undefined;
    const isOver = await waitFor(io, {
      isOver: () => rooms.runs.get(id)?.finishedAt !== null,
      tell: () => describeProgress(rooms, id),
      giveUp: () => (taken = watch.tryTake()) !== undefined,
    });
    if (isOver) return conclude(rooms, id, true);
    if (taken === undefined) throw interrupted(id);
    io.progress('The service has ended; this command goes on in its place.');
    return releasing(taken, () => work(config, io, request, id));
  });
}

interface Request {
  readonly kind: 'resync';
  readonly dryRun: boolean;
  readonly person: string | null;
  readonly requestedBy: string;
}

/** Does it here; the lease is ours. `known` names a run that was asked for before. */
function work(config: Config, io: Io, request: Request, known?: string): Promise<Outcome> {
  return request.dryRun ? planHere(config, io, request, known) : resyncHere(config, io, request, known);
}

/** All loops run but those for subscriptions: without the public door there is nobody to answer a handshake. */
async function resyncHere(config: Config, io: Io, request: Request, known?: string): Promise<Outcome> {
  const log = openLog(io, config);
  return withEngine(withoutSubscriptions(config), log, [], async ({ engine, rooms }) => {
    const id = known ?? rooms.runs.request(request, io.now()).id;
    await engine.start();
    const isOver = await waitFor(io, {
      isOver: () => rooms.runs.get(id)?.finishedAt !== null,
      tell: () => describeProgress(rooms, id),
    });
    if (!isOver) throw interrupted(id);
    return conclude(rooms, id, false);
  });
}

/** On a copy of the state database, so that nothing at all of the original is touched but the record of the run. */
async function planHere(config: Config, io: Io, request: Request, known?: string): Promise<Outcome> {
  const state = openState(config.state.path);
  const copy = `${config.state.path}.plan`;
  try {
    const rooms = createStateRooms(state);
    const { id } = known === undefined ? rooms.runs.request(request, io.now()) : { id: known };
    rooms.runs.set(id, { status: 'running', startedAt: io.now(), phase: 'reading' });
    await removeCopy(copy);
    await state.backup(copy);
    const copied = { ...withoutSubscriptions(config), state: { path: copy } };
    const result = await withEngine(copied, openLog(io, config), [], async ({ engine, rooms: twin }) => {
      failOthers(twin, id, io.now());
      // Only this loop: the others would carry changes to Gespage.
      engine
        .loops()
        .find((loop) => loop.status().name === 'operate')
        ?.start();
      await waitFor(io, {
        isOver: () => twin.runs.get(id)?.finishedAt !== null,
        tell: () => 'reading the tenant and planning …',
      });
      return twin.runs.get(id);
    });
    if (result === undefined || result.finishedAt === null) {
      rooms.runs.set(id, {
        status: 'failed',
        finishedAt: io.now(),
        phase: null,
        error: 'interrupted by the operator',
      });
      throw new CommandFailure(1, 'The dry run was interrupted; nothing was changed.');
    }
    const { id: _, ...outcome } = result;
    rooms.runs.set(id, outcome);
    return conclude(rooms, id, false);
  } finally {
    state.close();
    await removeCopy(copy);
  }
}

/** In the copy alone: what waits in the original is the service's to do. */
function failOthers(rooms: StateRooms, id: string, now: number): void {
  for (let run = rooms.runs.next(); run !== undefined && run.id !== id; run = rooms.runs.next()) {
    rooms.runs.set(run.id, { status: 'failed', finishedAt: now });
  }
}

async function removeCopy(file: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(file + suffix, { force: true });
}

async function personOf(user: string, config: Config): Promise<string> {
  if (isObjectId(user)) return user.toLowerCase();
  const settings = { policy: config.removal.policy, graceDays: config.removal.graceMs / dayMs };
  const mapping = compileMapping(config.mapping);
  const ids = await withRooms(config.state.path, (rooms) =>
    findPersonIds({ rooms, mapping, settings }, user),
  );
  if (ids.length === 1) return ids[0] ?? '';
  throw new CommandFailure(
    2,
    ids.length === 0
      ? `Nobody is known by "${user}".`
      : `"${user}" means ${ids.length} people: ${ids.join(', ')}.`,
    'Give the object id of one user: --user 00000000-0000-0000-0000-000000000000',
  );
}

function describeProgress(rooms: StateRooms, id: string): string {
  const run = rooms.runs.get(id);
  if (run === undefined || run.status === 'queued') return 'waiting for its turn …';
  const streams = describeStreams(rooms, 0)
    .filter((stream) => stream.running !== null)
    .map((stream) => `${stream.name} ${(stream.running?.objects ?? 0).toLocaleString('en')}`);
  const open = rooms.people.count();
  const details = [
    ...(run.phase === 'reading' ? streams : []),
    ...(open > 0 ? [`${open.toLocaleString('en')} people to decide`] : []),
  ];
  return `${run.phase ?? run.status}${details.length === 0 ? '' : `: ${details.join(', ')}`} …`;
}

/** `served`: a service goes on, so that a target that is behind is none of the operator's business. */
function conclude(rooms: StateRooms, id: string, served: boolean): Outcome {
  const row = rooms.runs.get(id) as RunRow;
  const run = { ...describeRun(row), plan: row.plan === null ? null : (JSON.parse(row.plan) as unknown) };
  const behind =
    row.dryRun === 1 ? [] : rooms.targets.list().filter((target) => target.failingSince !== null);
  const failed = row.status === 'failed' || (behind.length > 0 && !served && row.status === 'succeeded');
  return {
    code: failed ? 1 : row.status === 'held' ? 3 : 0,
    data: { ...run, targetsBehind: behind.map(({ name, error }) => ({ name, error })) },
    text: runText(run, behind, served),
  };
}

function interrupted(id: string): CommandFailure {
  return new CommandFailure(
    1,
    `The wait was interrupted. The run ${id} stays asked for, and goes on where a service runs or is started.`,
  );
}

async function releasing<T>(lease: Lease, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    lease.release();
  }
}
