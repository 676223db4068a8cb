// Owns what was last seen of each target, and whom a target could not take.
import { eq } from './drizzle.ts';
import type { State } from './database.ts';
import { targetState } from './schema.ts';

export type TargetRow = typeof targetState.$inferSelect;

export interface TargetStates {
  list(): TargetRow[];
  applied(name: string, revision: number, now: number): void;
  /** All rows were compared with the ledger, as it stood after the full rounds of this read number. */
  compared(name: string, read: number | null, repaired: number, now: number): void;
  failed(name: string, error: string, now: number): void;
  refused(name: string, key: number, reason: string, now: number): void;
  accepted(name: string, keys: readonly number[]): void;
  hasRefusals(name: string): boolean;
  refusals(limit: number): { target: string; id: string; login: string; reason: string; at: number }[];
}

export function createTargetStates(state: State): TargetStates {
  return {
    list: () => state.db.select().from(targetState).all(),
    applied(name, revision, now) {
      state
        .sql(
          `INSERT INTO target_state(name, revision, applied_at) VALUES (?, ?, ?) ON CONFLICT(name) DO UPDATE
           SET revision = excluded.revision, applied_at = excluded.applied_at, failing_since = NULL, error = NULL`,
        )
        .run(name, revision, now);
    },
    compared(name, read, repaired, now) {
      state.db
        .update(targetState)
        .set({ comparedRead: read, comparedAt: now, repaired })
        .where(eq(targetState.name, name))
        .run();
    },
    failed(name, error, now) {
      state
        .sql(
          `INSERT INTO target_state(name, failing_since, error) VALUES (?, ?, ?) ON CONFLICT(name) DO UPDATE
           SET failing_since = coalesce(failing_since, excluded.failing_since), error = excluded.error`,
        )
        .run(name, now, error);
    },
    refused(name, key, reason, now) {
      state
        .sql(
          `INSERT INTO refusal(target, key, reason, at) VALUES (?, ?, ?, ?)
           ON CONFLICT(target, key) DO UPDATE SET reason = excluded.reason`,
        )
        .run(name, key, reason, now);
    },
    accepted(name, keys) {
      state
        .sql('DELETE FROM refusal WHERE target = ? AND key IN (SELECT value FROM json_each(?))')
        .run(name, JSON.stringify(keys));
    },
    hasRefusals: (name) =>
      state.sql('SELECT 1 FROM refusal WHERE target = ? LIMIT 1').get(name) !== undefined,
    refusals: (limit) =>
      state
        .sql(
          `SELECT r.target, a.external_id AS id, a.login, r.reason, r.at FROM refusal r
           JOIN account a ON a.key = r.key ORDER BY r.at DESC LIMIT ?`,
        )
        .all(limit) as { target: string; id: string; login: string; reason: string; at: number }[],
  };
}
