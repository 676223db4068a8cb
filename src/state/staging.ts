// Owns the staging of the first full round: pages as they come, taken into the mirror later in the order of ids.
//
// Object ids are random. Joined to the mirror page by page, each would touch another corner of every index, and the
// time for a person would grow with the tenant. Staged by the first digits of the id and then joined part by part,
// all that is written lies side by side.
import type { ObjectRead } from './directory.ts';
import type { State } from './database.ts';

export interface Staging {
  put(objects: readonly ObjectRead[]): void;
  clear(): void;
  /** The lowest part that holds something. */
  nextPart(): number | undefined;
  /** All objects of a part by id; objects of one id stay in the order in which they came. */
  take(part: number): ObjectRead[];
  drop(part: number): void;
}

const parts = 64;
/** Room for the pages of one part in the row ids. */
const partWidth = 2 ** 32;

export function createStaging(state: State): Staging {
  const insert = state.sql('INSERT INTO staged(id, body) VALUES (?, ?)');
  const lastOf = state
    .sql('SELECT max(id) FROM staged WHERE id >= :from AND id < :to')
    .pluck();
  const range = (part: number) => ({ from: part * partWidth, to: (part + 1) * partWidth });
  return {
    put(objects) {
      const byPart = new Map<number, ObjectRead[]>();
      for (const object of objects) {
        const part = partOf(object.id);
        const known = byPart.get(part);
        if (known) known.push(object);
        else byPart.set(part, [object]);
      }
      for (const [part, some] of byPart) {
        const last = (lastOf.get(range(part)) as number | null) ?? part * partWidth;
        insert.run(last + 1, JSON.stringify(some));
      }
    },
    clear() {
      state.sql('DELETE FROM staged').run();
    },
    nextPart() {
      const first = state.sql('SELECT min(id) FROM staged').pluck().get() as number | null;
      return first === null ? undefined : Math.floor(first / partWidth);
    },
    take(part) {
      const bodies = state
        .sql('SELECT body FROM staged WHERE id >= :from AND id < :to ORDER BY id')
        .pluck()
        .all(range(part)) as string[];
      const objects = bodies.flatMap((body) => JSON.parse(body) as ObjectRead[]);
      return objects.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    },
    drop(part) {
      state.sql('DELETE FROM staged WHERE id >= :from AND id < :to').run(range(part));
    },
  };
}

function partOf(id: string): number {
  const leading = Number.parseInt(id.slice(0, 2), 16);
  return Number.isNaN(leading) ? 0 : Math.floor((leading * parts) / 256);
}
