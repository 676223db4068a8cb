// Owns the first full round of users: they are appended to the empty mirror, without the index that would find them.
//
// Object ids are random: joined one by one, each would touch another corner of the index, and the time for a person
// would grow with the tenant. So the index is made at the end, in one go. Keys follow the order of arrival: only behind
// the last row does SQLite fill its pages whole.
import type { State } from './database.ts';
import type { FirstAccounts } from './first-accounts.ts';
import type { Meta } from './meta.ts';
import { createRowWriter } from './row-writer.ts';

/** People of a page, in the order sent. */
export interface FirstRows {
  readonly ids: readonly string[];
  /** For each: JSON of what is known; null for a tombstone. */
  readonly properties: readonly (string | null)[];
}

export interface FirstUsers {
  /**
   * Begins the round, or begins it again; nothing happens where something is mirrored already. `withAccounts`: each
   * person's account is made with the page, where the ledger never held anything.
   */
  begin(withAccounts: boolean): void;
  /** Between `begin` and `end`, also after a restart: nobody can be looked up yet, so pages are appended. */
  isAppending(): boolean;
  /** Whether accounts are made as well. Until `end` the ledger is unfinished and must not be delivered. */
  makesAccounts(): boolean;
  /** Returns the key of the first person; the others have those that follow. */
  append(rows: FirstRows, read: number): number;
  /** Makes the index. Of whoever came more than once the last word counts; each is a full representation. */
  makeIndex(): void;
  end(): void;
  /** Forgets a round that is under way, within a transaction: the next one joins its pages to what is there by then. */
  giveUp(): void;
}

const indexName = 'directory_object_id';
const makeIndexSql = `CREATE UNIQUE INDEX ${indexName} ON directory_object(id)`;
const [mirrorAlone, mirrorAndAccounts] = [1, 2];

export function createFirstUsers(state: State, meta: Meta, accounts: FirstAccounts): FirstUsers {
  const isMissing = (): boolean =>
    state.sql('SELECT 1 FROM sqlite_master WHERE name = ?').get(indexName) === undefined;
  const write = createRowWriter(
    state,
    `INSERT INTO directory_object(key, id, kind, state, properties, read)
     SELECT column1, column2, 'user', CASE WHEN column3 IS NULL THEN 'gone' ELSE 'present' END, column3, column4`,
    4,
  );
  const lastKey = state.sql('SELECT coalesce(max(key), 0) FROM directory_object').pluck();
  let underWay = meta.counter('first-users') || (isMissing() ? mirrorAlone : 0);

  function prepareAccounts(withAccounts: boolean): boolean {
    if (underWay === mirrorAndAccounts) accounts.begin();
    const makes = withAccounts && accounts.isPossible();
    if (makes) accounts.begin();
    else if (underWay === mirrorAndAccounts) accounts.shareLogins();
    return makes;
  }

  function finish(): void {
    meta.setCounter('first-users', 0);
    underWay = 0;
  }

  return {
    isAppending: () => underWay > 0,
    makesAccounts: () => underWay === mirrorAndAccounts,
    begin(withAccounts) {
      underWay = state.transaction(() => {
        if (underWay > 0) state.sql('DELETE FROM directory_object').run();
        else if (state.sql('SELECT 1 FROM directory_object LIMIT 1').get() !== undefined) return 0;
        state.sql(`DROP INDEX IF EXISTS ${indexName}`).run();
        const next = prepareAccounts(withAccounts) ? mirrorAndAccounts : mirrorAlone;
        meta.setCounter('first-users', next);
        return next;
      });
    },
    append({ ids, properties }, read) {
      const first = (lastKey.get() as number) + 1;
      write(ids.length, (place, values, at) => {
        values[at] = first + place;
        values[at + 1] = ids[place];
        values[at + 2] = properties[place];
        values[at + 3] = read;
      });
      return first;
    },
    makeIndex() {
      if (!isMissing()) return;
      const make = state.sql(makeIndexSql);
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
          if (underWay === mirrorAndAccounts) accounts.dropOutdated();
          make.run();
        }
        // Of the end of somebody who was never known there is nothing to remember.
        state.sql(`DELETE FROM directory_object WHERE state = 'gone'`).run();
      });
    },
    end: finish,
    giveUp() {
      state.sql('DELETE FROM directory_object').run();
      if (isMissing()) state.sql(makeIndexSql).run();
      if (underWay === mirrorAndAccounts) {
        accounts.begin();
        accounts.shareLogins();
      }
      state
        .sql(
          `UPDATE stream SET delta_link = NULL, round = NULL, next_link = NULL, sweep_read = NULL WHERE name = 'users'`,
        )
        .run();
      finish();
    },
  };
}

function isDuplicate(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'SQLITE_CONSTRAINT_UNIQUE';
}
