// Owns settling: people whose data changed are decided, planned, guarded against mass removal, and put in the ledger.
import type { CompiledMapping, Decision } from '../accounts/decide.ts';
import { type RemovalLimit, removalLimit } from '../accounts/guard.ts';
import { loginKey } from '../accounts/login.ts';
import { assignLogins, type LoginAssignment } from '../accounts/logins.ts';
import type { Account } from '../accounts/model.ts';
import { type PersonPlan, planPerson, type RemovalPolicy } from '../accounts/plan.ts';
import type { Log } from '../ops/log.ts';
import { parkPerson } from '../state/parked.ts';
import type { Person } from '../state/people.ts';
import { createPersonLookup } from '../state/person-lookup.ts';
import type { StateRooms } from '../state/rooms.ts';
import { collisionDetail, recordCollision } from './collision.ts';
import { createRemovalGuard, type Reading } from './removal-guard.ts';

export interface SettleOptions {
  readonly rooms: StateRooms;
  readonly mapping: CompiledMapping;
  readonly policy: RemovalPolicy;
  readonly graceDays: number;
  readonly limit: RemovalLimit;
  /** What is being read just now: removals wait until their plan is whole. Nothing, unless told. */
  readonly reading?: () => Reading;
  readonly now: () => number;
  readonly log: Log;
}

/** `waiting`: nobody is left to decide, but proposed removals wait until their plan is whole. */
export type SettleResult = 'more' | 'settled' | 'waiting';

export interface Settler {
  /** One bite of work, short enough for the doors to breathe between bites. */
  settleSome(): SettleResult;
  /**
   * Marks those whose days of grace are over, as many an hour as the limit on removals allows; returns when to look
   * again (ms since 1970).
   */
  markExpired(): number | undefined;
}

const smallBite = 500;
/** In long work, as in a first sync, larger bites write less for each person. */
const largeBite = 4_000;
const longWork = 4;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** Why somebody is settled whose days of grace are over. */
const graceOver = 'grace over';
/** Exchanges of logins that reach outside a bite are followed this far. */
const mostHolderLookups = 50;

interface Case {
  readonly person: Person;
  readonly decision: Decision;
}

export function createSettler(options: SettleOptions): Settler {
  const { rooms, mapping, policy, graceDays, now, log } = options;
  const { state, people, ledger, removals, reach } = rooms;
  const nested = mapping.mapping.groups.nested;

  const lookup = createPersonLookup(state);
  const nothing = (): Reading => ({ short: false, long: false });
  const guard = createRemovalGuard({
    rooms,
    limit: options.limit,
    reading: options.reading ?? nothing,
    now,
    log,
  });
  let fullBites = 0;
  let mayDropGroups = true;

  function settleSome(): SettleResult {
    if (reach.isDirty()) {
      state.transaction(() => {
        reach.rebuild({ scope: mapping.isScopeGroup, publish: mapping.isPublishedGroup }, 'groups changed');
        ledger.settleGroups('present');
      });
      mayDropGroups = true;
    }
    const size = fullBites >= longWork ? largeBite : smallBite;
    const keys = people.nextKeys(size);
    fullBites = keys.length === size ? fullBites + 1 : 0;
    if (keys.length > 0) {
      settleAround(keys);
      return 'more';
    }
    // Only now, when every account has given up its memberships: a target drops them together with the group.
    if (mayDropGroups) state.transaction(() => ledger.settleGroups('absent'));
    mayDropGroups = false;
    return guard.judge();
  }

  /** An error about one person must not keep the others waiting: the bite is halved until that one is alone. */
  function settleAround(keys: readonly number[]): void {
    try {
      state.transaction(() => settleBite(keys));
    } catch (error) {
      if (isDatabaseTrouble(error)) throw error;
      const [only] = keys;
      if (keys.length > 1) {
        const middle = Math.ceil(keys.length / 2);
        settleAround(keys.slice(0, middle));
        settleAround(keys.slice(middle));
      } else if (only !== undefined) park(only, error);
    }
  }

  function park(key: number, error: unknown): void {
    const person = parkPerson(state, key, error instanceof Error ? error.message : String(error), now());
    log.error('The account of one person could not be decided; the others go on', {
      person,
      error,
      advice:
        'This is a defect of the program: report it. The account stays as it is until the person changes.',
    });
  }

  function load(keys: readonly number[]): Case[] {
    return people.load(keys, nested).map((person) => ({
      person,
      decision: person.user
        ? mapping.decide(person.user, mapping.everyoneInScope || person.inScopeGroup)
        : { kind: 'unmappable', reason: 'not a user' },
    }));
  }

  function settleBite(keys: readonly number[]): void {
    const cases = load(keys).filter(({ person }) => person.user !== undefined);
    const assignment = shareLogins(cases);
    const plans = cases.map((one) => ({ ...one, plan: plan(one, assignment) }));
    ledger.parkLogins(
      plans.flatMap(({ person, plan }) =>
        changesLogin(person, plan) && person.account ? [person.account.key] : [],
      ),
    );
    const freed: string[] = [];
    const created = new Map<string, number[]>();
    for (const { person, plan, decision } of plans) {
      if (changesLogin(person, plan) && person.account?.present) freed.push(loginKey(person.account.login));
      carryOut(person, plan);
      if (isCreation(plan)) {
        const others = created.get(person.cause);
        if (others) others.push(person.key);
        else created.set(person.cause, [person.key]);
      }
      noteIssue(person, decision, assignment);
    }
    for (const [cause, some] of created) ledger.auditCreated(some, now(), cause);
    people.done([...keys, ...cases.map(({ person }) => person.key)]);
    people.markWaiting(freed, 'login freed');
  }

  /** Shares out logins; who holds a wanted one and is unsettled too joins the bite, so that exchanges work. */
  function shareLogins(cases: Case[]): Assignment {
    const joined = new Set(cases.map(({ person }) => person.key));
    for (let lookups = 0; ; lookups += 1) {
      const assignment = assign(cases);
      const holders = assignment.conflicts
        .map(({ heldBy }) => assignment.keyOf(heldBy))
        .filter((key) => key !== undefined && !joined.has(key)) as number[];
      const more = lookups < mostHolderLookups ? people.unresolved([...new Set(holders)]) : [];
      if (more.length === 0) return assignment;
      for (const one of load(more)) {
        joined.add(one.person.key);
        if (one.person.user) cases.push(one);
      }
    }
  }

  function assign(cases: readonly Case[]): Assignment {
    const wishes = cases.flatMap(({ person, decision }) => {
      const wanted = wantedLogin(person, decision);
      const current = person.account?.present ? person.account.login : null;
      return wanted === null || wanted === current || !person.user
        ? []
        : [{ externalId: person.user.id, wanted, current, key: person.key }];
    });
    if (wishes.length === 0) return { granted: new Map(), conflicts: [], keyOf: () => undefined };
    const holders = ledger.holders(wishes.map((wish) => loginKey(wish.wanted)));
    const idOf = new Map<string, number>();
    for (const wish of wishes) idOf.set(wish.externalId, wish.key);
    const result = assignLogins(wishes, (key) => {
      const holder = holders.get(key);
      if (holder === undefined) return undefined;
      const id = ledger.get(holder)?.externalId;
      if (id !== undefined) idOf.set(id, holder);
      return id;
    });
    return { ...result, keyOf: (id) => idOf.get(id) };
  }

  function plan({ person, decision }: Case, assignment: LoginAssignment): PersonPlan {
    const { user, account: current, groups } = person;
    if (!user) return { kind: 'none' };
    const wanted = wantedLogin(person, decision);
    const login =
      wanted !== null && current?.present && wanted === current.login
        ? wanted
        : (assignment.granted.get(user.id) ?? null);
    const input = { externalId: user.id, decision, login, groups, current };
    const settings = {
      policy,
      graceDays,
      now: now(),
      ownedFields: mapping.ownedFields,
      onceFields: mapping.onceFields,
    };
    const planned = planPerson(input, settings);
    // Whatever else a person is decided for, the end of the days of grace comes by `markExpired`, which has a limit.
    const isEarly = planned.kind === 'expire' && policy === 'disable' && person.cause !== graceOver;
    const first = isEarly ? planPerson(input, { ...settings, graceDays: Infinity }) : planned;
    if (first.kind !== 'remove') {
      if (person.removal !== undefined) removals.drop(person.key);
      return first;
    }
    if (person.removal === 'approved') return first;
    if (person.removal !== 'held') {
      removals.propose(person.key, first.how, first.reason, person.cause, now());
    }
    // Until the guard lets it pass, the account stays and goes on following the tenant.
    return planPerson(input, { ...settings, policy: 'keep' });
  }

  function carryOut(person: Person, plan: PersonPlan): void {
    const { key, account: before, cause, pingedAt } = person;
    const at = now();
    switch (plan.kind) {
      case 'none':
        return;
      case 'write': {
        ledger.write(key, plan.account, loginKey(plan.account.login), {
          present: true,
          disabledSince: plan.disabledSince,
          pingedAt,
        });
        if (isCreation(plan)) return;
        const action = plan.cause === 'membership' ? 'update' : plan.cause;
        const changes = before ? difference(before, plan.account, plan.changes) : null;
        ledger.audit({ at, key, action, cause, reason: null, changes });
        return;
      }
      case 'remove': {
        const present = plan.how === 'disable';
        const account = { ...plan.account, enabled: false };
        ledger.write(key, account, loginKey(account.login), { present, disabledSince: at, pingedAt });
        ledger.audit({
          at,
          key,
          action: plan.how,
          cause,
          reason: plan.reason,
          changes: { enabled: [true, false] },
        });
        removals.drop(key);
        return;
      }
      case 'expire': {
        if (!before) return;
        ledger.write(key, before, loginKey(before.login), {
          present: false,
          disabledSince: before.disabledSince,
          pingedAt,
        });
        const reason = `disabled for ${graceDays} days`;
        ledger.audit({ at, key, action: 'expire', cause, reason, changes: null });
        return;
      }
    }
  }

  function noteIssue(person: Person, decision: Decision, assignment: Assignment): void {
    const conflict = assignment.conflicts.find(({ externalId }) => externalId === person.user?.id);
    const since = now();
    const known = person.hasIssue ? lookup.issue(person.key) : undefined;
    if (conflict) {
      if (known?.kind === 'login-collision' && known.detail === collisionDetail(conflict)) return;
      recordCollision(people, log, since, { ...conflict, key: person.key });
    } else if (decision.kind === 'unmappable') {
      if (known?.kind === 'no-login' && known.detail === decision.reason) return;
      people.setIssue(person.key, { kind: 'no-login', detail: decision.reason, loginKey: null, since });
    } else if (person.hasIssue) people.clearIssue(person.key);
  }

  return {
    settleSome,
    markExpired() {
      if (policy !== 'disable') return undefined;
      const graceMs = graceDays * dayMs;
      const limit = now() - graceMs;
      if (ledger.hasExpired(limit)) {
        // A clock that runs ahead, or fewer days of grace, must not take all of them at once.
        const most = removalLimit(options.limit, ledger.countPresent());
        const room = most - ledger.countExpiredSince(now() - hourMs);
        if (ledger.markExpired(limit, room, graceOver) === 0) return now() + minuteMs;
      }
      const next = ledger.nextExpiry(limit);
      return next === undefined ? undefined : next + graceMs;
    },
  };
}

interface Assignment extends LoginAssignment {
  /** The mirror's key of a person whom the conflicts name. */
  readonly keyOf: (externalId: string) => number | undefined;
}

/** Trouble with the file itself, and no matter of the person in hand. */
function isDatabaseTrouble(error: unknown): boolean {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  return typeof code === 'string' && code.startsWith('SQLITE_') && !code.startsWith('SQLITE_CONSTRAINT');
}

function wantedLogin(person: Person, decision: Decision): string | null {
  if (decision.kind === 'active') return decision.login;
  return decision.kind === 'leaver' && person.account?.present ? decision.login : null;
}

const isCreation = (plan: PersonPlan): boolean => plan.kind === 'write' && plan.cause === 'create';

function changesLogin(person: Person, plan: PersonPlan): boolean {
  switch (plan.kind) {
    case 'none':
      return false;
    case 'write':
      return person.account?.present !== true || plan.account.login !== person.account.login;
    case 'remove':
      return plan.how === 'delete' || plan.account.login !== person.account?.login;
    case 'expire':
      return true;
  }
}

function difference(
  before: NonNullable<Person['account']>,
  after: Account,
  parts: readonly string[],
): Record<string, readonly [unknown, unknown]> {
  const flatten = (account: Account): Record<string, unknown> => ({
    ...account.fields,
    login: account.login,
    enabled: account.enabled,
    groups: account.groups,
  });
  const old = flatten(before);
  const fresh = flatten(after);
  return Object.fromEntries(parts.map((part) => [part, [old[part], fresh[part]]]));
}
