// Owns people whose account could not be decided for an error: put aside, so that nobody else waits for them.
import type { State } from './database.ts';

/** Takes the person out of the queue and notes why; the next change is tried as usual. Returns the object id. */
export function parkPerson(state: State, key: number, detail: string, at: number): string | undefined {
  return state.transaction(() => {
    state.sql('DELETE FROM unsettled WHERE key = ?').run(key);
    state
      .sql(
        `INSERT INTO person_issue(key, kind, detail, since) VALUES (?, 'failed', ?, ?)
         ON CONFLICT(key) DO UPDATE SET since = CASE WHEN kind = 'failed' THEN since ELSE excluded.since END,
           kind = 'failed', detail = excluded.detail, login_key = NULL`,
      )
      .run(key, detail, at);
    return state.sql('SELECT id FROM directory_object WHERE key = ?').pluck().get(key) as string | undefined;
  });
}
