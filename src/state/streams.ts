// Owns where each delta stream stands: links, rounds, sweeps and due times. Links hold tokens: never log them.
import { eq, sql } from './drizzle.ts';
import type { State } from './database.ts';
import type { StreamName } from './inbox.ts';
import { stream } from './schema.ts';

export type StreamRow = typeof stream.$inferSelect;

export interface Streams {
  get(name: StreamName): StreamRow;
  set(name: StreamName, values: Partial<Omit<StreamRow, 'name'>>): void;
  /** Asks for a round no later than `at`. */
  due(name: StreamName, at: number): void;
  /** After the clock was set back: no round is due later than this. */
  pullIn(latest: number): void;
  /** Makes the row if missing; another `$select` than the stored one discards the links and asks for a new baseline. */
  prepare(name: StreamName, selected: string, now: number): { reset: boolean };
}

export function createStreams(state: State): Streams {
  // Asked at every step of every loop.
  const find = state.db
    .select()
    .from(stream)
    .where(eq(stream.name, sql.placeholder('name')))
    .prepare();
  const get = (name: StreamName): StreamRow => {
    const row = find.get({ name });
    if (!row) throw new Error(`stream ${name} was not prepared`);
    return row;
  };
  // Set after every page, each time the same columns: to put a statement together takes longer than to run it.
  const updates = new Map<string, ReturnType<typeof prepareUpdate>>();
  const prepareUpdate = (columns: readonly string[]) =>
    state.db
      .update(stream)
      .set(Object.fromEntries(columns.map((column) => [column, sql.placeholder(column)])))
      .where(eq(stream.name, sql.placeholder('name')))
      .prepare();
  const set: Streams['set'] = (name, values) => {
    const columns = Object.keys(values);
    const key = columns.join();
    const update = updates.get(key) ?? prepareUpdate(columns);
    updates.set(key, update);
    update.run({ ...values, name });
  };
  return {
    get,
    set,
    due(name, at) {
      state.sql('UPDATE stream SET due_at = min(due_at, ?) WHERE name = ?').run(at, name);
    },
    pullIn(latest) {
      state.sql('UPDATE stream SET due_at = ? WHERE due_at > ?').run(latest, latest);
    },
    prepare(name, selected, now) {
      const known = find.get({ name });
      if (!known) {
        state.db.insert(stream).values({ name, selected, dueAt: now, fullWanted: 1 }).run();
        return { reset: false };
      }
      if (known.selected === selected) return { reset: false };
      set(name, {
        selected,
        deltaLink: null,
        round: null,
        nextLink: null,
        roundRead: null,
        sweepRead: null,
        fullRead: null,
        fullCompletedAt: null,
        fullWanted: 1,
        dueAt: now,
        attempt: 0,
      });
      return { reset: true };
    },
  };
}
