// Owns the probes: alive while the process answers, ready while it can do its work, degraded where others cannot.
import type { Log } from '../ops/log.ts';
import { viewStreams } from '../state/overview.ts';
import type { StateRooms } from '../state/rooms.ts';
import type { Engine } from '../sync/engine.ts';

export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'unready';
  readonly checks: {
    readonly state: 'writable' | 'not writable' | 'damaged' | 'replaced';
    /** The database is opened only at the present schema. */
    readonly migrations: 'current';
    readonly worker: 'alive' | 'starting' | 'stopped' | 'stuck';
  };
  /** Words for what is in trouble elsewhere; details are for those who may see the status. */
  readonly degraded: readonly ('graph' | 'subscriptions' | 'targets')[];
}

export interface HealthOptions {
  readonly rooms: StateRooms;
  readonly engine: Pick<Engine, 'mode' | 'loops'>;
  readonly now: () => number;
  readonly log: Log;
}

/** The probe is open to everybody, so it writes to the disk no more often than this. */
const provenForMs = 2_000;
/** The loop that ticks each second must have done so within this time. */
const longestSilenceMs = 60_000;

/**
 * Makes the readiness probe. Trouble at Microsoft or at a target never makes it unready: a proxy would turn
 * notifications away that can well be stored.
 */
export function createReadiness({ rooms, engine, now, log }: HealthOptions): () => Readiness {
  let proven: { readonly at: number; readonly state: Readiness['checks']['state'] } | undefined;

  function proveState(): Readiness['checks']['state'] {
    const at = now();
    rooms.state.examine();
    const halted = haltedBy(rooms);
    if (halted !== undefined) return halted;
    if (proven !== undefined && at - proven.at < provenForMs && at >= proven.at) return proven.state;
    try {
      rooms.meta.flush();
      proven = { at, state: 'writable' };
    } catch (error) {
      if (proven?.state !== 'not writable') {
        log.error('The state database cannot be written: nothing can be stored', {
          error,
          advice: 'Look at the disk of STATE_PATH: space, rights, errors.',
        });
      }
      // The write itself may have met the damage.
      proven = { at, state: haltedBy(rooms) ?? 'not writable' };
    }
    return proven.state;
  }

  return () => {
    const checks = {
      state: proveState(),
      migrations: 'current',
      worker: judgeWorker(engine, now()),
    } as const;
    const works = checks.state === 'writable' && (checks.worker === 'alive' || checks.worker === 'starting');
    const degraded = works ? findTrouble(rooms, engine, now()) : [];
    return { status: !works ? 'unready' : degraded.length > 0 ? 'degraded' : 'ready', checks, degraded };
  };
}

/** What no waiting mends. */
function haltedBy({ state }: StateRooms): 'damaged' | 'replaced' | undefined {
  const kind = state.trouble()?.kind;
  return kind === 'damaged' || kind === 'replaced' ? kind : undefined;
}

function judgeWorker(engine: Pick<Engine, 'loops'>, now: number): Readiness['checks']['worker'] {
  const loops = engine.loops().map((loop) => loop.status());
  if (loops.some((loop) => loop.state === 'stopped')) return 'stopped';
  if (loops.some((loop) => loop.state === 'new')) return 'starting';
  const tick = loops.find((loop) => loop.name === 'tick');
  const silent = tick?.lastSuccessAt !== undefined && now - tick.lastSuccessAt.getTime() > longestSilenceMs;
  return silent ? 'stuck' : 'alive';
}

function findTrouble(rooms: StateRooms, engine: Pick<Engine, 'mode'>, now: number): Readiness['degraded'] {
  const trouble: ('graph' | 'subscriptions' | 'targets')[] = [];
  if (viewStreams(rooms.state).some((stream) => stream.attempt > 0)) trouble.push('graph');
  if (engine.mode === 'notifications') {
    const live = rooms.subscriptions.list().filter((row) => row.lostAt === null && row.expiresAt > now);
    if (new Set(live.map((row) => row.resource)).size < 2) trouble.push('subscriptions');
  }
  if (rooms.targets.list().some((target) => target.failingSince !== null)) trouble.push('targets');
  return trouble;
}
