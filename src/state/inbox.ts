// Owns the inbox: notifications as they came in, and the pings (objects to look at again) that they fold into.
import type { State } from './database.ts';
import type { Meta } from './meta.ts';

export type StreamName = 'users' | 'groups';

export type Verdict =
  | 'accepted'
  | 'malformed'
  | 'unknown-subscription'
  | 'wrong-client-state'
  | 'wrong-tenant'
  | 'wrong-resource';

/** One item of a batch as it is stored; rejected items that are alike share a row. */
export interface InboxItem {
  readonly verdict: Verdict;
  readonly kind: 'change' | 'lifecycle' | 'unknown';
  readonly subscriptionId: string | null;
  /** `changeType` or `lifecycleEvent`. */
  readonly event: string | null;
  readonly resource: StreamName | null;
  readonly objectId: string | null;
  readonly count: number;
}

export interface Ping {
  readonly objectId: string;
  readonly version: number;
  readonly firstAt: number;
  readonly attempt: number;
  /** 0: nothing yet; 1: a read showed something; 2: more than one told of it, so that they may contradict each other. */
  readonly shown: number;
}

/** An accepted lifecycle item, or a change item without a usable object id. */
export interface StreamSignal {
  readonly subscriptionId: string | null;
  readonly resource: StreamName | null;
  readonly event: string | null;
  readonly kind: string;
}

/** What a read after a ping showed of the object; `done` where nothing more can come. */
export type Outcome = 'shown' | 'nothing-new' | 'done' | 'failed';

/** Rejected rows that are kept for the operator to see. */
const keepRejected = 10_000;
/** Milliseconds after a read that showed nothing new until the next look; then the sweep is trusted. */
const lookAgainAfter = [300, 2_000, 5_000, 15_000, 60_000, 300_000] as const;
/** Milliseconds until the confirming look after a read that showed something. */
const confirmAfter = 5_000;
/**
 * Where reads contradict each other, one of them came from a replica that lags, or there was one more change. The stream
 * does not tell again what a lagging read undoes, so that one agreement is not enough: from this place on the delays of
 * `lookAgainAfter` are gone through.
 */
const attemptAfterContradiction = 2;

export interface Inbox {
  /** Stores all items in one transaction; returns only after they are on disk. */
  append(items: readonly InboxItem[], receivedAt: number): void;
  /** Folds what was appended since the last call into pings; returns the signals that concern whole streams. */
  fold(now: number): StreamSignal[];
  duePings(resource: StreamName, now: number, limit: number): Ping[];
  countDue(resource: StreamName, now: number): number;
  nextDue(resource: StreamName): number | undefined;
  firstAt(resource: StreamName, objectId: string): number | undefined;
  pendingCount(): { depth: number; oldestAt: number | undefined };
  /**
   * Ends one look at an object. A ping that came meanwhile (another version) stays due; otherwise the object is
   * looked at again after growing delays until two looks agree; where looks may disagree, to the end of those delays.
   */
  advance(resource: StreamName, ping: Ping, outcome: Outcome, now: number): void;
  /** A round told of these users: whoever waits for a look is not closed by one that agrees with an earlier look. */
  told(ids: readonly string[], now: number): void;
  /** After the clock was set back: what would now be due in more than an hour is due at once. */
  pullIn(now: number): void;
  /** Asks for a look at objects of which nobody was notified. */
  lookAt(resource: StreamName, ids: readonly string[], now: number): void;
  /** Puts a ping off to a time without counting an attempt, as when Graph asks for a pause. */
  postpone(resource: StreamName, ping: Ping, until: number, error: string): void;
  /** Whether a notification of a subscription that was not known came between these times. */
  cameUnknown(from: number, to: number): boolean;
}

/** No look is put off for longer. */
const longestWait = 3_600_000;

export function createInbox(state: State, meta: Meta): Inbox {
  const insert = state.sql(
    `INSERT INTO notification(received_at, verdict, kind, subscription_id, event, resource, object_id, count)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const newest = state.sql('SELECT max(id) FROM notification').pluck();
  // What was forged says nothing of Microsoft.
  const newestAccepted = state
    .sql(`SELECT max(received_at) FROM notification WHERE id > ? AND id <= ? AND verdict = 'accepted'`)
    .pluck();
  const signals = state.sql(
    `SELECT DISTINCT subscription_id AS subscriptionId, resource, event, kind FROM notification
     WHERE id > ? AND id <= ? AND verdict = 'accepted' AND (kind <> 'change' OR object_id IS NULL)`,
  );
  const fold = state.sql(
    `INSERT INTO ping(resource, object_id, version, first_at, due_at)
     SELECT resource, object_id, max(id), min(received_at), :now FROM notification
     WHERE id > :cursor AND id <= :last AND verdict = 'accepted' AND kind = 'change' AND object_id IS NOT NULL
     GROUP BY resource, object_id
     ON CONFLICT(resource, object_id) DO UPDATE SET
       version = excluded.version, attempt = 0, due_at = min(due_at, excluded.due_at),
       first_at = CASE WHEN shown > 0 OR attempt > 0 THEN excluded.first_at ELSE first_at END, shown = 0`,
  );
  const due = state.sql(
    `SELECT object_id AS objectId, version, first_at AS firstAt, attempt, shown FROM ping
     WHERE resource = ? AND due_at <= ? ORDER BY due_at LIMIT ?`,
  );
  const countDue = state.sql('SELECT count(*) FROM ping WHERE resource = ? AND due_at <= ?').pluck();
  const nextDue = state.sql('SELECT min(due_at) FROM ping WHERE resource = ?').pluck();
  const firstAt = state.sql('SELECT first_at FROM ping WHERE resource = ? AND object_id = ?').pluck();
  const pending = state.sql(
    'SELECT count(*) AS depth, min(first_at) AS oldestAt FROM ping WHERE attempt = 0 AND shown = 0',
  );
  const close = state.sql('DELETE FROM ping WHERE resource = ? AND object_id = ? AND version = ?');
  const reschedule = state.sql(
    `UPDATE ping SET attempt = ?, shown = ?, due_at = ?, error = ?
     WHERE resource = ? AND object_id = ? AND version = ?`,
  );
  const told = state.sql(
    `UPDATE ping SET shown = 2
     WHERE resource = 'users' AND object_id IN (SELECT value FROM json_each(?)) AND due_at > ?`,
  );
  const pullIn = state.sql('UPDATE ping SET due_at = ? WHERE resource = ? AND due_at > ?');
  // A random version below zero: versions are never used twice, or an old look could close a newer ping.
  const lookAt = state.sql(
    `INSERT INTO ping(resource, object_id, version, first_at, due_at)
     VALUES (?, ?, -(abs(random()) >> 12), ?, ?)
     ON CONFLICT(resource, object_id) DO UPDATE SET
       version = excluded.version, attempt = 0, shown = 0, due_at = min(due_at, excluded.due_at)`,
  );
  const dropRejected = state.sql(
    `DELETE FROM notification WHERE verdict <> 'accepted' AND id <= (
       SELECT id FROM notification WHERE verdict <> 'accepted' ORDER BY id DESC LIMIT 1 OFFSET ?)`,
  );
  let rejectedSincePrune = 0;
  return {
    append(items, receivedAt) {
      state.durably(() => {
        for (const i of items) {
          insert.run(
            receivedAt,
            i.verdict,
            i.kind,
            i.subscriptionId,
            i.event,
            i.resource,
            i.objectId,
            i.count,
          );
          if (i.verdict !== 'accepted') rejectedSincePrune += 1;
        }
        // A flood of forged items must not fill the disk.
        if (rejectedSincePrune > keepRejected / 10) {
          dropRejected.run(keepRejected);
          rejectedSincePrune = 0;
        }
      });
    },
    fold(now) {
      const cursor = meta.counter('inbox-cursor');
      const last = (newest.get() as number | null) ?? 0;
      if (last <= cursor) return [];
      return state.transaction(() => {
        const found = signals.all(cursor, last) as StreamSignal[];
        fold.run({ cursor, last, now });
        meta.setCounter('inbox-cursor', last);
        const receivedAt = newestAccepted.get(cursor, last) as number | null;
        if (receivedAt !== null) meta.setCounter('last-notification-at', receivedAt);
        return found;
      });
    },
    duePings: (resource, now, limit) => due.all(resource, now, limit) as Ping[],
    countDue: (resource, now) => countDue.get(resource, now) as number,
    nextDue: (resource) => (nextDue.get(resource) as number | null) ?? undefined,
    firstAt: (resource, objectId) => firstAt.get(resource, objectId) as number | undefined,
    pendingCount() {
      const row = pending.get() as { depth: number; oldestAt: number | null };
      return { depth: row.depth, oldestAt: row.oldestAt ?? undefined };
    },
    advance(resource, ping, outcome, now) {
      if (outcome === 'shown') {
        const [attempt, shown] = ping.shown === 0 ? [0, 1] : [attemptAfterContradiction, 2];
        reschedule.run(attempt, shown, now + confirmAfter, null, resource, ping.objectId, ping.version);
        return;
      }
      const wait = lookAgainAfter[ping.attempt];
      if (outcome === 'done' || (outcome === 'nothing-new' && (ping.shown === 1 || wait === undefined))) {
        close.run(resource, ping.objectId, ping.version);
        return;
      }
      const error = outcome === 'failed' ? 'the read failed' : null;
      reschedule.run(
        ping.attempt + 1,
        ping.shown,
        now + (wait ?? 300_000),
        error,
        resource,
        ping.objectId,
        ping.version,
      );
    },
    told(ids, now) {
      if (nextDue.get('users') !== null) told.run(JSON.stringify(ids), now);
    },
    pullIn(now) {
      for (const resource of ['users', 'groups']) pullIn.run(now, resource, now + longestWait);
    },
    lookAt(resource, ids, now) {
      for (const id of ids) lookAt.run(resource, id, now, now);
    },
    postpone(resource, ping, until, error) {
      reschedule.run(ping.attempt, ping.shown, until, error, resource, ping.objectId, ping.version);
    },
    cameUnknown: (from, to) =>
      state
        .sql(
          `SELECT 1 FROM notification WHERE verdict = 'unknown-subscription' AND verdict <> 'accepted'
           AND received_at BETWEEN ? AND ? LIMIT 1`,
        )
        .get(from, to) !== undefined,
  };
}
