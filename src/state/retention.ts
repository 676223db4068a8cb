// Owns forgetting: what grew old and is needed by nobody, in bites that are over before anybody waits for them.
import type { State } from './database.ts';
import { createForgetting } from './forgetting.ts';
import type { Meta } from './meta.ts';

export interface Retention {
  /** One pass over everything; each step is one short transaction. May be left off at any point, and begun again. */
  pass(now: number): Generator<void, void, void>;
}

export interface RetentionOptions {
  readonly state: State;
  readonly meta: Meta;
  /** The next read number. */
  readonly beginRead: () => number;
  /** Names of the targets that are configured. */
  readonly targets: readonly string[];
}

const dayMs = 86_400_000;
export const keepNotificationsMs = 30 * dayMs;
/** Longer than a year, so that what happened at the same time of last year can still be looked up. */
export const keepForLongMs = 400 * dayMs;
export const keepRunsMs = 90 * dayMs;
const leastRuns = 100;
/** The plan of a dry run can name a thousand people. */
export const keepPlansMs = 7 * dayMs;
const mostPlans = 20;
const bite = 2_000;
const auditBite = 500;

export function createRetention(options: RetentionOptions): Retention {
  const { state, meta } = options;
  const forgetting = createForgetting(options);

  /** Accepted ones that were folded. Rejected ones are bounded by their number, when they come in. */
  function* notifications(now: number): Generator<void, void, void> {
    if (isClockBehind('notification', 'received_at', now)) return;
    const limit = now - keepNotificationsMs;
    const folded = meta.counter('inbox-cursor');
    const drop = state.sql(
      `DELETE FROM notification WHERE id > ? AND id <= ? AND received_at < ? AND verdict = 'accepted'`,
    );
    for (let after = 0; ;) {
      const last = lastOf('notification', 'received_at', after, bite);
      if (last === undefined) return;
      drop.run(after, Math.min(last.id, folded), limit);
      if (isYoung(last.at, limit, now)) return;
      after = last.id;
      yield;
    }
  }

  /**
   * Everything of the last 400 days, and of each person the last entry before: with it begins what can be told. An old
   * entry makes the entries before it superfluous; so each is looked at once, in the order of their ids.
   */
  function* audit(now: number): Generator<void, void, void> {
    if (isClockBehind('audit', 'at', now)) return;
    const limit = now - keepForLongMs;
    const dropEarlier = state.sql(
      `DELETE FROM audit WHERE id IN (
         SELECT earlier.id FROM audit entry JOIN audit earlier ON earlier.key = entry.key AND earlier.id < entry.id
         WHERE entry.id > :after AND entry.id <= :last AND entry.at < :limit AND earlier.at < :limit)
       AND cause NOT IN (SELECT 'resync ' || id FROM run WHERE status IN ('queued', 'running'))`,
    );
    for (;;) {
      const after = meta.counter('audit-examined');
      const last = lastOf('audit', 'at', after, auditBite);
      if (last === undefined) return;
      const isReached = isYoung(last.at, limit, now);
      const to = isReached ? lastBefore(after, last.id, limit, now) : last.id;
      if (to > after) {
        state.transaction(() => {
          dropEarlier.run({ after, last: to, limit });
          meta.setCounter('audit-examined', to);
        });
      }
      if (isReached) return;
      yield;
    }
  }

  /** The last entry that may count as examined, among some of which the last one is young. */
  function lastBefore(after: number, last: number, limit: number, now: number): number {
    const firstYoung = state
      .sql('SELECT min(id) FROM audit WHERE id > ? AND id <= ? AND at >= ? AND at <= ?')
      .pluck()
      .get(after, last, limit, now) as number;
    return firstYoung - 1;
  }

  function* runs(now: number): Generator<void, void, void> {
    const drop = state.sql(
      `DELETE FROM run WHERE id IN (
         SELECT id FROM run WHERE requested_at < min(:limit, (
             SELECT requested_at FROM run ORDER BY requested_at DESC LIMIT 1 OFFSET ${leastRuns - 1}))
           AND finished_at < :limit ORDER BY requested_at LIMIT ${bite})`,
    );
    while (drop.run({ limit: now - keepRunsMs }).changes === bite) yield;
    const empty = state.sql(
      `UPDATE run SET plan = NULL WHERE plan IS NOT NULL AND finished_at IS NOT NULL AND (finished_at < :limit
         OR requested_at < (SELECT requested_at FROM run WHERE plan IS NOT NULL
                            ORDER BY requested_at DESC LIMIT 1 OFFSET ${mostPlans - 1}))`,
    );
    empty.run({ limit: now - keepPlansMs });
  }

  /** Not those whose decision still holds for somebody: it would have to be asked for again. */
  function* holds(now: number): Generator<void, void, void> {
    const drop = state.sql(
      `DELETE FROM hold WHERE id IN (
         SELECT id FROM hold WHERE status <> 'open' AND decided_at < ?
           AND NOT EXISTS (SELECT 1 FROM removal WHERE hold_id = hold.id) LIMIT ${bite})`,
    );
    while (drop.run(now - keepForLongMs).changes === bite) yield;
  }

  /** Where the clock stands before what was noted last, nothing can be called old. */
  function isClockBehind(table: string, time: string, now: number): boolean {
    const newest = state
      .sql(`SELECT ${time} FROM ${table} WHERE id = (SELECT max(id) FROM ${table})`)
      .pluck()
      .get();
    return newest !== undefined && (newest as number) > now;
  }

  /** A later time than now was noted while the clock was wrong, and says nothing about what follows. */
  const isYoung = (at: number, limit: number, now: number): boolean => at >= limit && at <= now;

  function lastOf(
    table: string,
    time: string,
    after: number,
    limit: number,
  ): { id: number; at: number } | undefined {
    return state
      .sql(
        `SELECT id, ${time} AS at FROM ${table} WHERE id = (
           SELECT max(id) FROM (SELECT id FROM ${table} WHERE id > ? ORDER BY id LIMIT ?))`,
      )
      .get(after, limit) as { id: number; at: number } | undefined;
  }

  return {
    *pass(now) {
      for (const part of [notifications, audit, runs, holds, (at: number) => forgetting.pass(at)]) {
        yield* part(now);
        yield;
      }
    },
  };
}
