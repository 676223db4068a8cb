// Owns what the directory tells of itself to the rest of the program: who is in it, page by page.
import type { Account } from '../../../accounts/model.ts';
import type { Holdings } from '../../target.ts';
import { splitKeys, type Writing } from './writing.ts';

interface Row {
  readonly id: string;
  /** Null for a group. */
  readonly account: string | null;
  readonly groups: string | null;
  readonly name: string | null;
}

const select = `
  SELECT * FROM (SELECT p.id, p.account, e.groups, NULL AS name FROM person p JOIN entry e ON e.position = p.position
                  WHERE p.id > :after ORDER BY p.id LIMIT :limit)
  UNION ALL
  SELECT * FROM (SELECT id, NULL, NULL, name FROM grp WHERE id > :after AND name IS NOT NULL ORDER BY id LIMIT :limit)
  ORDER BY id LIMIT :limit`;

export function readHoldings(
  { sql, among }: Pick<Writing, 'sql' | 'among'>,
  after: string,
  limit: number,
): Holdings {
  const rows = sql(select).all({ after, limit }) as Row[];
  const keys = new Set(rows.flatMap(({ groups }) => splitKeys(groups ?? '')));
  const named = among<{ key: number; id: string }>(
    'SELECT g.key, g.id FROM json_each(?) j CROSS JOIN grp g ON g.key = j.value',
    keys,
  );
  const idOf = new Map(named.map(({ key, id }) => [key, id]));
  return {
    accounts: rows.flatMap(({ id, account, groups }) =>
      account === null
        ? []
        : {
            externalId: id,
            ...(JSON.parse(account) as Omit<Account, 'externalId' | 'groups'>),
            groups: splitKeys(groups ?? '')
              .flatMap((key) => idOf.get(key) ?? [])
              .sort(),
          },
    ),
    groups: rows.flatMap(({ id, name }) => (name === null ? [] : { externalId: id, name })),
    last: rows.length < limit ? undefined : rows.at(-1)?.id,
  };
}
