// Owns what operators ask for: full resyncs, dry runs, one person again, the renewal job; resumable at any point.
import { setTimeout as sleep } from 'node:timers/promises';
import { GraphFailure } from '../graph/errors.ts';
import type { Log } from '../ops/log.ts';
import type { Outcome } from '../state/inbox.ts';
import type { StateRooms } from '../state/rooms.ts';
import type { RunRow } from '../state/runs.ts';
import { isTroubleOf } from '../state/trouble.ts';
import type { Delivery } from './deliver.ts';
import type { RenewalCounts } from './renew.ts';
import { schedule } from './housekeeping.ts';
import { backoff, type Rounds } from './rounds.ts';

/** What a dry run would do; `people` names the first ones. */
export interface DryRunPlan {
  readonly counts: Readonly<Record<string, number>>;
  readonly people: readonly { id: string; login: string; action: string; changes: unknown }[];
}

export interface OperateOptions {
  readonly rooms: StateRooms;
  readonly rounds: Rounds;
  readonly deliveries: readonly Delivery[];
  readonly renew: (signal: AbortSignal) => Promise<RenewalCounts | 'polling'>;
  readonly refresh: (id: string, cause: string, signal: AbortSignal) => Promise<Outcome | undefined>;
  readonly dryRun: (run: RunRow, signal: AbortSignal) => Promise<DryRunPlan>;
  readonly onChange: () => void;
  readonly now: () => number;
  readonly log: Log;
}

export interface Operations {
  /** Takes the run under way one step further; returns how long it may rest in ms, undefined when there is none. */
  step(signal: AbortSignal): Promise<number | undefined>;
  /** The audit's word for the full rounds of the moment. */
  fullCause(): string;
  /** Whether the resync under way was begun by an operator after this time. */
  isAskedSince(at: number): boolean;
}

const pollMs = 100;
/** Where Graph asks for a pause and does not say for how long. */
const pauseMs = 10_000;
const markRange = 20_000;
/** A resync is given up when a stream has failed this often in a row; the streams themselves go on trying. */
const mostFailures = 6;
/** A target that is down does not keep a resync from ending. */
const deliveryPatienceMs = 30_000;
/** How often Graph is asked about one person before the run is given up. */
const mostLooks = 4;

export function createOperations(options: OperateOptions): Operations {
  const { rooms, rounds, now, log } = options;
  const { runs, streams, directory, people, removals, ledger } = rooms;

  async function step(signal: AbortSignal): Promise<number | undefined> {
    const run = runs.next();
    if (!run) return undefined;
    try {
      return await advance(run, signal);
    } catch (error) {
      if (signal.aborted) return 0;
      // The run goes on after the pause.
      if (error instanceof GraphFailure && error.kind === 'throttled') return error.retryAfterMs ?? pauseMs;
      // The run goes on when the state database can be used again.
      if (isTroubleOf(rooms.state.path, error)) throw error;
      finish(run, 'failed', {}, error instanceof Error ? error.message : String(error));
      return 0;
    }
  }

  async function advance(run: RunRow, signal: AbortSignal): Promise<number> {
    if (run.status === 'queued') {
      runs.set(run.id, {
        status: 'running',
        startedAt: now(),
        phase: 'reading',
        sinceRead: directory.beginRead(),
      });
      log.info('A run begins', {
        run: run.id,
        kind: run.kind,
        dryRun: run.dryRun === 1,
        by: run.requestedBy,
      });
      return 0;
    }
    if (run.kind === 'renew') {
      const counts = await options.renew(signal);
      finish(run, 'succeeded', counts === 'polling' ? { polling: 1 } : { ...counts });
      return 0;
    }
    if (run.dryRun === 1) {
      const plan = await options.dryRun(run, signal);
      runs.set(run.id, { plan: JSON.stringify(plan) });
      finish(run, plan.counts['held'] ? 'held' : 'succeeded', plan.counts);
      return 0;
    }
    if (run.phase === 'reading')
      return run.person === null ? read(run, signal) : readPerson(run, run.person, signal);
    return run.phase === 'settling' ? settled(run) : delivered(run);
  }

  async function read(run: RunRow, signal: AbortSignal): Promise<number> {
    const since = run.sinceRead ?? 0;
    for (const name of ['users', 'groups'] as const) {
      const row = streams.get(name);
      if (row.fullWanted < since) {
        rounds.wantFull(name, since);
        options.onChange();
      }
      if (row.attempt >= mostFailures) throw new Error(row.error ?? `The stream of ${name} cannot be read.`);
    }
    if (!rounds.hasRead('users', since) || !rounds.hasRead('groups', since)) return pollMs;
    for (let key: number | undefined = 0; key !== undefined;) {
      key = people.markRange(key, markRange, causeOf(run));
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) return 0;
    }
    runs.set(run.id, { phase: 'settling' });
    options.onChange();
    return 0;
  }

  async function readPerson(run: RunRow, id: string, signal: AbortSignal): Promise<number> {
    // The first round of users appends its pages, and nobody else may write to the mirror meanwhile.
    if (!rounds.isReady()) return pollMs;
    const outcome = await lookUntilAnswered(run, id, signal);
    const key = people.keyOf(id);
    if (outcome === 'failed')
      throw new Error('Graph could not be asked about this person just now; try again.');
    if (key === undefined) throw new Error(`Neither Graph nor the mirror knows a user ${id}.`);
    people.mark([key], causeOf(run));
    runs.set(run.id, { phase: 'settling' });
    options.onChange();
    return 0;
  }

  async function lookUntilAnswered(
    run: RunRow,
    id: string,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    for (let look = 1; ; look += 1) {
      try {
        const outcome = await options.refresh(id, causeOf(run), signal);
        if (outcome !== 'failed' || look >= mostLooks) return outcome;
      } catch (error) {
        if (!(error instanceof GraphFailure) || error.kind !== 'transient' || look >= mostLooks) throw error;
      }
      await sleep(backoff(look), undefined, { signal });
    }
  }

  function settled(run: RunRow): number {
    // Whoever brings one of these about wakes this loop; to wake them from here would go round in circles.
    if (!people.isEmpty() || removals.countProposed() > 0 || !rounds.isReady()) return pollMs;
    ledger.offerRefusedAgain();
    runs.set(run.id, { phase: 'delivering' });
    options.onChange();
    return 0;
  }

  function delivered(run: RunRow): number {
    const waited = now() - (run.startedAt ?? 0);
    const since = run.person === null ? (run.sinceRead ?? 0) : -1;
    const behind = options.deliveries.filter(
      (delivery) => !delivery.isCurrent() || (since >= 0 && !delivery.isCompared(since)),
    );
    const down = rooms.targets.list().filter((row) => row.failingSince !== null);
    const allDown = behind.every(({ target }) => down.some((row) => row.name === target.name));
    if (behind.length > 0 && !(allDown && waited > deliveryPatienceMs)) return pollMs;
    const hold = removals
      .list(1)
      .find((one) => one.status === 'open' && one.createdAt >= (run.startedAt ?? 0));
    const repaired = rooms.targets.list().reduce((sum, row) => sum + row.repaired, 0);
    const loss = rooms.groupLosses.refused();
    const isRefused = run.person === null && loss !== undefined && loss.at >= (run.startedAt ?? 0);
    finish(run, hold || isRefused ? 'held' : 'succeeded', {
      ...countsOf(run),
      ...(run.person === null && { repaired }),
      ...(hold && { held: hold.people }),
      ...(isRefused && { heldMemberships: loss.unseen }),
    });
    return 0;
  }

  function countsOf(run: RunRow): Record<string, number> {
    const counts = run.person === null ? directory.counts() : {};
    return { ...counts, created: 0, updated: 0, disabled: 0, deleted: 0, ...changesOf(run) };
  }

  function changesOf(run: RunRow): Record<string, number> {
    const changes = runs.changesOf(causeOf(run));
    const sum = (...actions: string[]): number => actions.reduce((all, one) => all + (changes[one] ?? 0), 0);
    return {
      created: sum('create'),
      updated: sum('update', 'restore'),
      disabled: sum('disable'),
      deleted: sum('delete', 'expire'),
    };
  }

  function finish(
    run: RunRow,
    status: 'succeeded' | 'failed' | 'held',
    counts: Record<string, number>,
    error?: string,
  ): void {
    runs.set(run.id, {
      status,
      finishedAt: now(),
      phase: null,
      counts: JSON.stringify(counts),
      error: error ?? null,
    });
    log[status === 'failed' ? 'error' : 'info']('A run has ended', { run: run.id, status, ...counts, error });
  }

  function resyncUnderWay(): RunRow | undefined {
    const run = runs.next();
    return run?.status === 'running' && run.kind === 'resync' && run.dryRun === 0 ? run : undefined;
  }

  return {
    step,
    fullCause() {
      const run = resyncUnderWay();
      return run ? causeOf(run) : 'full round';
    },
    isAskedSince(at) {
      const run = resyncUnderWay();
      return run !== undefined && run.requestedBy !== schedule && (run.startedAt ?? 0) > at;
    },
  };
}

function causeOf(run: RunRow): string {
  return `resync ${run.id}`;
}
