// Owns who does what, when: the loops that carry a change from a notification or a delta round to the targets.
import type { CompiledMapping } from '../accounts/decide.ts';
import { type RemovalLimit, smallestRemovalLimit } from '../accounts/guard.ts';
import type { RemovalPolicy } from '../accounts/plan.ts';
import type { Target } from '../gespage/target.ts';
import type { CallTrigger } from '../gespage/trigger.ts';
import { GraphFailure } from '../graph/errors.ts';
import { createLoop, type Loop } from '../ops/loop.ts';
import type { Log } from '../ops/log.ts';
import { createMetrics, type Metrics } from '../ops/metrics.ts';
import type { StreamName } from '../state/inbox.ts';
import type { StateRooms } from '../state/rooms.ts';
import { announceCredentialEnd } from './credential.ts';
import { createDelivery, type Delivery } from './deliver.ts';
import { forgetDryRuns, planDryRun, silentLog, type Workshop } from './dry-run.ts';
import { createFirstSettling } from './first-settling.ts';
import { adoptFirst, reconsiderIfRulesChanged, subscribeFirst } from './first-steps.ts';
import { createFold } from './fold.ts';
import { keepHouse } from './housekeeping.ts';
import { offerAgainWhenDue } from './offer-again.ts';
import { createOperations } from './operate.ts';
import { createRefresher, type LookUp } from './refresh.ts';
import { createRenewal, type Renewal, type SubscriptionApi } from './renew.ts';
import type { Reading } from './removal-guard.ts';
import { backoff, createRounds, type ReadRound, type Rounds } from './rounds.ts';
import { createSettler } from './settle.ts';
import { watchStorage } from './storage.ts';
import { createTrigger } from './trigger.ts';

/** What the engine needs of Microsoft's side. */
export interface GraphSide {
  readonly readRound: ReadRound;
  readonly lookUpUsers: LookUp;
  readonly lookUpDeletedUsers: LookUp;
  readonly subscriptions: SubscriptionApi;
  /** The `$select` of users and of groups. */
  readonly selection: Readonly<Record<StreamName, readonly string[]>>;
}

export interface EngineOptions {
  readonly rooms: StateRooms;
  readonly graph: GraphSide;
  readonly mapping: CompiledMapping;
  readonly targets: readonly Target[];
  /** Told after the targets changed; undefined where nobody wants to know. */
  readonly callTrigger?: CallTrigger;
  readonly removal: {
    readonly policy: RemovalPolicy;
    readonly graceDays: number;
    readonly limit: RemovalLimit;
  };
  readonly timing: { readonly pollMs: number; readonly sweepMs: number; readonly fullResyncMs: number };
  /** Where Microsoft reaches us; undefined in polling mode. */
  readonly publicUrl: string | undefined;
  readonly newClientState: () => string;
  /** When the client certificate ends; undefined with a secret. */
  readonly credentialExpiresAt?: Date | undefined;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Engine {
  /** Subscribes, then starts all loops, unless `signal` was aborted before. The public door must be listening. */
  start(signal?: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** Tells that notifications were stored. Never throws. */
  notified(): void;
  /** Tells that something was asked for through the database. */
  asked(): void;
  readonly mode: 'notifications' | 'polling';
  readonly credentialExpiresAt?: Date | undefined;
  readonly renewal: Renewal | undefined;
  readonly rounds: Rounds;
  readonly deliveries: readonly Delivery[];
  /** Whether nothing is left to do: everything read, settled and delivered. */
  isAtRest(): boolean;
  loops(): readonly Loop[];
}

const tickMs = 1_000;
/** How often a job looks whether it may work again, where nothing may be done. */
const haltedMs = 5_000;
const longestRestMs = 3_600_000;
/** How often removals that wait for the end of a round are looked at. */
const guardWaitMs = 100;
/** A round that fails this often in a row keeps removals no longer waiting for its end. */
const mostFailures = 6;

export function createEngine(options: EngineOptions): Engine {
  const { rooms, graph, mapping, now, log, metrics, timing } = options;
  const { inbox, streams, people } = rooms;
  const loops: Loop[] = [];
  const wake = (...names: string[]): void => {
    for (const loop of loops) if (names.some((name) => loop.status().name.startsWith(name))) loop.wake();
  };

  streams.prepare('users', graph.selection.users.join(), now());
  streams.prepare('groups', graph.selection.groups.join(), now());
  reconsiderIfRulesChanged(rooms, mapping, options.removal.policy);

  const renewal =
    options.publicUrl === undefined
      ? undefined
      : createRenewal({
          rooms,
          api: graph.subscriptions,
          notificationUrl: `${options.publicUrl}/graph/notifications`,
          lifecycleUrl: `${options.publicUrl}/graph/lifecycle`,
          newClientState: options.newClientState,
          catchUp: (stream) => {
            streams.due(stream, now());
            wake(stream);
          },
          compareMs: timing.sweepMs,
          now,
          log,
          metrics,
        });

  /** The same parts for the state database and for a copy of it. */
  function build(
    target: StateRooms,
  ): Workshop & { step: (signal: AbortSignal) => Promise<number | undefined> } {
    const isOriginal = target === rooms;
    // What a plan on a copy meets is told as its result, and is no news of the service.
    const [tell, count] = isOriginal ? [log, metrics] : [silentLog, createMetrics({ processMetrics: false })];
    const rounds: Rounds = createRounds({
      rooms: target,
      read: graph.readRound,
      firstSettling: createFirstSettling({
        rooms: target,
        mapping,
        rules: options.removal,
        now,
        log: tell,
      }),
      needsGroups: !mapping.everyoneInScope || mapping.mapping.groups.publish.length > 0,
      fullCause: () => (isOriginal ? operations.fullCause() : 'dry run'),
      // A plan shows what a resync would do.
      isLossAccepted: (refusedAt) => !isOriginal || operations.isAskedSince(refusedAt),
      periodMs: () => (renewal?.isHealthy() ? timing.sweepMs : timing.pollMs),
      onChange: () => isOriginal && wake('settle', 'operate', 'groups'),
      now,
      log: tell,
      metrics: count,
    });
    const refresher = createRefresher({
      rooms: target,
      lookUpUsers: graph.lookUpUsers,
      lookUpDeletedUsers: graph.lookUpDeletedUsers,
      askRound: () => {
        // A stream that fails answers nobody: those who wait for it are read by name.
        if (!isOriginal || rounds.isBusy('users') || streams.get('users').attempt > 0) return false;
        streams.due('users', now());
        wake('users');
        return true;
      },
      onChange: () => isOriginal && wake('settle'),
      now,
    });
    return {
      rooms: target,
      rounds,
      settler: createSettler({
        rooms: target,
        mapping,
        ...options.removal,
        ...(isOriginal && { reading }),
        now,
        log: tell,
      }),
      refresh: async (id, cause, signal) => (await refresher.refresh([id], cause, signal)).get(id),
      step: (signal) => refresher.step(signal),
    };
  }

  function reading(): Reading {
    const rows = (['users', 'groups'] as const)
      .map((name) => streams.get(name))
      .filter((row) => row.attempt < mostFailures);
    return {
      short:
        rows.some((row) => row.round === 'incremental') ||
        inbox.countDue('users', now()) > smallestRemovalLimit,
      long: rows.some((row) => row.round === 'full' || row.sweepRead !== null),
    };
  }

  const workshop = build(rooms);
  const { rounds, settler } = workshop;
  const askFullRound = (): void => {
    rounds.wantFull('users', rooms.directory.beginRead());
    wake('users');
  };
  const isSettled = (): boolean => rounds.isReady() && people.isEmpty() && !rooms.reach.isDirty();
  const deliveries = options.targets.map((target) =>
    createDelivery({ rooms, target, askFullRound, isSettled, now, log, metrics }),
  );
  const operations = createOperations({
    rooms,
    rounds,
    deliveries,
    renew: async (signal) => (renewal ? renewal.reconcile(signal) : 'polling'),
    refresh: (id, cause, signal) => workshop.refresh(id, cause, signal),
    // One reader for each stream: the service's own rounds rest while a plan is read.
    dryRun: (run, signal) => rounds.whileQuiet(() => planDryRun({ original: rooms, build }, run, signal)),
    onChange: () => wake('users', 'groups', 'settle', 'deliver'),
    now,
    log,
  });

  function settleStep(): 'again' | number {
    if (!rounds.isReady()) return 60_000;
    const revision = rooms.ledger.revision();
    const result = settler.settleSome();
    if (rooms.ledger.revision() !== revision) wake('deliver');
    if (result === 'more') return 'again';
    if (result === 'waiting') return guardWaitMs;
    const expiry = settler.markExpired();
    if (!people.isEmpty()) {
      // Whoever cannot be expired would be marked again without end.
      const isFirst = Math.abs(now() - expiredAt) >= 1_000;
      if (!isFirst) return 1_000;
      expiredAt = now();
      return 'again';
    }
    wake('deliver', 'operate');
    return Math.min(longestRestMs, Math.max(1_000, (expiry ?? Infinity) - now()));
  }
  let expiredAt = -Infinity;

  async function renewStep(signal: AbortSignal): Promise<number> {
    if (!renewal) return longestRestMs;
    if (renewal.nextDue() <= now()) await renewal.reconcile(signal);
    return Math.max(1_000, Math.min(renewal.nextDue() - now(), longestRestMs));
  }

  const house = keepHouse({
    rooms,
    targets: options.targets.map(({ name }) => name),
    fullResyncMs: timing.fullResyncMs,
    now,
  });
  const storage = watchStorage({ state: rooms.state, flush: () => rooms.meta.flush(), now, log });

  function addLoop(
    name: string,
    step: (signal: AbortSignal) => Promise<number | 'again' | 'idle'>,
    onError: (error: unknown, attempt: number) => number = waitAfter(name),
    onStorageTrouble: () => void = () => undefined,
  ): void {
    loops.push(
      createLoop({
        name,
        step(signal) {
          if (!storage.isHalted()) return step(signal);
          storage.probe();
          return Promise.resolve(haltedMs);
        },
        onError(error, attempt) {
          const wait = storage.judge(error, attempt);
          if (wait === undefined) return onError(error, attempt);
          onStorageTrouble();
          return wait;
        },
        log,
        now: () => new Date(now()),
      }),
    );
  }

  const waitAfter = (name: string) => (error: unknown, attempt: number) => {
    const asked =
      error instanceof GraphFailure && error.kind === 'throttled' ? error.retryAfterMs : undefined;
    const wait = asked ?? backoff(attempt);
    log.warn('A background job failed and is tried again', { job: name, attempt, retryInMs: wait, error });
    return wait;
  };

  /** Changes with every page, round and sweep. */
  const trace = (name: StreamName): string => {
    const { roundRead, roundPages, sweepRead, fullRead, completedAt } = streams.get(name);
    return [roundRead, roundPages, sweepRead, fullRead, completedAt].join();
  };

  const fold = createFold({ rooms, now, log });
  addLoop('inbox', () =>
    Promise.resolve().then(() => {
      wake(...fold());
      return 'idle';
    }),
  );
  for (const name of ['users', 'groups'] as const) {
    addLoop(
      name,
      async (signal) => {
        const before = trace(name);
        const rest = await rounds.step(name, signal);
        if (trace(name) !== before) wake('refresh', 'settle', 'operate');
        return rest;
      },
      (error) => rounds.failed(name, error),
    );
  }
  addLoop('refresh', async (signal) =>
    rounds.isReady() ? ((await workshop.step(signal)) ?? 'idle') : 'idle',
  );
  addLoop('settle', () => Promise.resolve().then(settleStep));
  deliveries.forEach((delivery) =>
    addLoop(
      `deliver ${delivery.target.name}`,
      async () => {
        const rest = await delivery.step();
        if (rest === 'idle') {
          wake('operate', 'trigger');
          announce();
        }
        return rest;
      },
      (error, attempt) => delivery.failed(error, attempt),
      () => delivery.forget(),
    ),
  );
  if (options.callTrigger) {
    const trigger = createTrigger({ rooms, deliveries, isSettled, call: options.callTrigger, now, log });
    addLoop(
      'trigger',
      (signal) => trigger.step(signal),
      (error, attempt) => trigger.failed(error, attempt),
    );
  }
  addLoop('renew', renewStep);
  addLoop('operate', async (signal) => (await operations.step(signal)) ?? 'idle');
  const announceEnd = announceCredentialEnd(options.credentialExpiresAt, now, log);
  let lastTick = -Infinity;
  addLoop('tick', () => {
    storage.probe();
    wake('inbox');
    announceEnd();
    renewal?.catchUpAgain();
    house();
    if (offerAgainWhenDue(rooms, now())) wake('deliver');
    if (now() < lastTick) {
      log.warn('The clock was set back; what was due by the old time is done now', { by: lastTick - now() });
      inbox.pullIn(now());
      streams.pullIn(now() + Math.max(timing.sweepMs, timing.pollMs));
      wake('users', 'groups', 'refresh');
    }
    lastTick = now();
    if (!people.isEmpty()) wake('settle');
    if (rooms.runs.next()) wake('operate');
    return Promise.resolve(tickMs);
  });

  let announced = false;
  function announce(): void {
    if (announced || !isAtRest()) return;
    announced = true;
    log.info('Gespage holds what the tenant has', { accounts: rooms.ledger.countPresent() });
  }

  const isAtRest = (): boolean =>
    rounds.isComplete() &&
    people.isEmpty() &&
    rooms.removals.countProposed() === 0 &&
    deliveries.every((delivery) => delivery.isCurrent());

  return {
    async start(signal = new AbortController().signal) {
      // What was whole at the last stop is read again at once, whatever else is down.
      await Promise.all(deliveries.map((delivery) => delivery.serve()));
      await forgetDryRuns(rooms.state.path);
      await subscribeFirst(renewal, signal, log);
      await adoptFirst(deliveries, rooms, signal, log);
      if (signal.aborted) return;
      // Whatever changed while the service was down shows in a round, whether or not its notification still comes.
      for (const name of ['users', 'groups'] as const) streams.due(name, now());
      inbox.pullIn(now());
      for (const loop of loops) loop.start();
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
      await Promise.all(options.targets.map((target) => target.close()));
    },
    notified: () => wake('inbox'),
    asked: () => wake('operate', 'settle'),
    mode: renewal ? 'notifications' : 'polling',
    credentialExpiresAt: options.credentialExpiresAt,
    renewal,
    rounds,
    deliveries,
    isAtRest,
    loops: () => loops,
  };
}
