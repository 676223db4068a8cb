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
  if (text === '') return load(state, keysAfter(state, query, query.after, query.limit));
  const wanted = loginKey(text);
  const found: number[] = [];
  for (let after = query.after; found.length < query.limit;) {
    const slice = readSlice(state, query, after);
    const last = slice.at(-1);
    if (last === undefined) break;
    found.push(...slice.filter((row) => matches(row, wanted)).map((row) => row.key));
    after = last.key;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return load(state, found.slice(0, query.limit));
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

interface SearchedRow {
  readonly key: number;
  readonly loginKey: string;
  readonly displayName: string | null;
  readonly email: string | null;
}

function conditionOf({ enabled, removed }: AccountQuery): string {
  const present = `present = ${removed === true ? 0 : 1}`;
  return enabled === undefined ? present : `${present} AND enabled = ${enabled ? 1 : 0}`;
}

function keysAfter(state: State, query: AccountQuery, after: number, limit: number): number[] {
  return state
    .sql(`SELECT key FROM account WHERE key > ? AND ${conditionOf(query)} ORDER BY key LIMIT ?`)
    .pluck()
    .all(after, limit) as number[];
}

function readSlice(state: State, query: AccountQuery, after: number): SearchedRow[] {
  return state
    .sql(
      `SELECT key, login_key AS loginKey, display_name AS displayName, email FROM account
       WHERE key > ? AND ${conditionOf(query)} ORDER BY key LIMIT ?`,
    )
    .all(after, sliceSize) as SearchedRow[];
}

function matches({ loginKey: login, displayName, email }: SearchedRow, wanted: string): boolean {
  const holds = (value: string | null): boolean => value !== null && loginKey(value).includes(wanted);
  return login.includes(wanted) || holds(displayName) || holds(email);
}

function load(state: State, keys: readonly number[]): LedgerRow[] {
  const rows = state
    .sql(
      `SELECT ${accountColumns} FROM account a WHERE a.key IN (SELECT value FROM json_each(?)) ORDER BY a.key`,
    )
    .all(JSON.stringify(keys)) as AccountColumns[];
  return rows.map(readAccount).filter((row) => row !== undefined);
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
