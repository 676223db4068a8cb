// Owns the first full round of users: they are appended to the empty mirror, without the index that would find them.
//
// Object ids are random: joined one by one, each would touch another corner of the index, and the time for a person
// would grow with the tenant. So the index is made at the end, in one go. And people get keys near to those whose ids
// begin like theirs: everything later goes in the order of keys, and a target's indexes, which go by the id, are then
// filled from one end to the other.
import type { State } from './database.ts';
import type { FirstAccounts } from './first-accounts.ts';
import type { Meta } from './meta.ts';

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
  /** Returns the keys that the people got. */
  append(rows: FirstRows, read: number): number[];
  /** Makes the index. Of whoever came more than once the last word counts; each is a full representation. */
  makeIndex(): void;
  end(): void;
  /** Forgets a round that is under way, within a transaction: the next one joins its pages to what is there by then. */
  giveUp(): void;
}

const indexName = 'directory_object_id';
const makeIndexSql = `CREATE UNIQUE INDEX ${indexName} ON directory_object(id)`;
/** More would write more: each page of an answer touches them all. */
const parts = 16;
/** Room for the people of one part; together the keys stay below 2^30, which SQLite stores in four bytes. */
const partWidth = 2 ** 24;

const [mirrorAlone, mirrorAndAccounts] = [1, 2];

export function createFirstUsers(state: State, meta: Meta, accounts: FirstAccounts): FirstUsers {
  const isMissing = (): boolean =>
    state.sql('SELECT 1 FROM sqlite_master WHERE name = ?').get(indexName) === undefined;
  const insert = state.sql(
    `INSERT INTO directory_object(key, id, kind, state, properties, read) VALUES (?, ?, 'user', ?, ?, ?)`,
  );
  const lastOf = state.sql('SELECT max(key) FROM directory_object WHERE key >= ? AND key < ?').pluck();
  let underWay = meta.counter('first-users') || (isMissing() ? mirrorAlone : 0);
  const lastKey = new Map<number, number>();

  function takeKey(id: string): number {
    const leading = Number.parseInt(id.slice(0, 2), 16);
    const part = Number.isNaN(leading) ? 0 : Math.floor((leading * parts) / 256);
    const from = 1 + part * partWidth;
    const key = (lastKey.get(part) ?? (lastOf.get(from, from + partWidth) as number | null) ?? from - 1) + 1;
    lastKey.set(part, key);
    return key;
  }

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
      lastKey.clear();
    },
    append: ({ ids, properties }, read) =>
      ids.map((id, place) => {
        const key = takeKey(id);
        const known = properties[place] ?? null;
        insert.run(key, id, known === null ? 'gone' : 'present', known, read);
        return key;
      }),
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
      lastKey.clear();
      finish();
    },
  };
}

function isDuplicate(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'SQLITE_CONSTRAINT_UNIQUE';
}
