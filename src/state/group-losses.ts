// Owns the question whether a full round of groups can be believed: how much of what is known it did not show, and what
// was refused on the strength of that until an operator asks again.
import type { State } from './database.ts';
import { staleMemberships } from './directory.ts';
import type { Meta } from './meta.ts';

/** Memberships that a complete full round did not show, and that were kept all the same. */
export interface RefusedLoss {
  /** When it was refused (ms since 1970). */
  readonly at: number;
  readonly unseen: number;
  readonly known: number;
}

export interface GroupLosses {
  /** Counts in a range of groups after `afterKey`; undefined at the end. */
  count(
    beforeRead: number,
    afterKey: number,
  ): { readonly last: number; readonly unseen: number; readonly known: number } | undefined;
  refused(): RefusedLoss | undefined;
  refuse(loss: RefusedLoss): void;
  forget(): void;
}

const range = 500;
const key = 'refused-group-loss';

export function createGroupLosses(state: State, meta: Meta): GroupLosses {
  return {
    count(beforeRead, afterKey) {
      const last = state
        .sql(
          `SELECT max(key) FROM (SELECT key FROM directory_object WHERE kind = 'group' AND key > ? ORDER BY key LIMIT ?)`,
        )
        .pluck()
        .get(afterKey, range) as number | null;
      if (last === null) return undefined;
      const known = state
        .sql('SELECT count(*) FROM membership WHERE group_key > ? AND group_key <= ?')
        .pluck()
        .get(afterKey, last) as number;
      const unseen = state
        .sql(`SELECT count(*) ${staleMemberships}`)
        .pluck()
        .get({ after: afterKey, last, before: beforeRead }) as number;
      return { last, unseen, known };
    },
    refused() {
      const text = meta.text(key);
      return text === undefined || text === '' ? undefined : (JSON.parse(text) as RefusedLoss);
    },
    refuse: (loss) => meta.setText(key, JSON.stringify(loss)),
    forget: () => meta.setText(key, ''),
  };
}
