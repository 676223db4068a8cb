// Owns looking through the ledger: accounts by text, in pages, and the people of a hold in pages.
import { loginKey } from '../accounts/login.ts';
import { isObjectId } from '../accounts/scope.ts';
import type { State } from './database.ts';
import { type AccountColumns, accountColumns, type LedgerRow, readAccount } from './ledger.ts';
import type { HeldPerson } from './removals.ts';

export interface AccountQuery {
  /** Part of the login, the name or the e-mail address, or a whole object id; everything when absent. */
  readonly text?: string | undefined;
  readonly enabled?: boolean | undefined;
  /** True: only the accounts that are removed; else only those that Gespage has. */
  readonly removed?: boolean | undefined;
  /** Only keys greater than this. */
  readonly after: number;
  readonly limit: number;
}

/** Small enough that a search through a large ledger never keeps a notification waiting. */
const sliceSize = 4_000;

/** Accounts in the order of their keys; takes turns with other work while it looks through a large ledger. */
export async function searchAccounts(state: State, query: AccountQuery): Promise<LedgerRow[]> {
  const text = query.text?.trim() ?? '';
  if (isObjectId(text)) return byId(state, text.toLowerCase(), query);
  const matches = matcher(text);
  const found: LedgerRow[] = [];
  for (let after = query.after; found.length < query.limit;) {
    const rows = readSlice(state, query, after, text === '' ? query.limit : sliceSize);
    const last = rows.at(-1);
    if (last === undefined) break;
    for (const row of rows) {
      if (found.length < query.limit && matches(row)) found.push(row);
    }
    after = last.key;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}

function byId(state: State, id: string, query: AccountQuery): LedgerRow[] {
  const row = state
    .sql(
      `SELECT ${accountColumns} FROM directory_object o JOIN account a ON a.key = o.key
       WHERE o.id = ? AND a.key > ? AND a.present = ?`,
    )
    .get(id, query.after, query.removed === true ? 0 : 1) as AccountColumns | undefined;
  const account = row === undefined ? undefined : readAccount(row);
  return account === undefined || (query.enabled ?? account.enabled) !== account.enabled ? [] : [account];
}

function readSlice(state: State, query: AccountQuery, after: number, limit: number): LedgerRow[] {
  const enabled = query.enabled === undefined ? '' : `AND a.enabled = ${query.enabled ? 1 : 0}`;
  const rows = state
    .sql(
      `SELECT ${accountColumns} FROM account a
       WHERE a.key > ? AND a.present = ${query.removed === true ? 0 : 1} ${enabled} ORDER BY a.key LIMIT ?`,
    )
    .all(after, limit) as AccountColumns[];
  return rows.map(readAccount).filter((row) => row !== undefined);
}

function matcher(text: string): (row: LedgerRow) => boolean {
  if (text === '') return () => true;
  const wanted = loginKey(text);
  const holds = (value: string | null): boolean => value !== null && loginKey(value).includes(wanted);
  return ({ login, fields }) => holds(login) || holds(fields.displayName) || holds(fields.email);
}

/** One page of a hold's people, in the order of their keys. */
export function listHeldPeople(
  state: State,
  holdId: number,
  after: number,
  limit: number,
): (HeldPerson & { key: number })[] {
  return state
    .sql(
      `SELECT r.key, a.external_id AS id, a.login, a.display_name AS displayName, r.how, r.reason, r.state,
              r.proposed_at AS since
       FROM removal r JOIN account a ON a.key = r.key
       WHERE r.hold_id = ? AND r.key > ? ORDER BY r.key LIMIT ?`,
    )
    .all(holdId, after, limit) as (HeldPerson & { key: number })[];
}
