// Owns what the state database can say of the service as a whole, for the operator's eyes: reads only, no links, no secrets.
import type { State } from './database.ts';
import type { Meta } from './meta.ts';
import type { StreamName } from './inbox.ts';

/** Where one delta stream stands. Times are milliseconds since 1970. */
export interface StreamView {
  readonly name: StreamName;
  /** Kind of the round under way, or null. */
  readonly round: 'full' | 'incremental' | null;
  readonly roundStartedAt: number | null;
  readonly roundPages: number;
  readonly roundObjects: number;
  readonly fullCompletedAt: number | null;
  readonly completedAt: number | null;
  readonly dueAt: number;
  /** Failures in a row. */
  readonly attempt: number;
  readonly error: string | null;
}

/** Notifications and pings that no read has answered yet. */
export interface InboxView {
  readonly depth: number;
  readonly oldestAt: number | undefined;
}

/** The streams as stored; none before the engine ran for the first time. */
export function viewStreams(state: State): StreamView[] {
  return state
    .sql(
      `SELECT name, round, round_started_at AS roundStartedAt, round_pages AS roundPages,
              round_objects AS roundObjects, full_completed_at AS fullCompletedAt, completed_at AS completedAt,
              due_at AS dueAt, attempt, error FROM stream ORDER BY name DESC`,
    )
    .all() as StreamView[];
}

/** What waits, including what came in while nobody folded it (the service was down). */
export function viewInbox(state: State, meta: Meta): InboxView {
  const pings = state
    .sql('SELECT count(*) AS n, min(first_at) AS oldest FROM ping WHERE attempt = 0 AND shown = 0')
    .get() as { n: number; oldest: number | null };
  const unfolded = state
    .sql(
      `SELECT count(DISTINCT coalesce(object_id, id)) AS n, min(received_at) AS oldest FROM notification
       WHERE id > ? AND verdict = 'accepted'`,
    )
    .get(meta.counter('inbox-cursor')) as { n: number; oldest: number | null };
  const oldest = [pings.oldest, unfolded.oldest].filter((at) => at !== null);
  return { depth: pings.n + unfolded.n, oldestAt: oldest.length === 0 ? undefined : Math.min(...oldest) };
}

/** How many people wait for a login, have none, or could not be settled for a defect, by kind of issue. */
export function countIssuesByKind(state: State): {
  collisions: number;
  withoutLogin: number;
  failed: number;
} {
  const rows = state.sql('SELECT kind, count(*) AS n FROM person_issue GROUP BY kind').all() as {
    kind: string;
    n: number;
  }[];
  const of = (kind: string): number => rows.find((row) => row.kind === kind)?.n ?? 0;
  return { collisions: of('login-collision'), withoutLogin: of('no-login'), failed: of('failed') };
}

/** People whom targets refused, over all targets. */
export function countRefusals(state: State): number {
  return state.sql('SELECT count(*) FROM refusal').pluck().get() as number;
}

/** People of a hold whose removal is approved and not carried out yet. */
export function countApproved(state: State, holdId: number): number {
  return state
    .sql(`SELECT count(*) FROM removal WHERE hold_id = ? AND state = 'approved'`)
    .pluck()
    .get(holdId) as number;
}
