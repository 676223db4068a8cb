// Owns looking at the inbox afterwards: what came in, the verdict on it, what became of it.
import type { State } from './database.ts';
import type { StreamName } from './inbox.ts';

export interface NotificationRow {
  readonly id: number;
  readonly receivedAt: number;
  readonly verdict: string;
  readonly kind: string;
  readonly subscriptionId: string | null;
  readonly event: string | null;
  readonly resource: StreamName | null;
  readonly objectId: string | null;
  /** How many like it share the row. */
  readonly count: number;
  /** When the object is looked at next; null when no look is due any more. */
  readonly nextLookAt: number | null;
  readonly looks: number | null;
  readonly error: string | null;
}

export interface NotificationQuery {
  readonly verdict?: string | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

const columns = `n.id, n.received_at AS receivedAt, n.verdict, n.kind, n.subscription_id AS subscriptionId, n.event,
  n.resource, n.object_id AS objectId, n.count, p.due_at AS nextLookAt, p.attempt AS looks, p.error`;
const source = 'notification n LEFT JOIN ping p ON p.resource = n.resource AND p.object_id = n.object_id';

/** Newest first. */
export function listNotifications(state: State, query: NotificationQuery): NotificationRow[] {
  const byVerdict = query.verdict === undefined ? '' : 'AND n.verdict = ?';
  return state
    .sql(`SELECT ${columns} FROM ${source} WHERE n.id < ? ${byVerdict} ORDER BY n.id DESC LIMIT ?`)
    .all(
      query.before ?? Number.MAX_SAFE_INTEGER,
      ...(query.verdict === undefined ? [] : [query.verdict]),
      query.limit,
    ) as NotificationRow[];
}

export function getNotification(state: State, id: number): NotificationRow | undefined {
  return state.sql(`SELECT ${columns} FROM ${source} WHERE n.id = ?`).get(id) as NotificationRow | undefined;
}
