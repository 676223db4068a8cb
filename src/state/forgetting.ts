// Owns forgetting people and groups that are gone for good, once no target can need to hear of their end any more.
//
// A target catches up by revisions, so whoever was removed under a revision must be remembered until every target has it,
// and as long again as a target could be set back to an older copy of itself. From time to time it is noted how far all
// targets were, and at which read of the tenant: what is older than a mark of 400 days ago is safe to forget. The row of
// the last revision always stays, since the ledger counts on from it; and the object of the largest key, so that no key
// is ever given twice.
import type { State } from './database.ts';
import type { Meta } from './meta.ts';

export interface Forgetting {
  pass(now: number): Generator<void, void, void>;
}

export interface ForgettingOptions {
  readonly state: State;
  readonly meta: Meta;
  readonly beginRead: () => number;
  readonly targets: readonly string[];
}

/** All targets had this revision at this time; reads of the tenant with a lower number had begun. */
interface Mark {
  readonly at: number;
  readonly revision: number;
  readonly read: number;
}

const dayMs = 86_400_000;
const keepMs = 400 * dayMs;
const markEveryMs = 10 * dayMs;
const bite = 500;
const marksName = 'delivered-marks';

export function createForgetting(options: ForgettingOptions): Forgetting {
  const { state, meta } = options;

  /** What was noted of a target that nobody has configured for 400 days; should it come back, it is written anew. */
  function forgetTargets(now: number): void {
    const stale = state
      .sql(
        `SELECT name FROM target_state WHERE name NOT IN (SELECT value FROM json_each(?))
         AND max(coalesce(applied_at, 0), coalesce(failing_since, 0), coalesce(compared_at, 0)) < ?`,
      )
      .pluck()
      .all(JSON.stringify(options.targets), now - keepMs) as string[];
    for (const name of stale) {
      state.transaction(() => {
        state.sql('DELETE FROM refusal WHERE target = ?').run(name);
        state.sql('DELETE FROM target_state WHERE name = ?').run(name);
      });
    }
  }

  /** The revision that every target is known to hold; undefined while one of them was never written. */
  function heldByAll(): number | undefined {
    const rows = state.sql('SELECT name, revision FROM target_state').all() as {
      name: string;
      revision: number;
    }[];
    const isKnown = options.targets.every((name) => rows.some((row) => row.name === name));
    return isKnown && rows.length > 0 ? Math.min(...rows.map(({ revision }) => revision)) : undefined;
  }

  function readMarks(): Mark[] {
    return JSON.parse(meta.text(marksName) ?? '[]') as Mark[];
  }

  function addMark(now: number): void {
    // A mark of the future was made while the clock was wrong: it counts from now on.
    const marks = readMarks().map((mark) => ({ ...mark, at: Math.min(mark.at, now) }));
    const isDue = now - (marks.at(-1)?.at ?? -Infinity) >= markEveryMs;
    const revision = isDue ? heldByAll() : undefined;
    if (revision !== undefined) marks.push({ at: now, revision, read: options.beginRead() });
    // Of those that are old enough, the newest says it all.
    const first = marks.findLastIndex(({ at }) => at < now - keepMs);
    meta.setText(marksName, JSON.stringify(marks.slice(Math.max(0, first))));
  }

  /** Before the end of the first full rounds the indexes are not there yet. */
  const isRead = (): boolean =>
    state.sql('SELECT count(*) FROM stream WHERE full_read IS NOT NULL').pluck().get() === 2;

  function* pass(now: number): Generator<void, void, void> {
    forgetTargets(now);
    addMark(now);
    const mark = readMarks().findLast(({ at }) => at < now - keepMs);
    if (mark === undefined) return;
    let position = { read: -1, key: 0 };
    while (isRead()) {
      const some = state
        .sql(
          `SELECT key, read FROM directory_object WHERE state = 'gone' AND read < :limit
             AND (read, key) > (:read, :key) ORDER BY read, key LIMIT ${bite}`,
        )
        .all({ ...position, limit: mark.read }) as { key: number; read: number }[];
      const last = some.at(-1);
      if (last === undefined) return;
      const revision = Math.min(mark.revision, heldByAll() ?? -1);
      state.transaction(() =>
        forget(
          some.map(({ key }) => key),
          revision,
        ),
      );
      position = last;
      yield;
    }
  }

  function forget(keys: readonly number[], revision: number): void {
    const safe = JSON.stringify(
      state
        .sql(
          `SELECT o.key FROM json_each(:keys) k JOIN directory_object o ON o.key = k.value
           WHERE o.state = 'gone' AND o.key < (SELECT max(key) FROM directory_object)
             AND NOT EXISTS (SELECT 1 FROM account a WHERE a.key = o.key AND (a.present = 1 OR a.revision > :revision
               OR a.revision = ${lastRevision}))
             AND NOT EXISTS (SELECT 1 FROM published_group p WHERE p.key = o.key AND (p.present = 1
               OR p.revision > :revision OR p.revision = ${lastRevision}))
             ${inNoneOf.map(([table, column]) => `AND NOT EXISTS (SELECT 1 FROM ${table} WHERE ${column} = o.key)`).join('\n')}`,
        )
        .pluck()
        .all({ keys: JSON.stringify(keys), revision }),
    );
    if (safe === '[]') return;
    for (const table of forgottenIn) {
      state.sql(`DELETE FROM ${table} WHERE key IN (SELECT value FROM json_each(?))`).run(safe);
    }
  }

  return { pass };
}

const lastRevision =
  '(SELECT max((SELECT coalesce(max(revision), 0) FROM account), (SELECT coalesce(max(revision), 0) FROM published_group)))';

/** Whoever stands here is still needed. */
const inNoneOf = [
  ['membership', 'member_key'],
  ['membership', 'group_key'],
  ['group_reach', 'group_key'],
  ['relevant_group', 'key'],
  ['unsettled', 'key'],
  ['removal', 'key'],
  // A target that refused may hold the row still.
  ['refusal', 'key'],
] as const;

const forgottenIn = ['audit', 'person_issue', 'account', 'published_group', 'directory_object'] as const;
