// Owns who does what, when: the loops that carry a change from a notification or a delta round to the targets.
import type { CompiledMapping } from '../accounts/decide.ts';
import type { RemovalLimit } from '../accounts/guard.ts';
import type { RemovalPolicy } from '../accounts/plan.ts';
import type { Target } from '../gespage/target.ts';
import { GraphFailure } from '../graph/errors.ts';
import { createLoop, type Loop } from '../ops/loop.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { StreamName } from '../state/inbox.ts';
import type { StateRooms } from '../state/rooms.ts';
import { createDelivery, type Delivery } from './deliver.ts';
import { planDryRun, type Workshop } from './dry-run.ts';
import { keepHouse } from './housekeeping.ts';
import { createOperations } from './operate.ts';
import { createRefresher, type LookUp } from './refresh.ts';
import { createRenewal, type Renewal, type SubscriptionApi } from './renew.ts';
import { backoff, createRounds, type ReadRound, type Rounds } from './rounds.ts';
import { createSettler } from './settle.ts';

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
  readonly removal: { readonly policy: RemovalPolicy; readonly graceDays: number; readonly limit: RemovalLimit };
  readonly timing: { readonly pollMs: number; readonly sweepMs: number; readonly fullResyncMs: number };
  /** Where Microsoft reaches us; undefined in polling mode. */
  readonly publicUrl: string | undefined;
  readonly newClientState: () => string;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Engine {
  /** Subscribes, then starts all loops. The public door must be listening. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Tells that notifications were stored. */
  notified(): void;
  /** Tells that something was asked for through the database. */
  asked(): void;
  readonly mode: 'notifications' | 'polling';
  readonly renewal: Renewal | undefined;
  readonly rounds: Rounds;
  readonly deliveries: readonly Delivery[];
  /** Whether nothing is left to do: everything read, settled and delivered. */
  isAtRest(): boolean;
  loops(): readonly Loop[];
}

const tickMs = 1_000;
const subscribePatienceMs = 30_000;

export function createEngine(options: EngineOptions): Engine {
  const { rooms, graph, mapping, now, log, metrics, timing } = options;
  const { inbox, streams, people, subscriptions } = rooms;
  const loops: Loop[] = [];
  const wake = (...names: string[]): void => {
    for (const loop of loops) if (names.some((name) => loop.status().name.startsWith(name))) loop.wake();
  };

  streams.prepare('users', graph.selection.users.join(), now());
  streams.prepare('groups', graph.selection.groups.join(), now());
  reconsiderIfRulesChanged(options);

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
          now,
          log,
          metrics,
        });

  /** The same parts for the state database and for a copy of it. */
  function build(target: StateRooms): Workshop & { step: (signal: AbortSignal) => Promise<number | undefined> } {
    const isOriginal = target === rooms;
    const rounds: Rounds = createRounds({
      rooms: target,
      read: graph.readRound,
      fullCause: () => (isOriginal ? operations.fullCause() : 'dry run'),
      periodMs: () => (renewal?.isHealthy() ? timing.sweepMs : timing.pollMs),
      onChange: () => isOriginal && wake('settle', 'operate', 'groups'),
      now,
      log,
      metrics,
    });
    const refresher = createRefresher({
      rooms: target,
      lookUpUsers: graph.lookUpUsers,
      lookUpDeletedUsers: graph.lookUpDeletedUsers,
      askRound: () => {
        if (!isOriginal || rounds.isBusy('users')) return false;
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
      settler: createSettler({ rooms: target, mapping, ...options.removal, now, log }),
      refresh: async (id, cause, signal) => (await refresher.refresh([id], cause, signal)).get(id),
      step: (signal) => refresher.step(signal),
    };
  }

  const workshop = build(rooms);
  const { rounds, settler } = workshop;
  const deliveries = options.targets.map((target) => createDelivery({ rooms, target, now, log, metrics }));
  const operations = createOperations({
    rooms,
    rounds,
    deliveries,
    renew: async (signal) => (renewal ? renewal.reconcile(signal) : 'polling'),
    refresh: (id, cause, signal) => workshop.refresh(id, cause, signal),
    dryRun: (run, signal) => rounds.whileQuiet(() => planDryRun({ original: rooms, build }, run, signal)),
    onChange: () => wake('users', 'groups', 'settle', 'deliver'),
    now,
    log,
  });

  /** Folds what came in; signals that concern a whole stream ask for a round of it. */
  function notified(): void {
    for (const signal of inbox.fold(now())) {
      const row = signal.subscriptionId === null ? undefined : subscriptions.get(signal.subscriptionId);
      const stream = signal.resource ?? row?.resource;
      if (signal.kind === 'lifecycle') {
        log.info('Graph sent a lifecycle notification', { event: signal.event, resource: stream });
        if (row && signal.event === 'reauthorizationRequired') {
          subscriptions.touch(row.id, { challengedAt: now() });
        } else if (row && signal.event === 'subscriptionRemoved') subscriptions.touch(row.id, { lostAt: now() });
        wake('renew');
      }
      if (stream) streams.due(stream, now());
    }
    wake('users', 'groups', 'refresh');
  }

  function settleStep(): 'again' | number {
    if (!rounds.isReady()) return 60_000;
    const revision = rooms.ledger.revision();
    const result = settler.settleSome();
    if (rooms.ledger.revision() !== revision) wake('deliver');
    if (result === 'more') return 'again';
    const expiry = settler.markExpired();
    if (!people.isEmpty()) return 'again';
    wake('deliver', 'operate');
    return Math.min(3_600_000, Math.max(1_000, (expiry ?? Infinity) - now()));
  }

  async function renewStep(signal: AbortSignal): Promise<number> {
    if (!renewal) return 3_600_000;
    const due = renewal.nextDue();
    if (due <= now() || now() - lastReconciled >= 3_600_000) {
      lastReconciled = now();
      await renewal.reconcile(signal);
    }
    return Math.max(1_000, Math.min(renewal.nextDue() - now(), 3_600_000));
  }
  let lastReconciled = 0;

  const house = keepHouse({ rooms, fullResyncMs: timing.fullResyncMs, now });

  function addLoop(
    name: string,
    step: (signal: AbortSignal) => Promise<number | 'again' | 'idle'>,
    onError: (error: unknown, attempt: number) => number = waitAfter(name),
  ): void {
    loops.push(createLoop({ name, step, onError, log, now: () => new Date(now()) }));
  }

  const waitAfter = (name: string) => (error: unknown, attempt: number) => {
    const asked = error instanceof GraphFailure && error.kind === 'throttled' ? error.retryAfterMs : undefined;
    const wait = asked ?? backoff(attempt);
    log.warn('A background job failed and is tried again', { job: name, attempt, retryInMs: wait, error });
    return wait;
  };

  for (const name of ['users', 'groups'] as const) {
    addLoop(
      name,
      async (signal) => {
        const rest = await rounds.step(name, signal);
        wake('refresh', 'operate');
        return rest;
      },
      (error) => rounds.failed(name, error),
    );
  }
  addLoop('refresh', async (signal) => (rounds.isReady() ? ((await workshop.step(signal)) ?? 'idle') : 'idle'));
  addLoop('settle', () => Promise.resolve().then(settleStep));
  deliveries.forEach((delivery) =>
    addLoop(
      `deliver ${delivery.target.name}`,
      async () => {
        const rest = await delivery.step();
        if (rest === 'idle') {
          wake('operate');
          announce();
        }
        return rest;
      },
      (error, attempt) => delivery.failed(error, attempt),
    ),
  );
  addLoop('renew', renewStep);
  addLoop('operate', async (signal) => (await operations.step(signal)) ?? 'idle');
  addLoop('tick', () => {
    notified();
    house();
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
    rounds.isReady() &&
    people.isEmpty() &&
    rooms.removals.countProposed() === 0 &&
    deliveries.every((delivery) => delivery.isCurrent());

  /** Subscriptions come before the baseline, so that nothing falls between them. */
  async function subscribeFirst(): Promise<void> {
    if (!renewal) return;
    try {
      lastReconciled = now();
      await renewal.reconcile(AbortSignal.timeout(subscribePatienceMs));
    } catch (error) {
      log.warn('The subscriptions could not be made yet; the tenant is polled until they are', { error });
    }
  }

  return {
    async start() {
      await subscribeFirst();
      // Whatever changed while the service was down shows in a round, whether or not its notification still comes.
      for (const name of ['users', 'groups'] as const) streams.due(name, now());
      for (const loop of loops) loop.start();
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
      await Promise.all(options.targets.map((target) => target.close()));
    },
    notified,
    asked: () => wake('operate', 'settle'),
    mode: renewal ? 'notifications' : 'polling',
    renewal,
    rounds,
    deliveries,
    isAtRest,
    loops: () => loops,
  };
}

/** Other rules than at the last start: everybody is decided again, from the mirror. */
function reconsiderIfRulesChanged({ rooms, mapping, removal }: EngineOptions): void {
  const { meta, people, state } = rooms;
  const rules = JSON.stringify([mapping.mapping, removal.policy]);
  if (meta.text('rules') === rules) return;
  state.transaction(() => {
    for (let key: number | undefined = 0; key !== undefined; ) key = people.markRange(key, 50_000, 'rules changed');
    meta.setCounter('reach-dirty', 1);
    meta.setText('rules', rules);
  });
}
