// Owns the search for the rows that a database refuses, so that the others can be written.
import type { Engine, Session } from './engine.ts';

/**
 * More rows of one batch than this, refused by the database itself, mean that the table is at fault and not the
 * people: then the batch fails as a whole, is tried again, and nobody is passed over.
 */
const refusalsByDatabase = 50;

/** A part of the work whose items can be written together or one by one. */
export interface HalvingStep<T, R> {
  readonly items: readonly T[];
  readonly write: (items: readonly T[]) => Promise<R>;
  readonly written: (result: R) => void;
  readonly refuse: (item: T, reason: string) => void;
}

/**
 * Writes a step as a whole; where the database refuses it for its data, in halves, down to the culprits.
 * Halves are added to what is written already, so of two rows that exclude each other the later one is refused.
 */
export function createHalving(
  engine: Engine,
  session: Session,
): <T, R>(step: HalvingStep<T, R>) => Promise<void> {
  let left = refusalsByDatabase;
  return async function inHalves(step) {
    const { items, write, written, refuse } = step;
    if (items.length === 0) return;
    try {
      written(await session.attempt(() => write(items)));
    } catch (error) {
      const reason = engine.dataError(error);
      if (reason === undefined) throw error;
      const [first] = items;
      if (items.length === 1 && first !== undefined) {
        if (left-- === 0) throw error;
        refuse(first, `The database refuses the row: ${reason}`);
        return;
      }
      const middle = Math.ceil(items.length / 2);
      await inHalves({ ...step, items: items.slice(0, middle) });
      await inHalves({ ...step, items: items.slice(middle) });
    }
  };
}
