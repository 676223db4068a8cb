// Owns what Gespage should hold, worked out from the tenant's truth in the simplest way, without the product's rules.
//
// Two things depend on the past and not on the tenant alone: who of several people with one login has it, and whose
// disabled row still stands. Both are checked by what must be true whatever the past was.
import type { Mapping } from '../../src/accounts/mapping.ts';
import type { GroupTruth, ObjectTruth, Snapshot } from '../emulator/truth.ts';
import type { AccountRow, TargetTables } from './target-tables.ts';

export interface Expectation {
  readonly mapping: Mapping;
  readonly policy: 'disable' | 'delete' | 'keep';
  /** Ids whose rows must still be there, since they were there before and no grace is over. */
  readonly remembered?: ReadonlySet<string>;
  /** The tenant's full rounds say nothing of those who are deleted: deleted for good then looks like deleted for now. */
  readonly hidesDeleted?: boolean;
}

type Fields = Omit<AccountRow, 'external_id' | 'login' | 'enabled' | 'updated_at'>;

/** Compares the target with the tenant; gives one sentence for each difference. */
export function findDifferences(
  snapshot: Snapshot,
  target: TargetTables,
  expectation: Expectation,
): string[] {
  const { mapping, policy } = expectation;
  const wrong: string[] = [];
  const groups = new Map(snapshot.groups.map((group) => [group.id, group]));
  const named = (patterns: readonly string[]): GroupTruth[] =>
    snapshot.groups.filter(
      (group) => group.status === 'active' && patterns.some((pattern) => isMeant(group, pattern)),
    );
  const published = named(mapping.groups.publish);
  const publishedOf = invert(
    published.map((group) => [group.id, membersOf(group, groups, mapping.groups.nested)]),
  );
  const scope = new Set(named(mapping.scope.groups).flatMap((group) => [...membersOf(group, groups, true)]));
  const holders = new Map(
    [...target.accounts.values()].map((row) => [row.login.toLowerCase(), row.external_id]),
  );
  const wishes = new Map(snapshot.users.map((user) => [user.id, loginOf(user, mapping)]));

  const isActive = (user: ObjectTruth): boolean =>
    user.status === 'active' &&
    user.props['accountEnabled'] === true &&
    (mapping.scope.includeGuests || String(user.props['userType']).toLowerCase() !== 'guest') &&
    (mapping.scope.groups.length === 0 || scope.has(user.id)) &&
    !mapping.scope.exclude.some((pattern) =>
      isPattern(pattern, user.id, String(user.props['userPrincipalName'])),
    );

  for (const user of snapshot.users) {
    const row = target.accounts.get(user.id);
    const who = `${user.id} (${user.status}, ${String(user.props['displayName'])})`;
    const wish = wishes.get(user.id) ?? null;
    if (isActive(user)) {
      if (wish === null) continue;
      if (row?.login !== wish && !isHeldByAnother(wish, user.id, holders, wishes)) {
        wrong.push(
          `${who} should have the login ${wish}, which is free, and ${row ? `has ${row.login}` : 'has no row'}`,
        );
      }
      if (!row) continue;
      if (row.enabled !== 1) wrong.push(`${who} should be enabled`);
      wrong.push(...compareFields(who, row, fieldsOf(user, mapping)));
    } else if (row) {
      if (policy === 'disable' && row.enabled !== 0) wrong.push(`${who} should be disabled`);
      if (policy === 'delete') wrong.push(`${who} should have no row`);
      if (user.status === 'active') wrong.push(...compareFields(who, row, fieldsOf(user, mapping)));
    }
    // Graph need not tell the memberships of somebody who is deleted for now: what was known stays, or nothing.
    const isUncertain = user.status === 'deleted' || (user.status === 'purged' && expectation.hidesDeleted);
    if (row && !isUncertain) {
      const wanted = user.status === 'purged' ? [] : [...(publishedOf.get(user.id) ?? [])].sort();
      const found = target.memberships.get(user.id) ?? [];
      if (wanted.join() !== found.join())
        wrong.push(`${who} should be in the groups [${wanted.join()}] and is in [${found.join()}]`);
    }
  }

  const known = new Set(snapshot.users.map(({ id }) => id));
  for (const id of target.accounts.keys()) if (!known.has(id)) wrong.push(`the account ${id} is nobody's`);
  for (const id of target.memberships.keys()) {
    if (!target.accounts.has(id)) wrong.push(`there are memberships of ${id}, who has no account`);
  }
  for (const id of expectation.remembered ?? []) {
    if (policy !== 'delete' && !target.accounts.has(id))
      wrong.push(`the account ${id} was there and is gone`);
  }
  const publishedIds = new Set(published.map(({ id }) => id));
  const titles = new Map(published.map(({ id, props }) => [id, String(props['displayName'])]));
  for (const [id, title] of titles) {
    const name = target.groups.get(id)?.name;
    const isAlone = [...titles].every(([other, wanted]) => other === id || folded(wanted) !== folded(title));
    const allowed = isAlone ? [title] : [title, `${title} (${id.slice(0, 8)})`, `${title} (${id})`];
    if (name === undefined || !allowed.includes(name))
      wrong.push(`the group ${id} should be called ${allowed.join(' or ')}, and is ${name ?? 'not there'}`);
  }
  const names = [...target.groups.values()].map(({ name }) => folded(name));
  for (const [index, name] of names.entries())
    if (names.indexOf(name) !== index) wrong.push(`two groups are called ${name}`);
  for (const id of target.groups.keys())
    if (!publishedIds.has(id)) wrong.push(`the group ${id} should not be published`);
  return wrong;
}

/** Nobody waits for a login without reason: somebody else has it who may keep it, or who waits in turn for such a one. */
function isHeldByAnother(
  login: string,
  id: string,
  holders: ReadonlyMap<string, string>,
  wishes: ReadonlyMap<string, string | null>,
): boolean {
  const seen = new Set([id]);
  for (let wanted: string | null = login; wanted !== null;) {
    const holder = holders.get(wanted);
    // Nobody has it, or a circle of people who could simply exchange.
    if (holder === undefined || seen.has(holder)) return false;
    seen.add(holder);
    const wish: string | null = wishes.get(holder) ?? null;
    if (wish === wanted || wish === null) return true;
    // A leaver who is gone keeps the login until the row goes.
    wanted = wish;
  }
  return true;
}

function membersOf(group: GroupTruth, groups: ReadonlyMap<string, GroupTruth>, nested: boolean): Set<string> {
  const people = new Set<string>();
  const seen = new Set<string>();
  const visit = (each: GroupTruth | undefined): void => {
    if (!each || each.status !== 'active' || seen.has(each.id)) return;
    seen.add(each.id);
    for (const { id, kind } of each.members) {
      if (kind === 'user') people.add(id);
      else if (kind === 'group' && nested) visit(groups.get(id));
    }
  };
  visit(group);
  return people;
}

function invert(lists: [string, ReadonlySet<string>][]): Map<string, Set<string>> {
  const result = new Map<string, Set<string>>();
  for (const [group, people] of lists) {
    for (const person of people) result.set(person, (result.get(person) ?? new Set()).add(group));
  }
  return result;
}

const isMeant = (group: GroupTruth, pattern: string): boolean =>
  isPattern(pattern, group.id, String(group.props['displayName']));

function isPattern(pattern: string, id: string, name: string): boolean {
  const text = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return pattern.toLowerCase() === id || new RegExp(`^${text}$`, 'is').test(name.trim());
}

function textOf(user: ObjectTruth, name: string): string | null {
  if (name === 'userPrincipalName.prefix') {
    const prefix = String(user.props['userPrincipalName'] ?? '').replace(/@[^@]*$/, '');
    return prefix.replace(/#EXT#$/i, '') || null;
  }
  let value: unknown = user.props;
  for (const part of name.split('.')) value = (value as Record<string, unknown> | null | undefined)?.[part];
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

function firstOf(user: ObjectTruth, names: readonly string[]): string | null {
  for (const name of names) {
    const text = textOf(user, name);
    if (text !== null) return text;
  }
  return null;
}

function loginOf(user: ObjectTruth, mapping: Mapping): string | null {
  if (user.status !== 'active') return null;
  const login = firstOf(user, mapping.login.from);
  return login === null ? null : mapping.login.case === 'lower' ? login.toLowerCase() : login;
}

/** What is written once may be anything later: it is not among them. */
function fieldsOf(user: ObjectTruth, mapping: Mapping): Partial<Fields> {
  const { fields } = mapping;
  const columns = {
    display_name: fields.displayName,
    first_name: fields.firstName,
    last_name: fields.lastName,
    email: fields.email,
    department: fields.department,
    activity: fields.activity,
    print_code: fields.printCode,
    card_number: fields.cardNumber,
    home_directory: fields.homeDirectory,
  };
  return Object.fromEntries(
    Object.entries(columns)
      .filter(([, rule]) => !('from' in rule) || rule.write === 'always')
      .map(([column, rule]) => [column, firstOf(user, 'from' in rule ? rule.from : rule)]),
  );
}

function compareFields(who: string, row: AccountRow, wanted: Partial<Fields>): string[] {
  return (Object.keys(wanted) as (keyof Fields)[])
    .filter((name) => row[name] !== wanted[name])
    .map((name) => `${who} should have ${name} ${String(wanted[name])}, and has ${String(row[name])}`);
}

const folded = (name: string): string => name.normalize('NFKC').toLowerCase();
