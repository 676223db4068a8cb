// Owns the staging of the first full round: users as they come, taken into the empty mirror later in the order of ids.
//
// Object ids are random. Joined to the mirror page by page, each would touch another corner of every index, and the
// time for a person would grow with the tenant. Staged by the first digits of the id and then joined part by part,
// all that is written lies side by side.
import type { State } from './database.ts';
import type { ObjectRead } from './directory.ts';
import { mergeProperties } from './merge.ts';

export interface Staging {
  put(objects: readonly ObjectRead[]): void;
  clear(): void;
  /** Joins the next part to the mirror and drops it, in one transaction; false when nothing is left. */
  joinNext(read: number, cause: string): boolean;
}

const parts = 64;
/** Room for the objects of one part in the row ids. */
const partWidth = 2 ** 32;

export function createStaging(state: State): Staging {
  const insert = state.sql('INSERT INTO staged(id, object_id, properties) VALUES (?, ?, ?)');
  const lastOf = state.sql('SELECT max(id) FROM staged WHERE id >= :from AND id < :to').pluck();
  const range = (part: number) => ({ from: part * partWidth, to: (part + 1) * partWidth });
  const nextId = new Map<number, number>();

  function takeId(part: number): number {
    const id = nextId.get(part) ?? ((lastOf.get(range(part)) as number | null) ?? part * partWidth) + 1;
    nextId.set(part, id + 1);
    return id;
  }

  return {
    put(objects) {
      for (const object of objects) {
        const properties = object.removed ? null : JSON.stringify(mergeProperties({}, object.properties));
        insert.run(takeId(partOf(object.id)), object.id, properties);
      }
    },
    clear() {
      nextId.clear();
      state.sql('DELETE FROM staged').run();
    },
    joinNext(read, cause) {
      const first = state.sql('SELECT min(id) FROM staged').pluck().get() as number | null;
      if (first === null) return false;
      const part = range(Math.floor(first / partWidth));
      state.transaction(() => {
        const before = state
          .sql('SELECT coalesce(max(key), 0) FROM directory_object')
          .pluck()
          .get() as number;
        // Of an object that came more than once the last word counts; each is a full representation.
        state
          .sql(
            `INSERT INTO directory_object(id, kind, state, properties, read)
             SELECT object_id, 'user', 'present', properties, :read FROM (
               SELECT object_id, properties, row_number() OVER (PARTITION BY object_id ORDER BY id DESC) AS place
               FROM staged WHERE id >= :from AND id < :to)
             WHERE place = 1 AND properties IS NOT NULL ORDER BY object_id
             ON CONFLICT(id) DO UPDATE SET kind = excluded.kind, state = excluded.state,
               properties = excluded.properties, read = excluded.read WHERE read <= excluded.read`,
          )
          .run({ ...part, read });
        state
          .sql(
            `INSERT INTO unsettled(key, cause)
             SELECT key, :cause FROM directory_object WHERE key > :before AND kind = 'user'
             UNION SELECT o.key, :cause FROM staged s JOIN directory_object o ON o.id = s.object_id
               WHERE s.id >= :from AND s.id < :to AND o.key <= :before
             ON CONFLICT(key) DO NOTHING`,
          )
          .run({ ...part, before, cause });
        state.sql('DELETE FROM staged WHERE id >= :from AND id < :to').run(part);
      });
      return true;
    },
  };
}

function partOf(id: string): number {
  const leading = Number.parseInt(id.slice(0, 2), 16);
  return Number.isNaN(leading) ? 0 : Math.floor((leading * parts) / 256);
}
