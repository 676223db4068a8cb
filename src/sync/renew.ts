// Owns the renewal job: one healthy subscription each for users and groups, renewed well before it ends.
import { GraphFailure } from '../graph/errors.ts';
import {
  type GraphSubscription,
  type NewSubscription,
  plainResource,
  sameChangeTypes,
} from '../graph/subscriptions.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { StreamName } from '../state/inbox.ts';
import type { StateRooms } from '../state/rooms.ts';
import type { SubscriptionRow } from '../state/subscriptions.ts';
import { createMutex } from './mutex.ts';

/** The subscription calls of Graph. */
export interface SubscriptionApi {
  list(signal: AbortSignal): Promise<GraphSubscription[]>;
  create(wanted: NewSubscription, signal: AbortSignal): Promise<GraphSubscription>;
  renew(id: string, expiration: Date, signal: AbortSignal): Promise<GraphSubscription>;
  remove(id: string, signal: AbortSignal): Promise<void>;
}

export interface RenewalOptions {
  readonly rooms: StateRooms;
  readonly api: SubscriptionApi;
  readonly notificationUrl: string;
  readonly lifecycleUrl: string;
  /** A new random client state, at most 128 characters. */
  readonly newClientState: () => string;
  /** Asks for a delta round: whatever was lost while there was no subscription is caught up by it. */
  readonly catchUp: (stream: StreamName) => void;
  /** Time from one comparison with Graph to the next, in ms: Graph does not tell when it drops a subscription. */
  readonly compareMs: number;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface RenewalCounts {
  created: number;
  renewed: number;
  removed: number;
  healthy: number;
}

export interface Renewal {
  /** Compares with Graph, then creates, adopts or renews what is due. Calls take turns. */
  reconcile(signal: AbortSignal): Promise<RenewalCounts>;
  /** When something is next due (ms since 1970). */
  nextDue(): number;
  /**
   * Asks for rounds again some seconds after a subscription was made: notifications that came before it was saved
   * were not known as ours. To be called every second or so.
   */
  catchUpAgain(): void;
  /** Whether both streams have a subscription that has not ended. */
  isHealthy(): boolean;
}

const streams: readonly StreamName[] = ['users', 'groups'];
const changeType = 'updated,deleted';
const minuteMs = 60_000;
/** Graph allows 41,760 minutes for users and groups; a day less keeps clear of differing clocks. */
const wantedLifeMs = (41_760 - 1_440) * minuteMs;
/** Renewal and re-authorisation of one subscription must not meet within ten minutes. */
const untouchedMs = 10 * minuteMs;
/** After a subscription was made, in ms, the stream is read again; nothing older than a few minutes is repeated. */
const readAgainAfter = [5_000, minuteMs] as const;
const readAgainUntil = 5 * minuteMs;

const ofItsOwn =
  'It leads to another address. If that was this service before PUBLIC_URL changed, all is well. If another installation ' +
  "listens there, the two take away each other's subscriptions: give each an app registration of its own.";

export function createRenewal(options: RenewalOptions): Renewal {
  const { rooms, api, now, log, metrics } = options;
  const { inbox, subscriptions } = rooms;
  const turns = createMutex();
  let comparedAt: number | undefined;

  async function compare(signal: AbortSignal): Promise<RenewalCounts> {
    const counts: RenewalCounts = { created: 0, renewed: 0, removed: 0, healthy: 0 };
    const remote = await api.list(signal);
    const failures: unknown[] = [];
    const has = (resource: StreamName): boolean =>
      subscriptions.list().some((row) => row.resource === resource);
    let cannotMake = false;
    for (const resource of streams) {
      // Where one cannot be made, neither can the other: our address is not reached, or Graph is in trouble.
      if (cannotMake && !has(resource)) continue;
      try {
        await bringUp(resource, remote, counts, signal);
      } catch (error) {
        signal.throwIfAborted();
        // Trouble with one must not cost the other.
        failures.push(error);
        cannotMake = !has(resource);
      }
    }
    reportExpiry();
    if (failures.length > 0) throw failures[0];
    comparedAt = now();
    return counts;
  }

  async function bringUp(
    resource: StreamName,
    remote: readonly GraphSubscription[],
    counts: RenewalCounts,
    signal: AbortSignal,
  ): Promise<void> {
    const mine = subscriptions.list().filter((row) => row.resource === resource);
    const [keep, ...rest] = mine.filter((row) =>
      isUsable(
        row,
        remote.find(({ id }) => id === row.id),
      ),
    );
    const surplus = new Set([...mine.filter((row) => row !== keep), ...rest].map(({ id }) => id));
    // A subscription to our address whose client state we do not know cannot be trusted: it is made anew.
    for (const other of remote) {
      const ours = other.notificationUrl === options.notificationUrl && isResource(other, resource);
      if (ours && other.id !== keep?.id) surplus.add(other.id);
    }
    for (const id of surplus) {
      await remove(id, signal);
      counts.removed += 1;
    }
    if (!keep) {
      await create(resource, signal);
      counts.created += 1;
    } else if (isDue(adoptEnd(keep, remote))) {
      counts[(await renew(subscriptions.get(keep.id) ?? keep, signal)) ? 'renewed' : 'created'] += 1;
    } else counts.healthy += 1;
  }

  /** Graph's word on the end counts; where it comes sooner than was granted, the renewal is due now. */
  function adoptEnd(row: SubscriptionRow, remote: readonly GraphSubscription[]): SubscriptionRow {
    const expiresAt = remote.find(({ id }) => id === row.id)?.expirationDateTime.getTime() ?? row.expiresAt;
    if (Math.abs(expiresAt - row.expiresAt) < minuteMs) return row;
    const challengedAt = expiresAt < row.expiresAt ? (row.challengedAt ?? now()) : row.challengedAt;
    subscriptions.touch(row.id, { expiresAt, challengedAt });
    return { ...row, expiresAt, challengedAt };
  }

  const isUsable = (row: SubscriptionRow, remote: GraphSubscription | undefined): boolean =>
    remote !== undefined &&
    row.lostAt === null &&
    row.notificationUrl === options.notificationUrl &&
    remote.notificationUrl === options.notificationUrl;

  const isResource = (remote: GraphSubscription, resource: StreamName): boolean =>
    plainResource(remote.resource) === resource;

  /** When half of the granted life is over, or at once when Graph asks; ten minutes after the last renewal. */
  function dueAt(row: SubscriptionRow): number {
    const half = row.expiresAt - (row.expiresAt - row.touchedAt) / 2;
    const wanted = row.challengedAt ?? half;
    const renewedAt = row.touchedAt === row.createdAt ? -Infinity : row.touchedAt;
    const allowed = Math.min(renewedAt + untouchedMs, Math.max(half, row.expiresAt - untouchedMs));
    return Math.max(wanted, allowed);
  }

  const isDue = (row: SubscriptionRow): boolean => dueAt(row) <= now();

  async function renew(row: SubscriptionRow, signal: AbortSignal): Promise<boolean> {
    const at = now();
    // Noted first: after a crash, or without an answer, nobody knows whether Graph has carried it out.
    subscriptions.touch(row.id, { touchedAt: at, challengedAt: row.challengedAt ?? at });
    try {
      const renewed = await api.renew(row.id, new Date(at + wantedLifeMs), signal);
      const expiresAt = renewed.expirationDateTime.getTime();
      subscriptions.touch(row.id, { expiresAt, touchedAt: now(), challengedAt: null });
      log.info('A subscription is renewed', { resource: row.resource, expiresAt: new Date(expiresAt) });
      // Between the pause of a challenged subscription and its recovery, changes are lost.
      if (row.challengedAt !== null) options.catchUp(row.resource);
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (error.kind !== 'not-found') {
        const wanted = subscriptions.get(row.id)?.challengedAt ?? null;
        subscriptions.touch(row.id, {
          touchedAt: row.touchedAt,
          challengedAt: wanted === at ? row.challengedAt : wanted,
        });
        throw error;
      }
      subscriptions.remove(row.id);
      await create(row.resource, signal);
      return false;
    }
  }

  async function create(resource: StreamName, signal: AbortSignal): Promise<void> {
    const clientState = options.newClientState();
    const request = {
      resource,
      changeType,
      notificationUrl: options.notificationUrl,
      lifecycleNotificationUrl: options.lifecycleUrl,
      clientState,
      expiration: new Date(now() + wantedLifeMs),
    };
    let made: GraphSubscription;
    try {
      made = await api.create(request, signal);
    } catch (error) {
      if (!(error instanceof GraphFailure) || error.status !== 409) throw error;
      for (const other of await api.list(signal)) {
        if (!isResource(other, resource) || !sameChangeTypes(other.changeType, changeType)) continue;
        log.warn('Another subscription stands in the way and is removed', {
          resource,
          notificationUrl: other.notificationUrl,
          ...(other.notificationUrl !== options.notificationUrl && { advice: ofItsOwn }),
        });
        await remove(other.id, signal);
      }
      made = await api.create(request, signal);
    }
    const at = now();
    subscriptions.save({
      id: made.id,
      resource,
      clientState,
      notificationUrl: options.notificationUrl,
      expiresAt: made.expirationDateTime.getTime(),
      createdAt: at,
      touchedAt: at,
      challengedAt: null,
      lostAt: null,
    });
    log.info('A subscription is created', { resource, expiresAt: made.expirationDateTime });
    options.catchUp(resource);
  }

  async function remove(id: string, signal: AbortSignal): Promise<void> {
    await api.remove(id, signal);
    subscriptions.remove(id);
  }

  function reportExpiry(): void {
    for (const resource of streams) {
      const row = subscriptions.list().find((one) => one.resource === resource);
      metrics.setSubscriptionExpiry(resource, row ? (row.expiresAt - now()) / 1000 : undefined);
    }
  }

  function catchUpAgain(): void {
    for (const { resource, createdAt } of subscriptions.list()) {
      const age = now() - createdAt;
      if (age > readAgainUntil || !inbox.cameUnknown(createdAt - minuteMs, createdAt + 1_000)) continue;
      const startedAt = rooms.streams.get(resource).roundStartedAt ?? 0;
      if (readAgainAfter.some((wait) => age >= wait && startedAt < createdAt + wait))
        options.catchUp(resource);
    }
  }

  return {
    reconcile: (signal) => turns.run(() => compare(signal)),
    nextDue() {
      const rows = subscriptions.list();
      if (rows.length < streams.length || rows.some((row) => row.lostAt !== null)) return now();
      const sinceCompared = comparedAt === undefined ? Infinity : now() - comparedAt;
      if (sinceCompared >= options.compareMs || sinceCompared < 0) return now();
      return Math.min(now() + options.compareMs - sinceCompared, ...rows.map(dueAt));
    },
    catchUpAgain,
    isHealthy: () =>
      streams.every((resource) =>
        subscriptions
          .list()
          .some((row) => row.resource === resource && row.lostAt === null && row.expiresAt > now()),
      ),
  };
}

/** Whether Graph certainly did not do what was asked: it said so, or nothing was sent. */
function isRefusal(error: unknown): error is GraphFailure {
  return (
    error instanceof GraphFailure && ['throttled', 'auth', 'not-found', 'permanent'].includes(error.kind)
  );
}
