// Owns reading the audit: each change to an account, newest first, in pages.
import type { State } from './database.ts';
import type { AuditAction } from './ledger.ts';

export interface AuditRow {
  readonly id: number;
  readonly at: number;
  /** The person's object id. */
  readonly person: string;
  readonly login: string | null;
  readonly action: AuditAction;
  readonly cause: string;
  readonly reason: string | null;
  /** field: [before, after]; null for a creation, whose values are the account's own. */
  readonly changes: Readonly<Record<string, readonly [unknown, unknown]>> | null;
}

export interface AuditQuery {
  /** The person's key in the mirror. */
  readonly key?: number | undefined;
  /** From this time on, ms. */
  readonly since?: number | undefined;
  /** Up to and including this time, ms. */
  readonly until?: number | undefined;
  /** Only what is older than the entry of this id. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Newest entries first. */
export function listAudit(state: State, query: AuditQuery): AuditRow[] {
  const conditions = [
    'u.id < ?',
    'u.at >= ?',
    'u.at <= ?',
    ...(query.key === undefined ? [] : ['u.key = ?']),
  ];
  const rows = state
    .sql(
      `SELECT u.id, u.at, o.id AS person, a.login, u.action, u.cause, u.reason, u.changes
       FROM audit u JOIN directory_object o ON o.key = u.key LEFT JOIN account a ON a.key = u.key
       WHERE ${conditions.join(' AND ')} ORDER BY u.id DESC LIMIT ?`,
    )
    .all(
      query.before ?? Number.MAX_SAFE_INTEGER,
      query.since ?? 0,
      query.until ?? Number.MAX_SAFE_INTEGER,
      ...(query.key === undefined ? [] : [query.key]),
      query.limit,
    ) as (Omit<AuditRow, 'changes'> & { changes: string | null })[];
  return rows.map((row) => ({
    ...row,
    changes: row.changes === null ? null : (JSON.parse(row.changes) as NonNullable<AuditRow['changes']>),
  }));
}
