// Owns the way of every statement of the state database by one place that sees its errors.
import type Database from 'better-sqlite3';

export interface Guard {
  /** What is thrown in place of an error. */
  readonly translate: (error: unknown) => unknown;
  /** Thrown at every attempt to write; undefined as long as writing is allowed. */
  readonly isHalted: () => Error | undefined;
}

type Work = (...values: unknown[]) => unknown;

/** Makes each statement that this connection prepares from now on tell its errors to the guard. */
export function guardStatements(sqlite: Database.Database, guard: Guard): void {
  const prepare = sqlite.prepare.bind(sqlite) as (text: string) => Database.Statement<unknown[], unknown>;
  const watched =
    (work: Work): Work =>
    (...values) => {
      try {
        return work(...values);
      } catch (error) {
        throw guard.translate(error);
      }
    };
  const prepareWatched = watched(prepare as Work) as typeof prepare;

  sqlite.prepare = ((text: string) => {
    const statement = prepareWatched(text);
    const run = watched(statement.run.bind(statement));
    const iterate = watched(statement.iterate.bind(statement));
    return Object.assign(statement, {
      get: watched(statement.get.bind(statement)),
      all: watched(statement.all.bind(statement)),
      run(...values: unknown[]) {
        const halted = guard.isHalted();
        if (halted) throw halted;
        return run(...values);
      },
      iterate: (...values: unknown[]) => watchRows(iterate(...values) as IterableIterator<unknown>, watched),
    });
  }) as typeof sqlite.prepare;
}

function watchRows(
  rows: IterableIterator<unknown>,
  watched: (work: Work) => Work,
): IterableIterator<unknown> {
  const next = watched(() => rows.next()) as () => IteratorResult<unknown>;
  return {
    next,
    return: (value?: unknown) => rows.return?.(value) ?? { done: true, value },
    [Symbol.iterator]() {
      return this;
    },
  };
}
