// Owns removals on their way through the guard, and the holds in which mass removals wait for an operator.
import { desc, eq } from './drizzle.ts';
import type { State } from './database.ts';
import { hold } from './schema.ts';

export type Hold = typeof hold.$inferSelect;

/** One person of a hold, as an operator needs to see them. */
export interface HeldPerson {
  readonly id: string;
  readonly login: string;
  readonly displayName: string | null;
  readonly how: 'disable' | 'delete';
  readonly reason: string;
  readonly state: 'held' | 'kept' | 'approved';
  readonly since: number;
}

export interface GuardFigures {
  readonly limit: number;
  readonly removedInWindow: number;
  readonly enabledAccounts: number;
  readonly cause: string;
}

/** Why a decision on a hold could not be taken. */
export interface HoldRefused {
  readonly ok: false;
  readonly reason: string;
}

export interface Removals {
  /**
   * Proposes a removal. One that is under way or held keeps its state; one that an operator decided against is
   * proposed anew where the reason is another one.
   */
  propose(key: number, how: 'disable' | 'delete', reason: string, cause: string, now: number): void;
  /** Forgets a removal that is no longer wanted, or that was carried out. */
  drop(key: number): void;
  countProposed(): number;
  /** What is proposed: how many, since when the first, and how many of them by a cause other than these. */
  proposals(quickCauses: readonly string[]): { count: number; since: number; slow: number };
  /** Lets all proposed removals pass: they are carried out when the people are settled next. */
  approveProposed(): void;
  /** Holds all proposed removals together with those of the open hold, which this one supersedes. */
  holdProposed(figures: GuardFigures, now: number): Hold;
  /** Adds all proposed removals to this open hold. */
  joinHold(id: number): Hold;
  /** The open hold, of which there is at most one. */
  open(): Hold | undefined;
  list(limit: number): Hold[];
  get(id: number): Hold | undefined;
  people(holdId: number, limit: number): HeldPerson[];
  openPeople(): number;
  /**
   * Approves or discards precisely this hold; `by` names the operator's way in. Whom a discarded hold still keeps can
   * be approved later.
   */
  decide(
    id: number,
    decision: 'approve' | 'discard',
    by: string,
    now: number,
  ): { ok: true; people: number } | HoldRefused;
  /** Closes holds of which nobody is left, since all came back. */
  closeEmptied(now: number): void;
}

export function createRemovals(state: State): Removals {
  const get = (id: number): Hold | undefined => state.db.select().from(hold).where(eq(hold.id, id)).get();
  const mark = (where: string) =>
    `INSERT INTO unsettled(key, cause) SELECT key, cause FROM removal WHERE ${where} ON CONFLICT(key) DO NOTHING`;

  const anew = `removal.state = 'kept' AND removal.reason <> excluded.reason`;
  const countPeople = (id: number): number =>
    state.sql('SELECT count(*) FROM removal WHERE hold_id = ?').pluck().get(id) as number;

  return {
    propose(key, how, reason, cause, now) {
      state
        .sql(
          `INSERT INTO removal(key, state, how, reason, cause, proposed_at) VALUES (?, 'proposed', ?, ?, ?, ?)
           ON CONFLICT(key) DO UPDATE SET how = excluded.how, reason = excluded.reason,
             state = CASE WHEN ${anew} THEN 'proposed' ELSE state END,
             cause = CASE WHEN ${anew} THEN excluded.cause ELSE cause END,
             hold_id = CASE WHEN ${anew} THEN NULL ELSE hold_id END,
             proposed_at = CASE WHEN ${anew} THEN excluded.proposed_at ELSE proposed_at END`,
        )
        .run(key, how, reason, cause, now);
    },
    drop(key) {
      state.sql('DELETE FROM removal WHERE key = ?').run(key);
    },
    countProposed: () =>
      state.sql(`SELECT count(*) FROM removal WHERE state = 'proposed'`).pluck().get() as number,
    proposals: (quickCauses) =>
      state
        .sql(
          `SELECT count(*) AS count, coalesce(min(proposed_at), 0) AS since,
                  coalesce(sum(cause NOT IN (SELECT value FROM json_each(?))), 0) AS slow
           FROM removal WHERE state = 'proposed'`,
        )
        .get(JSON.stringify(quickCauses)) as { count: number; since: number; slow: number },
    approveProposed() {
      state.transaction(() => {
        state.sql(mark(`state = 'proposed'`)).run();
        state.sql(`UPDATE removal SET state = 'approved' WHERE state = 'proposed'`).run();
      });
    },
    holdProposed(figures, now) {
      return state.transaction(() => {
        const open = state.db.select().from(hold).where(eq(hold.status, 'open')).all();
        const made = state.db
          .insert(hold)
          .values({ ...figures, status: 'open', createdAt: now, people: 0 })
          .returning()
          .get();
        for (const older of open) {
          state.db
            .update(hold)
            .set({ status: 'superseded', decidedAt: now, supersededBy: made.id })
            .where(eq(hold.id, older.id))
            .run();
          state
            .sql(`UPDATE removal SET hold_id = ? WHERE hold_id = ? AND state = 'held'`)
            .run(made.id, older.id);
        }
        state.sql(`UPDATE removal SET state = 'held', hold_id = ? WHERE state = 'proposed'`).run(made.id);
        const people = countPeople(made.id);
        return state.db.update(hold).set({ people }).where(eq(hold.id, made.id)).returning().get();
      });
    },
    joinHold(id) {
      return state.transaction(() => {
        state.sql(`UPDATE removal SET state = 'held', hold_id = ? WHERE state = 'proposed'`).run(id);
        return state.db
          .update(hold)
          .set({ people: countPeople(id) })
          .where(eq(hold.id, id))
          .returning()
          .get();
      });
    },
    open: () => state.db.select().from(hold).where(eq(hold.status, 'open')).orderBy(desc(hold.id)).get(),
    list: (limit) => state.db.select().from(hold).orderBy(desc(hold.id)).limit(limit).all(),
    get,
    people: (holdId, limit) =>
      state
        .sql(
          `SELECT a.external_id AS id, a.login, a.display_name AS displayName, r.how, r.reason, r.state,
                  r.proposed_at AS since
           FROM removal r JOIN account a ON a.key = r.key WHERE r.hold_id = ? ORDER BY a.login LIMIT ?`,
        )
        .all(holdId, limit) as HeldPerson[],
    openPeople: () => state.sql(`SELECT count(*) FROM removal WHERE state = 'held'`).pluck().get() as number,
    decide(id, decision, by, now) {
      return state.transaction(() => {
        const found = get(id);
        if (!found) return { ok: false, reason: `There is no hold ${id}; "gespage-sync holds" lists them.` };
        if (found.status === 'superseded') {
          return {
            ok: false,
            reason: `Hold ${id} grew and is now hold ${found.supersededBy}: look at that one and decide it.`,
          };
        }
        const isSecondThought = found.status === 'discarded' && decision === 'approve';
        if (found.status !== 'open' && !isSecondThought) {
          return { ok: false, reason: `Hold ${id} is already ${found.status}.` };
        }
        const from = isSecondThought ? 'kept' : 'held';
        const to = decision === 'approve' ? 'approved' : 'kept';
        if (decision === 'approve') state.sql(mark('hold_id = ? AND state = ?')).run(id, from);
        const people = state
          .sql('UPDATE removal SET state = ? WHERE hold_id = ? AND state = ?')
          .run(to, id, from).changes;
        if (isSecondThought && people === 0) {
          return {
            ok: false,
            reason: `Hold ${id} was discarded, and nobody of it is to be removed any more.`,
          };
        }
        state.db
          .update(hold)
          .set({ status: decision === 'approve' ? 'approved' : 'discarded', decidedAt: now, decidedBy: by })
          .where(eq(hold.id, id))
          .run();
        return { ok: true, people };
      });
    },
    closeEmptied(now) {
      state
        .sql(
          `UPDATE hold SET status = 'emptied', decided_at = ? WHERE status = 'open'
           AND NOT EXISTS (SELECT 1 FROM removal r WHERE r.hold_id = hold.id)`,
        )
        .run(now);
    },
  };
}
