// Owns the answer to "how are things": everything an operator looks at, from the database, and from the engine where it runs.
import type { Metrics } from '../ops/metrics.ts';
import {
  countIssuesByKind,
  countRefusals,
  type StreamView,
  viewInbox,
  viewStreams,
} from '../state/overview.ts';
import type { StateRooms } from '../state/rooms.ts';
import type { RunRow } from '../state/runs.ts';
import type { Engine } from './engine.ts';
import { findProblems } from './problems.ts';
import type {
  JobStatus,
  RunStatus,
  Status,
  StreamStatus,
  SubscriptionStatus,
  TriggerStatus,
} from './status-model.ts';
import { readTriggerRecord } from './trigger-record.ts';

export type { JobStatus, RunStatus, Status, StreamStatus, SubscriptionStatus } from './status-model.ts';

export interface StatusOptions {
  readonly rooms: StateRooms;
  /** Undefined where the service does not run in this process: then the database alone speaks. */
  readonly engine: Pick<Engine, 'mode' | 'loops' | 'credentialExpiresAt'> | undefined;
  readonly metrics: Pick<Metrics, 'summarisePropagation'> | undefined;
  /** What the configuration says, where no engine can be asked; else the subscriptions tell. */
  readonly mode?: Status['mode'];
  readonly now: () => number;
}

const lastRuns = 10;
const firstFew = 20;
/** Counts of the mirror are this old at least before they are made anew, ms. */
const countsKeptMs = 1_000;
/** A large mirror takes a while to count; it is counted so seldom that this share of the time is not exceeded. */
const countingShare = 0.01;

/** Makes a reader of the status that counts a large mirror only now and then. */
export function createStatusReader(options: StatusOptions): () => Status {
  let counted: { readonly from: number; readonly until: number; readonly counts: Counted } | undefined;
  return () => {
    const at = options.now();
    if (counted === undefined || at >= counted.until || at < counted.from) {
      const counts = countAll(options.rooms);
      const took = options.now() - at;
      counted = { from: at, until: at + Math.max(countsKeptMs, took / countingShare), counts };
    }
    return assemble(options, counted.counts, at);
  };
}

/** The status now. */
export function readStatus(options: StatusOptions): Status {
  return createStatusReader(options)();
}

/** A run as operators see it, without its plan. */
export function describeRun(row: RunRow): RunStatus {
  return {
    id: row.id,
    kind: row.kind,
    dryRun: row.dryRun === 1,
    person: row.person,
    status: row.status,
    phase: row.phase,
    requestedBy: row.requestedBy,
    requestedAt: iso(row.requestedAt),
    startedAt: isoOrNull(row.startedAt),
    finishedAt: isoOrNull(row.finishedAt),
    counts: row.counts === null ? null : (JSON.parse(row.counts) as Record<string, number>),
    error: row.error,
  };
}

/** The subscriptions without their client states. */
export function describeSubscriptions(rooms: StateRooms, now: number): SubscriptionStatus[] {
  return rooms.subscriptions.list().map((row) => ({
    id: row.id,
    resource: row.resource,
    state:
      row.lostAt !== null
        ? 'lost'
        : row.expiresAt <= now
          ? 'expired'
          : row.challengedAt !== null
            ? 'challenged'
            : 'active',
    expiresAt: iso(row.expiresAt),
    expiresInSeconds: Math.round((row.expiresAt - now) / 1000),
    createdAt: iso(row.createdAt),
    renewedAt: iso(row.touchedAt),
  }));
}

/** Where each stream stands. */
export function describeStreams(rooms: StateRooms, now: number): StreamStatus[] {
  return viewStreams(rooms.state).map((row) => describeStream(row, now));
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoOrNull(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined || ms === 0 ? null : iso(ms);
}

interface Counted {
  readonly counts: Status['counts'];
  readonly hidden: readonly string[];
  readonly renamed: Status['renamedGroups']['first'];
}

function countAll({ directory, ledger }: StateRooms): Counted {
  return {
    counts: {
      ...directory.counts(),
      accounts: ledger.countPresent(),
      enabledAccounts: ledger.countEnabled(),
    },
    hidden: directory.hiddenGroups(),
    renamed: ledger.renamedGroups(),
  };
}

function assemble({ rooms, engine, metrics, mode }: StatusOptions, counted: Counted, now: number): Status {
  const { state, meta, people, removals, runs, targets } = rooms;
  const inbox = viewInbox(state, meta);
  const pause = meta.counter('pause-until');
  const loss = rooms.groupLosses.refused();
  const subscriptions = describeSubscriptions(rooms, now);
  const status: Status = {
    at: iso(now),
    mode: engine?.mode ?? mode ?? (subscriptions.length > 0 ? 'notifications' : 'polling'),
    problems: [],
    storage: state.trouble()?.message ?? null,
    jobs: engine === undefined ? null : describeJobs(engine),
    subscriptions,
    streams: describeStreams(rooms, now),
    inbox: {
      depth: inbox.depth,
      oldestSeconds: inbox.oldestAt === undefined ? null : Math.max(0, now - inbox.oldestAt) / 1000,
    },
    unsettled: people.count(),
    lastNotificationAt: isoOrNull(meta.counter('last-notification-at')),
    pausedUntil: pause > now ? iso(pause) : null,
    targets: targets.list().map((row) => ({
      name: row.name,
      revision: row.revision,
      behind: rooms.ledger.countChangesSince(row.revision),
      appliedAt: isoOrNull(row.appliedAt),
      failingSince: isoOrNull(row.failingSince),
      error: row.error,
      comparedAt: isoOrNull(row.comparedAt),
      repaired: row.repaired,
    })),
    trigger: describeTrigger(rooms),
    holds: removals
      .list(100)
      .filter((hold) => hold.status === 'open')
      .map((hold) => ({
        id: hold.id,
        createdAt: iso(hold.createdAt),
        people: hold.people,
        limit: hold.limit,
        removedInWindow: hold.removedInWindow,
        enabledAccounts: hold.enabledAccounts,
      })),
    runs: runs.list(lastRuns).map(describeRun),
    propagation: metrics?.summarisePropagation() ?? null,
    counts: counted.counts,
    issues: {
      ...countIssuesByKind(state),
      first: people.issues(firstFew).map(({ id, kind, detail, since }) => ({
        person: id,
        kind,
        detail,
        since: iso(since),
      })),
    },
    refusals: {
      count: countRefusals(state),
      first: targets.refusals(firstFew).map(({ id, at, ...rest }) => ({ ...rest, person: id, at: iso(at) })),
    },
    credentialExpiresAt: engine?.credentialExpiresAt?.toISOString() ?? null,
    refusedGroupLoss: loss === undefined ? null : { ...loss, at: iso(loss.at) },
    renamedGroups: { count: counted.renamed.length, first: counted.renamed.slice(0, firstFew) },
    hiddenGroups: { count: counted.hidden.length, first: counted.hidden.slice(0, firstFew) },
  };
  return { ...status, problems: findProblems(status) };
}

function describeTrigger(rooms: StateRooms): TriggerStatus | null {
  const record = readTriggerRecord(rooms);
  if (!record) return null;
  const { calledAt, status, failingSince, error } = record;
  return { calledAt: isoOrNull(calledAt), status, failingSince: isoOrNull(failingSince), error };
}

function describeJobs(engine: Pick<Engine, 'loops'>): JobStatus[] {
  return engine.loops().map((loop) => {
    const { name, state, since, failures } = loop.status();
    return { name, state, since: since.toISOString(), failures };
  });
}

function describeStream(row: StreamView, now: number): StreamStatus {
  return {
    name: row.name,
    lastRoundAt: isoOrNull(row.completedAt),
    lastRoundSecondsAgo:
      row.completedAt === null ? null : Math.max(0, Math.round((now - row.completedAt) / 1000)),
    lastFullRoundAt: isoOrNull(row.fullCompletedAt),
    nextRoundAt: iso(row.dueAt),
    running:
      row.round === null
        ? null
        : {
            kind: row.round,
            since: isoOrNull(row.roundStartedAt),
            pages: row.roundPages,
            objects: row.roundObjects,
          },
    failures: row.attempt,
    error: row.attempt > 0 ? row.error : null,
  };
}
