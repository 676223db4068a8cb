// Owns the record of what operators asked for: queued in the database, so that every way in reaches the one engine.
import { randomUUID } from 'node:crypto';
import { asc, desc, eq, inArray } from './drizzle.ts';
import type { State } from './database.ts';
import { run } from './schema.ts';

export type RunRow = typeof run.$inferSelect;

export interface RunRequest {
  readonly kind: 'resync' | 'renew';
  readonly dryRun?: boolean;
  readonly person?: string | null;
  readonly requestedBy: string;
}

export interface Runs {
  request(request: RunRequest, now: number): RunRow;
  get(id: string): RunRow | undefined;
  list(limit: number): RunRow[];
  /** The run under way if there is one, else the oldest that waits. */
  next(): RunRow | undefined;
  set(id: string, values: Partial<Omit<RunRow, 'id'>>): void;
  /** When somebody last asked for a resync, in ms; undefined where they never did. */
  lastResyncBy(requestedBy: string): number | undefined;
  /** How many accounts changed under a cause, by action. */
  changesOf(cause: string): Record<string, number>;
}

export function createRuns(state: State): Runs {
  const get = (id: string): RunRow | undefined => state.db.select().from(run).where(eq(run.id, id)).get();
  const unfinished = state.sql(`SELECT 1 FROM run WHERE status IN ('queued', 'running') LIMIT 1`);
  return {
    request(request, now) {
      // A statement that gives a row by itself would not tell that its commit has failed.
      return state.transaction(() =>
        state.db
          .insert(run)
          .values({
            id: randomUUID(),
            kind: request.kind,
            dryRun: request.dryRun ? 1 : 0,
            person: request.person ?? null,
            status: 'queued',
            requestedBy: request.requestedBy,
            requestedAt: now,
          })
          .returning()
          .get(),
      );
    },
    get,
    list: (limit) => state.db.select().from(run).orderBy(desc(run.requestedAt)).limit(limit).all(),
    next() {
      if (unfinished.get() === undefined) return undefined;
      return state.db
        .select()
        .from(run)
        .where(inArray(run.status, ['queued', 'running']))
        .orderBy(desc(run.status), asc(run.requestedAt))
        .get();
    },
    set(id, values) {
      state.db.update(run).set(values).where(eq(run.id, id)).run();
    },
    lastResyncBy: (requestedBy) =>
      state
        .sql(
          `SELECT requested_at FROM run WHERE kind = 'resync' AND requested_by = ?
           ORDER BY requested_at DESC LIMIT 1`,
        )
        .pluck()
        .get(requestedBy) as number | undefined,
    changesOf(cause) {
      // The partial index is used only where the query says what the index says.
      const ofResync = cause.startsWith('resync ') ? `AND cause >= 'resync ' AND cause < 'resync!'` : '';
      const rows = state
        .sql(`SELECT action, count(*) AS n FROM audit WHERE cause = ? ${ofResync} GROUP BY action`)
        .all(cause) as { action: string; n: number }[];
      return Object.fromEntries(rows.map((row) => [row.action, row.n]));
    },
  };
}
