// Owns the verb renew: the subscription job, once, fit for a scheduler of the operating system.
import { openDoor, publicDoor } from '../compose.ts';
import type { Config } from '../config.ts';
import { type Lease, takeLease } from '../state/lease.ts';
import type { StateRooms } from '../state/rooms.ts';
import { describeRun, describeSubscriptions } from '../sync/status.ts';
import { withRooms } from './database.ts';
import { leaseWatch, openLog, waitFor, withEngine } from './engine-room.ts';
import { CommandFailure, type Io, type Outcome } from './io.ts';
import { requireConfig } from './settings.ts';
import { alignColumns, describeAge, describeCounts } from './table.ts';

const request = { kind: 'renew', requestedBy: 'command line' } as const;
const patienceMs = 120_000;

/** Creates, adopts or renews what is due, by the running service where there is one. */
export async function renew(io: Io): Promise<Outcome> {
  const config = requireConfig(io);
  if (config.mode === 'polling') {
    const text =
      'PUBLIC_URL is not set: the tenant is polled and there are no subscriptions, so nothing had to be done.';
    return { code: 0, data: { polling: true }, text };
  }
  const lease = takeLease(config.state.path);
  if (lease !== undefined) return renewHere(config, io, lease);
  const outcome = await withRooms(config.state.path, async (rooms) => {
    const { id } = rooms.runs.request(request, io.now());
    const watch = leaseWatch(config.state.path, io.now);
    let taken: Lease | undefined;
    const isOver = await waitFor(io, {
      isOver: () => rooms.runs.get(id)?.finishedAt !== null,
      tell: () => 'the running service renews …',
      giveUp: () => (taken = watch.tryTake()) !== undefined,
    });
    if (isOver) return conclude(rooms, id, io.now());
    if (taken === undefined)
      throw new CommandFailure(1, 'The wait was interrupted; the service renews all the same.');
    rooms.runs.set(id, {
      status: 'failed',
      finishedAt: io.now(),
      phase: null,
      error: 'the service ended before',
    });
    return taken;
  });
  return 'release' in outcome ? renewHere(config, io, outcome) : outcome;
}

/** Microsoft calls the public door while a subscription is made, so it listens for that long. */
async function renewHere(config: Config, io: Io, lease: Lease): Promise<Outcome> {
  try {
    const log = openLog(io, config);
    return await withEngine(config, log, [], async (parts) => {
      const { rooms, engine } = parts;
      const { host, port } = config.publicDoor;
      const door = await openDoor(publicDoor(parts), host, port).catch((error: NodeJS.ErrnoException) => {
        throw doorFailure(error, host, port);
      });
      const { id } = rooms.runs.request(request, io.now());
      rooms.runs.set(id, { status: 'running', startedAt: io.now() });
      try {
        const signal = AbortSignal.any([io.signal, AbortSignal.timeout(patienceMs)]);
        const counts = await engine.renewal?.reconcile(signal);
        rooms.runs.set(id, {
          status: 'succeeded',
          finishedAt: io.now(),
          phase: null,
          counts: JSON.stringify(counts ?? {}),
        });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        rooms.runs.set(id, { status: 'failed', finishedAt: io.now(), phase: null, error: message });
      } finally {
        await door.close();
      }
      return conclude(rooms, id, io.now());
    });
  } finally {
    lease.release();
  }
}

function doorFailure(error: NodeJS.ErrnoException, host: string, port: number): CommandFailure {
  return new CommandFailure(
    1,
    `The public door cannot listen on ${host} port ${port} (${error.code ?? error.message}), so Microsoft's handshake could not be answered.`,
    error.code === 'EADDRINUSE'
      ? 'Another program has the port, and it is no gespage-sync with this STATE_PATH. Stop it, or give the same STATE_PATH as the service.'
      : 'Check LISTEN_HOST and LISTEN_PORT.',
  );
}

function conclude(rooms: StateRooms, id: string, now: number): Outcome {
  const row = rooms.runs.get(id);
  if (row === undefined) throw new CommandFailure(1, `The record of the run ${id} is gone.`);
  const run = describeRun(row);
  const subscriptions = describeSubscriptions(rooms, now);
  const rows = subscriptions.map((one) => [
    one.resource,
    one.state,
    `ends in ${describeAge(one.expiresInSeconds)}`,
    one.id,
  ]);
  const text =
    run.status === 'failed'
      ? `The renewal failed: ${run.error ?? 'no reason is known'}\n"gespage-sync check" tests every part of the set-up.`
      : [`Subscriptions: ${describeCounts(run.counts)}.`, alignColumns(rows, '  ')].join('\n');
  return { code: run.status === 'failed' ? 1 : 0, data: { ...run, subscriptions }, text };
}
