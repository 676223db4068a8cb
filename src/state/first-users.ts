// Owns the first full round of users: they are appended to the empty mirror, without the index that would find them.
//
// Object ids are random: joined one by one, each would touch another corner of the index, and the time for a person
// would grow with the tenant. So the index is made at the end, in one go. And people get keys near to those whose ids
// begin like theirs: everything later goes in the order of keys, and a target's indexes, which go by the id, are then
// filled from one end to the other.
import type { State } from './database.ts';
import type { ObjectRead } from './directory.ts';
import { mergeProperties } from './merge.ts';

export interface FirstUsers {
  /** Begins the round, or begins it again; nothing happens where something is mirrored already. */
  begin(): void;
  /** Between `begin` and `end`, also after a restart: nobody can be looked up yet, so pages are appended. */
  isAppending(): boolean;
  append(objects: readonly ObjectRead[], read: number): void;
  /** Makes the index. Of whoever came more than once the last word counts; each is a full representation. */
  end(): void;
}

const indexName = 'directory_object_id';
/** More would write more: each page of an answer touches them all. */
const parts = 16;
/** Room for the people of one part; together the keys stay below 2^30, which SQLite stores in four bytes. */
const partWidth = 2 ** 24;

export function createFirstUsers(state: State): FirstUsers {
  const isMissing = (): boolean =>
    state.sql('SELECT 1 FROM sqlite_master WHERE name = ?').get(indexName) === undefined;
  const insert = state.sql(
    `INSERT INTO directory_object(key, id, kind, state, properties, read) VALUES (?, ?, 'user', ?, ?, ?)`,
  );
  const lastOf = state.sql('SELECT max(key) FROM directory_object WHERE key >= ? AND key < ?').pluck();
  let isAppending = isMissing();
  const lastKey = new Map<number, number>();

  function takeKey(id: string): number {
    const leading = Number.parseInt(id.slice(0, 2), 16);
    const part = Number.isNaN(leading) ? 0 : Math.floor((leading * parts) / 256);
    const from = 1 + part * partWidth;
    const key = (lastKey.get(part) ?? (lastOf.get(from, from + partWidth) as number | null) ?? from - 1) + 1;
    lastKey.set(part, key);
    return key;
  }

  return {
    isAppending: () => isAppending,
    begin() {
      state.transaction(() => {
        if (isAppending) state.sql('DELETE FROM directory_object').run();
        else if (state.sql('SELECT 1 FROM directory_object LIMIT 1').get() !== undefined) return;
        else state.sql(`DROP INDEX ${indexName}`).run();
      });
      isAppending = isMissing();
      lastKey.clear();
    },
    append(objects, read) {
      for (const object of objects) {
        const standing = object.removed ? 'gone' : 'present';
        const properties = object.removed ? null : JSON.stringify(mergeProperties({}, object.properties));
        insert.run(takeKey(object.id), object.id, standing, properties, read);
      }
    },
    end() {
      const make = state.sql(`CREATE UNIQUE INDEX ${indexName} ON directory_object(id)`);
      state.transaction(() => {
        try {
          make.run();
        } catch (error) {
          if (!isDuplicate(error)) throw error;
          state
            .sql(
              `DELETE FROM directory_object WHERE key IN (SELECT key FROM (
                 SELECT key, row_number() OVER (PARTITION BY id ORDER BY read DESC, key DESC) AS place
                 FROM directory_object) WHERE place > 1)`,
            )
            .run();
          make.run();
        }
        // Of the end of somebody who was never known there is nothing to remember.
        state.sql(`DELETE FROM directory_object WHERE state = 'gone'`).run();
      });
      isAppending = false;
    },
  };
}

function isDuplicate(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'SQLITE_CONSTRAINT_UNIQUE';
}
