// Owns the adoption of rows that this product did not write: who would be taken over, what would change, and the taking.
import type { Account } from '../../accounts/model.ts';
import { findAccountFault } from './acceptable.ts';
import { connect, type SqlTargetOptions } from './connection.ts';
import type { Engine, Row, Session, Value } from './engine.ts';
import { createHalving } from './halving.ts';
import { type AccountLayout, isSame, type Layout } from './layout.ts';
import { fold, matchRows, type PersonToMatch, type RowToMatch } from './match-rows.ts';
import { moveMembers } from './memberships.ts';
import { readAccountOwners, readOwnAccounts } from './own-accounts.ts';
import { addOwnRows, relistOwnRows } from './own-rows.ts';
import { createMissing, inspectShape, requireShape, ShapeError } from './shape.ts';
import { standardMapping } from './table-mapping.ts';
import { ownRowTable } from './tables.ts';

export interface ColumnChange {
  readonly column: string;
  readonly before: Value;
  readonly after: Value;
}

/** A row and the person whose it would become, with what the next delivery would change in it. */
export interface Match {
  readonly key: string;
  readonly externalId: string;
  /** The row's login and the person's. */
  readonly login: string;
  readonly newLogin: string;
  /** What the row has in the column of comparison. */
  readonly value: string | null;
  readonly changes: readonly ColumnChange[];
}

export interface RowName {
  readonly key: string;
  readonly login: string;
}

export interface PersonName {
  readonly externalId: string;
  readonly login: string;
}

export interface AdoptionPlan {
  /** The column by which rows and people are compared. */
  readonly by: string;
  readonly matches: readonly Match[];
  readonly ambiguous: readonly {
    readonly value: string;
    readonly rows: readonly RowName[];
    readonly people: readonly PersonName[];
  }[];
  /** Matched, but the row could not be brought to the wanted state. */
  readonly blocked: readonly (PersonName & { readonly key: string; readonly reason: string })[];
  readonly unknownRows: readonly RowName[];
  readonly unknownPeople: readonly PersonName[];
  /** Rows that are this product's already. */
  readonly ownRows: number;
}

export interface Adopted {
  readonly adopted: readonly string[];
  readonly failed: readonly (PersonName & { readonly key: string; readonly reason: string })[];
}

/** Thrown for a column that cannot be compared by; the message names those that can. */
export class UnknownColumn extends Error {
  override readonly name = 'UnknownColumn';
}

export interface Adopter {
  /** Compares rows that are not ours with people who have no row of ours. Changes nothing. */
  plan(people: readonly Account[], by: string | undefined): Promise<AdoptionPlan>;
  /**
   * Makes the rows of these matches ours, each with the object id where the mapping wants it, and changes nothing else. Looks at
   * each row once more: one that has another value by now is left. In transactions of some hundred rows; what is not
   * done when the process ends is as it was.
   */
  take(plan: AdoptionPlan): Promise<Adopted>;
  close(): Promise<void>;
}

const pageSize = 1_000;
const takenAtOnce = 200;

export function createAdopter(options: SqlTargetOptions): Adopter {
  const { fields, mapping = standardMapping } = options;
  const connection = connect(options);

  return {
    plan: (people, by) =>
      raise(
        connection.inTransaction(async (engine, session) => {
          const { layout, findings, missing } = await inspectShape(engine, session, mapping, fields);
          if (findings.problems.length > 0) throw new ShapeError(findings.problems);
          if (layout === undefined) return nothingThere(people);
          const comparable = findComparable(layout.accounts, by);
          if (comparable instanceof UnknownColumn) return comparable;
          return survey(session, layout, people, comparable, !missing.includes(ownRowTable));
        }),
      ),
    async take(plan) {
      await connection.inTransaction((engine, session) => createMissing(engine, session, mapping));
      const adopted: string[] = [];
      const failed: (PersonName & { key: string; reason: string })[] = [];
      for (let start = 0; start < plan.matches.length; start += takenAtOnce) {
        const matches = plan.matches.slice(start, start + takenAtOnce);
        const result = await connection.inTransaction(async (engine, session) => {
          const layout = await requireShape(engine, session, mapping, fields);
          return takeSome(engine, session, layout, matches, plan.by);
        });
        adopted.push(...result.adopted);
        failed.push(...result.failed);
      }
      return { adopted, failed };
    },
    close: () => connection.close(),
  };
}

/** What is wrong with the question is no failure of the database. */
async function raise<T>(work: Promise<T | UnknownColumn>): Promise<T> {
  const result = await work;
  if (result instanceof UnknownColumn) throw result;
  return result;
}

/** The standard tables that do not exist yet hold nobody. */
function nothingThere(people: readonly Account[]): AdoptionPlan {
  const unknownPeople = people.map(({ externalId, login }) => ({ externalId, login }));
  return { by: 'login', matches: [], ambiguous: [], blocked: [], unknownRows: [], unknownPeople, ownRows: 0 };
}

interface Comparable {
  readonly column: string;
  readonly valueOf: (account: Account) => string | null;
}

function findComparable(layout: AccountLayout, by: string | undefined): Comparable | UnknownColumn {
  const { key, externalId, login, fields } = layout;
  const ids = [externalId, key.source === 'object-id' ? key : undefined].filter((one) => one !== undefined);
  const all = [
    { name: 'login', column: login.name, valueOf: (account: Account) => account.login },
    ...fields.map(({ field, column }) => ({
      name: field,
      column: column.name,
      valueOf: (account: Account) => account.fields[field],
    })),
    ...ids.map((column) => ({
      name: 'externalId',
      column: column.name,
      valueOf: (account: Account) => account.externalId,
    })),
  ];
  const found = all.find(({ name, column }) => by === undefined || by === column || by === name);
  if (found !== undefined) return found;
  return new UnknownColumn(
    `Rows and people cannot be compared by "${by ?? ''}". Choose a column that this program writes: ${all.map(({ column }) => column).join(', ')}.`,
  );
}

interface FoundRow extends RowToMatch {
  readonly row: Row;
}

interface FoundPerson extends PersonToMatch {
  readonly account: Account;
}

async function survey(
  session: Session,
  layout: Layout,
  people: readonly Account[],
  comparable: Comparable,
  hasOwnRows: boolean,
): Promise<AdoptionPlan> {
  const owned = new Set<string>();
  const rows: FoundRow[] = [];
  for await (const page of readPages(session, layout.accounts)) {
    const keys = page.map((row) => String(row[layout.accounts.key.name]));
    const owners = hasOwnRows ? await readAccountOwners(session, layout, keys) : new Map<string, string>();
    for (const id of owners.values()) owned.add(id);
    const foreign = page.filter((_, index) => !owners.has(keys[index] ?? ''));
    rows.push(...foreign.map((row) => describeRow(row, layout.accounts, comparable.column)));
  }
  const candidates = people
    .filter(({ externalId }) => !owned.has(externalId))
    .map((account): FoundPerson => ({
      externalId: account.externalId,
      login: account.login,
      value: comparable.valueOf(account),
      account,
    }));
  const matching = matchRows(rows, candidates);
  const logins = countLogins(rows);
  const blocked: (PersonName & { key: string; reason: string })[] = [];
  const matches: Match[] = [];
  for (const { row, person } of matching.pairs) {
    const reason = findObstacle(row, person, layout.accounts, logins);
    if (reason !== undefined) blocked.push({ ...nameOf(person), key: row.key, reason });
    else matches.push(describeMatch(row, person, layout.accounts));
  }
  return {
    by: comparable.column,
    matches,
    ambiguous: matching.ambiguous.map(({ value, rows: alike, people: wanted }) => ({
      value,
      rows: alike.map(({ key, login }) => ({ key, login })),
      people: wanted.map(nameOf),
    })),
    blocked,
    unknownRows: matching.rows.map(({ key, login }) => ({ key, login })),
    unknownPeople: matching.people.map(nameOf),
    ownRows: owned.size,
  };
}

async function* readPages(session: Session, layout: AccountLayout): AsyncGenerator<Row[]> {
  const names = [...new Set([layout.key.sql, ...layout.columns.map(({ sql }) => sql)])];
  for (let after: string | undefined; ;) {
    const page = await session.page(layout.table, names, layout.key.sql, after, pageSize);
    // A row without a key cannot be named, so it cannot be taken over either.
    yield page.filter((row) => row[layout.key.name] !== null);
    const last = page.at(-1)?.[layout.key.name];
    if (page.length < pageSize || last === undefined || last === null) return;
    after = String(last);
  }
}

function describeRow(row: Row, { key, login }: AccountLayout, column: string): FoundRow {
  return {
    key: String(row[key.name]),
    login: textOf(row[login.name]) ?? '',
    value: textOf(row[column]),
    row,
  };
}

function textOf(value: Value | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

function nameOf({ externalId, login }: PersonName): PersonName {
  return { externalId, login };
}

function countLogins(rows: readonly FoundRow[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { login } of rows) counts.set(fold(login), (counts.get(fold(login)) ?? 0) + 1);
  return counts;
}

/** Why the row could not be brought to the person's state once it is ours. */
function findObstacle(
  row: FoundRow,
  { account }: FoundPerson,
  layout: AccountLayout,
  logins: ReadonlyMap<string, number>,
): string | undefined {
  if (layout.enabled === undefined && !account.enabled)
    return 'The person is disabled, and this table cannot say so: the row would be deleted. Delete it by hand if that is right.';
  const own = fold(row.login) === fold(account.login) ? 1 : 0;
  if ((logins.get(fold(account.login)) ?? 0) > own)
    return `Another row of ${layout.label} has the login ${account.login} that this person is to have. Change or delete that row first.`;
  return findAccountFault(account, layout);
}

function describeMatch(
  { row, key, login, value }: FoundRow,
  { account }: FoundPerson,
  layout: AccountLayout,
): Match {
  const changes = layout.columns.flatMap((column): ColumnChange[] => {
    const [before, after] = [row[column.name] ?? null, column.of(account)];
    return isSame(before, after) ? [] : [{ column: column.name, before, after }];
  });
  return { key, externalId: account.externalId, login, newLogin: account.login, value, changes };
}

async function takeSome(
  engine: Engine,
  session: Session,
  layout: Layout,
  matches: readonly Match[],
  by: string,
): Promise<{ adopted: string[]; failed: (PersonName & { key: string; reason: string })[] }> {
  const failed: (PersonName & { key: string; reason: string })[] = [];
  const refuse = (match: Match, reason: string): void =>
    void failed.push({ externalId: match.externalId, login: match.newLogin, key: match.key, reason });
  const still = await findUnchanged(session, layout, matches, by, refuse);
  const adopted: string[] = [];
  await createHalving(
    engine,
    session,
  )({
    items: still,
    write: (items) => makeOurs(session, layout, items),
    written: (ids) => void adopted.push(...ids),
    refuse,
  });
  return { adopted, failed };
}

/** Those whose row is still what the plan saw, and still nobody's. */
async function findUnchanged(
  session: Session,
  layout: Layout,
  matches: readonly Match[],
  by: string,
  refuse: (match: Match, reason: string) => void,
): Promise<Match[]> {
  const { table, key, login, columns } = layout.accounts;
  const compared = columns.find(({ name }) => name === by) ?? key;
  const keys = matches.map((match) => match.key);
  const names = [...new Set([key.sql, login.sql, compared.sql])];
  const rows = await session.select(table, names, key.sql, keys);
  const found = new Map(rows.map((row) => [String(row[key.name]), row]));
  const owners = await readAccountOwners(session, layout, keys);
  const owned = await readOwnAccounts(
    session,
    layout,
    matches.map(({ externalId }) => externalId),
  );
  return matches.filter((match) => {
    const row = found.get(match.key);
    const isSameRow =
      row !== undefined &&
      textOf(row[login.name]) === match.login &&
      textOf(row[compared.name]) === match.value;
    if (isSameRow && !owners.has(match.key) && !owned.has(match.externalId)) return true;
    refuse(
      match,
      'Row or person changed since they were compared. Run "gespage-sync adopt --dry-run" again.',
    );
    return false;
  });
}

async function makeOurs(session: Session, layout: Layout, matches: readonly Match[]): Promise<string[]> {
  const { table, key, externalId } = layout.accounts;
  const ids = matches.map(({ externalId }) => externalId);
  if (key.source === 'object-id') {
    const moved = matches
      .filter((match) => match.key !== match.externalId)
      .map((match) => [match.externalId, match.key, match.externalId] as const);
    await session.update(
      table,
      [key.sql, key.sql],
      moved.map(([, before, after]) => [before, after]),
    );
    await moveMembers(session, layout, moved);
  }
  const rows = matches.map((match): [string, string] => [
    match.externalId,
    key.source === 'object-id' ? match.externalId : match.key,
  ]);
  if (externalId !== undefined)
    await session.update(
      table,
      [key.sql, externalId.sql],
      rows.map(([id, one]) => [one, id]),
    );
  if (layout.isKeyed) await relistOwnRows(session, layout, 'account', rows);
  else await addOwnRows(session, layout, 'account', rows);
  return ids;
}
