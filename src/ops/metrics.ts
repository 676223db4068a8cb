// Owns the numbers that the service shows to Prometheus: their names, labels, and the only way to change them.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Which of a person's waits is meant by "propagation": from receipt of the ping to the commit at the target. */
export interface PropagationSummary {
  /** How many of the latest measurements the figures rest on, at most 1,000. */
  readonly count: number;
  /** Seconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Everything that rooms may count or measure. Times are in seconds, as Prometheus wants them. */
export interface Metrics {
  /** A notification got its verdict. `kind` is `change` or `lifecycle`. */
  countNotification(kind: string, verdict: string, count?: number): void;
  /** A change reached a target this many seconds after its notification was received. */
  observePropagation(target: string, seconds: number): void;
  /** Work that waits in the inbox, and the age of its oldest entry (0 when empty). */
  setInbox(depth: number, oldestSeconds: number): void;
  /** Seconds until the subscription for `resource` ends; undefined when there is none any more. */
  setSubscriptionExpiry(resource: string, seconds: number | undefined): void;
  /** A request to Graph was answered; `status` is the HTTP status, or a word where none came. */
  countGraphRequest(operation: string, status: number | string): void;
  /** Graph asked to wait for this long. */
  addGraphThrottling(seconds: number): void;
  /** A delta token was refused or discarded, so the stream begins anew. */
  countDeltaReset(stream: string): void;
  /** Rows written at a target; `operation` is `upsert` or `remove`. */
  countTargetWrites(target: string, operation: string, count?: number): void;
  /** Removals held for an operator. */
  setHolds(open: number): void;
  /** Seconds until the client certificate or secret ends; undefined while unknown. */
  setCredentialExpiry(seconds: number | undefined): void;
  /** How long changes took lately, over all targets; undefined before the first. */
  summarisePropagation(): PropagationSummary | undefined;
  /** Runs before each rendering, to bring gauges up to date. An error goes to `onHookError`. */
  beforeRender(hook: () => void): void;
  /** The page for Prometheus, with the content type that it must be sent with. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface MetricsOptions {
  /** Numbers about the process itself; on unless told. */
  readonly processMetrics?: boolean;
  readonly onHookError?: (error: unknown) => void;
}

/** Fine around the promised second, coarse up to the hour that a dead target may cost. */
const propagationBuckets = [0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300, 900, 3600];

const remembered = 1_000;

/** Makes a registry of its own; two services in one process (as in tests) never share a number. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  const all = defineMetrics(registry);
  const latest: number[] = [];
  let next = 0;
  const hooks: (() => void)[] = [];

  return {
    countNotification: (kind, verdict, count = 1) => all.notifications.inc({ kind, verdict }, count),
    observePropagation(target, seconds) {
      const safe = Math.max(0, seconds);
      all.propagation.observe({ target }, safe);
      latest[next] = safe;
      next = (next + 1) % remembered;
    },
    setInbox(depth, oldestSeconds) {
      all.inboxDepth.set(depth);
      all.inboxOldest.set(oldestSeconds);
    },
    setSubscriptionExpiry(resource, seconds) {
      if (seconds === undefined) all.subscriptionExpiry.remove({ resource });
      else all.subscriptionExpiry.set({ resource }, seconds);
    },
    countGraphRequest: (operation, status) =>
      all.graphRequests.inc({ operation, status: status.toString() }, 1),
    addGraphThrottling: (seconds) => all.graphThrottled.inc(Math.max(0, seconds)),
    countDeltaReset: (stream) => all.deltaResets.inc({ stream }, 1),
    countTargetWrites: (target, operation, count = 1) => all.targetWrites.inc({ target, operation }, count),
    setHolds: (open) => all.holds.set(open),
    setCredentialExpiry(seconds) {
      if (seconds === undefined) all.credentialExpiry.remove({});
      else all.credentialExpiry.set({}, seconds);
    },
    summarisePropagation: () => summarise(latest),
    beforeRender: (hook) => void hooks.push(hook),
    async render() {
      for (const hook of hooks) {
        try {
          hook();
        } catch (error) {
          options.onHookError?.(error);
        }
      }
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

function summarise(values: readonly number[]): PropagationSummary | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  if (sorted.length === 0) return undefined;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function defineMetrics(registry: Registry) {
  const registers = [registry];
  const prefix = 'gespage_sync_';
  return {
    notifications: new Counter({
      name: `${prefix}notifications_total`,
      help: 'Notifications received, by kind and verdict.',
      labelNames: ['kind', 'verdict'],
      registers,
    }),
    propagation: new Histogram({
      name: `${prefix}propagation_seconds`,
      help: 'Time from the receipt of a notification to the commit of its change at a target.',
      labelNames: ['target'],
      buckets: propagationBuckets,
      registers,
    }),
    inboxDepth: new Gauge({
      name: `${prefix}inbox_depth`,
      help: 'Objects that wait to be looked at again.',
      registers,
    }),
    inboxOldest: new Gauge({
      name: `${prefix}inbox_oldest_seconds`,
      help: 'Age of the oldest object that waits.',
      registers,
    }),
    subscriptionExpiry: new Gauge({
      name: `${prefix}subscription_expiry_seconds`,
      help: 'Time until the subscription for a resource ends.',
      labelNames: ['resource'],
      registers,
    }),
    graphRequests: new Counter({
      name: `${prefix}graph_requests_total`,
      help: 'Requests to Microsoft Graph, by operation and answer.',
      labelNames: ['operation', 'status'],
      registers,
    }),
    graphThrottled: new Counter({
      name: `${prefix}graph_throttled_seconds_total`,
      help: 'Time for which Microsoft Graph asked to be left alone.',
      registers,
    }),
    deltaResets: new Counter({
      name: `${prefix}delta_resets_total`,
      help: 'Delta streams begun anew because their token was refused or discarded.',
      labelNames: ['stream'],
      registers,
    }),
    targetWrites: new Counter({
      name: `${prefix}target_writes_total`,
      help: 'Accounts and groups written at a target, by operation.',
      labelNames: ['target', 'operation'],
      registers,
    }),
    holds: new Gauge({
      name: `${prefix}holds`,
      help: 'Held removals that wait for an operator.',
      registers,
    }),
    // Labels that are never given: a gauge without labels would show 0, as if the credential had ended.
    credentialExpiry: new Gauge({
      name: `${prefix}credential_expiry_seconds`,
      help: 'Time until the client secret or certificate ends.',
      labelNames: ['credential'],
      registers,
    }),
  };
}
