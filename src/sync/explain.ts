// Owns the answer to "why has this person an account, or none": found by login, UPN or object id.
import { type CompiledMapping, type Decision, explainDecision } from '../accounts/decide.ts';
import { loginKey } from '../accounts/login.ts';
import type { RemovalPolicy } from '../accounts/plan.ts';
import { isObjectId, unmatchedPatterns } from '../accounts/scope.ts';
import { compileReader } from '../accounts/values.ts';
import { type AuditRow, listAudit } from '../state/audit-trail.ts';
import type { Person } from '../state/people.ts';
import {
  createPersonLookup,
  type GroupName,
  type PersonLookup,
  type SeenUser,
} from '../state/person-lookup.ts';
import type { StateRooms } from '../state/rooms.ts';
import type {
  AccountExplanation,
  PersonExplanation,
  PersonFacts,
  TargetExplanation,
} from './explain-model.ts';
import { tell } from './explain-sentences.ts';
import { iso, isoOrNull } from './status.ts';

export type { PersonExplanation } from './explain-model.ts';

export interface ExplainOptions {
  readonly rooms: StateRooms;
  readonly mapping: CompiledMapping;
  readonly settings: { readonly policy: RemovalPolicy; readonly graceDays: number };
}

export interface Explanation {
  readonly query: string;
  /** Usually one; several where people share a login or an address; none where nobody is known. */
  readonly people: readonly PersonExplanation[];
}

const mostPeople = 10;
const lastAudit = 10;
const dayMs = 86_400_000;

/** Explains everybody whom a login, a user principal name, an e-mail address or an object id means. */
export async function explain(options: ExplainOptions, query: string): Promise<Explanation> {
  const lookup = createPersonLookup(options.rooms.state);
  const keys = await findPeople(options, lookup, query.trim());
  return {
    query,
    people: keys.flatMap((key) => {
      const one = explainPerson(options, lookup, key);
      return one === undefined ? [] : [one];
    }),
  };
}

/** Object ids of those whom a login, a UPN, an e-mail address or an object id means. */
export async function findPersonIds(options: ExplainOptions, query: string): Promise<string[]> {
  return (await explain(options, query)).people.map((person) => person.id);
}

async function findPeople(options: ExplainOptions, lookup: PersonLookup, text: string): Promise<number[]> {
  if (text === '') return [];
  if (isObjectId(text)) {
    const key = lookup.keyOfUser(text.toLowerCase());
    return key === undefined ? [] : [key];
  }
  const wanted = loginKey(text);
  const keys = new Set(lookup.keysOfLogin(wanted));
  if (keys.size > 0) return [...keys].slice(0, mostPeople);
  for await (const seen of lookup.scan(text, wanted)) {
    if (means(options.mapping, seen, wanted)) keys.add(seen.key);
    if (keys.size >= mostPeople) break;
  }
  return [...keys];
}

function means(mapping: CompiledMapping, { user, loginKey: known }: SeenUser, wanted: string): boolean {
  const same = (value: unknown): boolean => typeof value === 'string' && loginKey(value.trim()) === wanted;
  if (known === wanted || same(user.properties['userPrincipalName']) || same(user.properties['mail']))
    return true;
  const decision = mapping.decide(user, true);
  return decision.kind !== 'unmappable' && same(decision.login);
}

function explainPerson(
  options: ExplainOptions,
  lookup: PersonLookup,
  key: number,
): PersonExplanation | undefined {
  const { rooms, mapping } = options;
  const [person] = rooms.people.load([key], mapping.mapping.groups.nested);
  if (person === undefined) return undefined;
  const audit = listAudit(rooms.state, { key, limit: lastAudit });
  const id = person.user?.id ?? idOf(rooms, key);
  if (id === undefined) return undefined;
  const decision: Decision | undefined =
    person.user && mapping.decide(person.user, mapping.everyoneInScope || person.inScopeGroup);
  const account = explainAccount(options, lookup, person);
  const facts: PersonFacts = {
    id,
    userPrincipalName: textOf(person, 'userPrincipalName'),
    displayName: textOf(person, 'displayName') ?? account?.displayName ?? null,
    state: person.user?.state ?? 'unread',
    scope: explainScope(options, lookup, person, key),
    decision: decision && {
      kind: decision.kind,
      text: explainDecision(decision),
      reason: decision.kind === 'active' ? null : decision.reason,
    },
    login: explainLogin(options, lookup, person, decision),
    account,
    publishesGroups: mapping.mapping.groups.publish.length > 0,
    removal: explainRemoval(lookup, key),
    waiting: lookup.isUnsettled(key),
    ready: isRead(rooms),
    targets: explainTargets(rooms, lookup, key, person),
    audit: audit.map(describeAudit),
    policy: options.settings.policy,
  };
  return { ...facts, sentences: tell(facts) };
}

function explainScope(
  { rooms, mapping }: ExplainOptions,
  lookup: PersonLookup,
  person: Person,
  key: number,
): PersonFacts['scope'] {
  if (mapping.everyoneInScope)
    return { everyone: true, inside: true, paths: [], directGroups: [], unmatched: [] };
  const inside = person.inScopeGroup;
  return {
    everyone: false,
    inside,
    paths: inside ? lookup.scopePaths(key) : [],
    directGroups: inside ? [] : lookup.directGroups(key),
    unmatched: inside ? [] : unmatchedPatterns(mapping.mapping.scope.groups, rooms.reach.groups()),
  };
}

function explainLogin(
  { rooms, mapping }: ExplainOptions,
  lookup: PersonLookup,
  person: Person,
  decision: Decision | undefined,
): PersonFacts['login'] {
  const { user } = person;
  const wanted = decision === undefined || decision.kind === 'unmappable' ? null : decision.login;
  const from =
    user && (mapping.mapping.login.from.find((name) => compileReader(name)(user) !== null) ?? null);
  const issue = lookup.issue(person.key);
  const holderKey =
    issue?.kind === 'login-collision' && issue.loginKey !== null
      ? rooms.ledger.holders([issue.loginKey]).get(issue.loginKey)
      : undefined;
  const holder = holderKey === undefined ? undefined : rooms.ledger.get(holderKey);
  return {
    wanted,
    from: wanted === null ? null : (from ?? null),
    rule: mapping.mapping.login.from,
    heldBy:
      holder === undefined || holder.key === person.key
        ? null
        : { id: holder.externalId, login: holder.login, displayName: holder.fields.displayName },
    since: issue?.kind === 'login-collision' ? iso(issue.since) : null,
  };
}

function explainAccount(
  { settings }: ExplainOptions,
  lookup: PersonLookup,
  { account }: Person,
): AccountExplanation | null {
  if (account === undefined) return null;
  const graceEnd =
    settings.policy === 'disable' && account.present && account.disabledSince !== null
      ? account.disabledSince + settings.graceDays * dayMs
      : null;
  return {
    login: account.login,
    displayName: account.fields.displayName,
    present: account.present,
    enabled: account.present && account.enabled,
    disabledSince: isoOrNull(account.disabledSince),
    deletedAfter: isoOrNull(graceEnd),
    groups: namesOf(lookup, account.groups),
    fields: account.fields,
    revision: account.revision,
  };
}

function explainRemoval(lookup: PersonLookup, key: number): PersonFacts['removal'] {
  const removal = lookup.removal(key);
  if (removal === undefined) return null;
  const { state, how, reason, holdId, proposedAt } = removal;
  return { state, how, reason, holdId, since: iso(proposedAt) };
}

function explainTargets(
  rooms: StateRooms,
  lookup: PersonLookup,
  key: number,
  { account }: Person,
): TargetExplanation[] {
  if (account === undefined) return [];
  const refusals = lookup.refusals(key);
  return rooms.targets.list().map((row) => ({
    name: row.name,
    current: row.revision >= account.revision,
    refused: refusals.find((one) => one.target === row.name)?.reason ?? null,
    failingSince: isoOrNull(row.failingSince),
    error: row.error,
  }));
}

/** An entry of the audit as operators see it. */
export function describeAudit(row: AuditRow) {
  return { ...row, at: iso(row.at) };
}

function namesOf(lookup: PersonLookup, ids: readonly string[]): GroupName[] {
  return ids.length === 0 ? [] : lookup.groupNames(ids);
}

function textOf({ user }: Person, name: string): string | null {
  const value = user?.properties[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

function idOf(rooms: StateRooms, key: number): string | undefined {
  return rooms.state.sql('SELECT id FROM directory_object WHERE key = ?').pluck().get(key) as
    string | undefined;
}

/** Before both streams were read completely, nobody is decided. */
function isRead(rooms: StateRooms): boolean {
  return rooms.state.sql('SELECT count(*) FROM stream WHERE full_read IS NOT NULL').pluck().get() === 2;
}
