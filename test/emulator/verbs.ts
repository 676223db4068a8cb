// Owns the verbs of a running tenant, the same for tests in its process and for the control API.
import type { ChurnOptions } from './churn.ts';
import type { Delivery, DeliveryCounts } from './delivery.ts';
import type { DeltaRoutes, RoundRecord } from './delta.ts';
import type { ResetStyle, Stream, TokenCodec } from './delta-token.ts';
import type { Directory, LogEntry, View } from './directory.ts';
import type { FaultRule, Faults } from './faults.ts';
import type { HandshakeRecord } from './handshake.ts';
import type { Change, Mutations } from './mutations.ts';
import type { LifecycleEvent, Notice } from './notices.ts';
import type { Notifier } from './notifier.ts';
import { mergeSettings } from './options.ts';
import type { Settings, SettingsPatch } from './options.ts';
import type { RequestLog, RequestSummary } from './request-log.ts';
import type { SignIn } from './sign-in.ts';
import type { Subscription, Subscriptions } from './subscriptions.ts';
import type { Throttle, ThrottleOptions } from './throttle.ts';
import type { Truth } from './truth.ts';

export type DeliveryState = DeliveryCounts & {
  pending: number;
  /** Answer times of the listener in ms: half, 99 of 100, and all were no slower. */
  p50: number;
  p99: number;
  max: number;
};

export type Verbs = Mutations &
  Truth & {
    /** Applies random changes, replayable by seed. */
    churn(count: number, options?: ChurnOptions): Change[];
    /** Changes settings while running; unknown names throw. */
    configure(patch: SettingsPatch): void;
    addFault(rule: FaultRule): number;
    removeFault(rule: number): void;
    clearFaults(): void;
    faultHits(): number;
    /** Refuses every Graph request with 429 for a while. */
    throttle(options: ThrottleOptions): void;
    stopThrottle(): void;
    setQuota(quota: { units: number; perMs: number } | null): void;
    throttledRequests(): number;
    /** Makes all delta and next links so far stale, for one stream or both. */
    expireDeltaTokens(stream?: Stream | null, style?: ResetStyle): void;
    revokeTokens(): void;
    tokensIssued(): number;
    /** A replica stops: the view shows nothing newer than now, until `thaw`. */
    freeze(view: View): void;
    thaw(view: View): void;
    vanishSubscription(id: string): boolean;
    lifecycle(event: LifecycleEvent, options?: { subscriptionId?: string; pause?: 'hold' | 'lose' }): number;
    holdNotifications(): void;
    releaseNotifications(): void;
    /** Sends again what was sent for changes from `seq` on; gives the number of items. */
    replayNotifications(seq: number): number;
    /** Notifies about a change once more, or without there being one: what a test makes of it is its own affair. */
    sampleNotice(subscriptionId: string, seq: number): Notice;
    /** Moves the clock of the tenant forward. */
    advance(ms: number): void;
    now(): number;
    requests(): RequestSummary;
    resetRequests(): void;
    rounds(): RoundRecord[];
    subscriptions(): Subscription[];
    handshakes(): HandshakeRecord[];
    /** Wall clock (ms) at which the first notification of the change left; null if none did. */
    sentAt(seq: number): number | null;
    /** `sentAt` of several changes at once. */
    sentAtAll(seqs: readonly number[]): (number | null)[];
    acknowledgedAt(seq: number): number | null;
    delivery(): DeliveryState;
    /** Resolves true once no notification is queued, held or waiting; false after `timeoutMs`. */
    whenIdle(timeoutMs?: number): Promise<boolean>;
    /** Changes so far. */
    lastSeq(): number;
  };

export type VerbContext = {
  mutations: Mutations;
  truth: Truth;
  churn: Verbs['churn'];
  settings: Settings;
  directory: Directory;
  frozen: Record<View, number | null>;
  faults: Faults;
  throttle: Throttle;
  tokens: TokenCodec;
  signIn: SignIn;
  subscriptions: Subscriptions;
  notifier: Notifier;
  delivery: Delivery;
  delta: DeltaRoutes;
  log: RequestLog;
  now: () => number;
  advance: (ms: number) => void;
};

/** Gathers the verbs from the parts that do the work. */
export function createVerbs(context: VerbContext): Verbs {
  const { delivery, directory, faults, frozen, log, notifier, subscriptions, throttle, tokens } = context;
  const newest = (): number => directory.log.length - 1;
  return {
    ...context.mutations,
    ...context.truth,
    churn: context.churn,
    configure: (patch) => mergeSettings(context.settings, patch),
    addFault: (rule) => faults.add(rule),
    removeFault: (rule) => faults.remove(rule),
    clearFaults: () => faults.clear(),
    faultHits: () => faults.hits(),
    throttle: (options) => throttle.start(options),
    stopThrottle: () => throttle.stop(),
    setQuota: (quota) => throttle.setQuota(quota),
    throttledRequests: () => throttle.refused(),
    expireDeltaTokens: (stream, style) => {
      if (stream !== 'groups') tokens.expire('users', style);
      if (stream !== 'users') tokens.expire('groups', style);
    },
    revokeTokens: () => context.signIn.revokeAll(),
    tokensIssued: () => context.signIn.issued(),
    freeze: (view) => {
      frozen[view] = newest();
    },
    thaw: (view) => {
      frozen[view] = null;
    },
    vanishSubscription: (id) => subscriptions.vanish(id),
    lifecycle: (event, options = {}) => notifier.lifecycle(event, options),
    holdNotifications: () => delivery.hold(),
    releaseNotifications: () => delivery.release(),
    replayNotifications: (seq) => delivery.replay(seq),
    sampleNotice: (subscriptionId, seq) => notifier.sample(subscriptionId, directory.log[seq] as LogEntry),
    advance: context.advance,
    now: context.now,
    requests: () => structuredClone(log.summary()),
    resetRequests: () => log.reset(),
    rounds: () => context.delta.rounds.map((round) => ({ ...round })),
    subscriptions: () => subscriptions.live().map((each) => ({ ...each })),
    handshakes: () => [...subscriptions.handshakes],
    sentAt: (seq) => delivery.sentAt.get(seq) ?? null,
    sentAtAll: (seqs) => seqs.map((seq) => delivery.sentAt.get(seq) ?? null),
    acknowledgedAt: (seq) => delivery.acknowledgedAt.get(seq) ?? null,
    delivery: () => {
      const sorted = [...delivery.durations].sort((a, b) => a - b);
      const at = (share: number): number =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
      return { ...delivery.counts, pending: delivery.pending(), p50: at(0.5), p99: at(0.99), max: at(1) };
    },
    whenIdle: async (timeoutMs = 10_000) => {
      const end = Date.now() + timeoutMs;
      while (delivery.pending() > 0 && Date.now() < end)
        await new Promise((resolve) => setTimeout(resolve, 5));
      return delivery.pending() === 0;
    },
    lastSeq: newest,
  };
}
