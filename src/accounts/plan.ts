// Owns the difference for one person: what must happen to the account, given the judgement and the ledger's row.
import type { Decision, LeaverReason } from './decide.ts';
import { fieldNames, type Account, type AccountFields, type FieldName } from './model.ts';

/**
 * What becomes of a leaver's account: `disable` at once and delete after the grace days, `delete` at once,
 * or `keep` for good.
 */
export type RemovalPolicy = 'disable' | 'delete' | 'keep';

/** The ledger's row of one person. */
export interface LedgerAccount extends Account {
  /** False once the row was removed: the last values are remembered, Gespage has nothing. */
  readonly present: boolean;
  /** Milliseconds since 1970, UTC; `null` while the account is enabled. */
  readonly disabledSince: number | null;
}

/** What holds for everybody in one planning. */
export interface PlanSettings {
  readonly policy: RemovalPolicy;
  /** How long a disabled leaver's row is kept under `disable`, in days of 24 hours. */
  readonly graceDays: number;
  /** Milliseconds since 1970, UTC. */
  readonly now: number;
  /** From the compiled mapping. */
  readonly ownedFields: readonly FieldName[];
  /** From the compiled mapping: written when the account is made, and then as they were. */
  readonly onceFields: readonly FieldName[];
}

export interface PersonInput {
  /** Entra object id, lower case. */
  readonly externalId: string;
  readonly decision: Decision;
  /** The login granted by `assignLogins`; `null` when none was: somebody else has it, or none is wanted. */
  readonly login: string | null;
  /** Ids of the published groups of which the person is an effective member: sorted, unique. */
  readonly groups: readonly string[];
  /** `undefined` for a person of whom the ledger never heard. */
  readonly current: LedgerAccount | undefined;
}

/** A part of an account that differs. */
export type ChangedPart = FieldName | 'login' | 'enabled' | 'groups';

export type PersonPlan =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'write';
      /** The whole row as it should stand. */
      readonly account: Account;
      readonly disabledSince: number | null;
      /** What differs from the remembered row; empty for a row never seen before. */
      readonly changes: readonly ChangedPart[];
      readonly cause: WriteCause;
    }
  /** Takes an enabled account away, so it passes the guard first; when it is carried out, `disabledSince` is that time. */
  | {
      readonly kind: 'remove';
      readonly how: 'disable' | 'delete';
      /** The row as it should stand, disabled; or the last values to remember of a deleted one. */
      readonly account: Account;
      readonly reason: LeaverReason;
    }
  /** Deletes the row of an account that is disabled already; the guard counted it when it was disabled. */
  | { readonly kind: 'expire' };

/** `membership`: nothing but the groups changed. `restore`: the same row is enabled again, or is back. */
export type WriteCause = 'create' | 'update' | 'restore' | 'membership';

const none: PersonPlan = { kind: 'none' };
const expire: PersonPlan = { kind: 'expire' };
const dayMs = 86_400_000;

/**
 * Plans one person. It compares levels, not events: once a plan is carried out, planning again gives `none`.
 *
 * Removals that the guard holds: plan those persons again with the policy `keep`; their rows stay enabled
 * and still follow the tenant.
 */
export function planPerson(input: PersonInput, settings: PlanSettings): PersonPlan {
  switch (input.decision.kind) {
    case 'active':
      return planActive(input, keepOnce(input, input.decision.fields, settings));
    case 'leaver':
      return planLeaver(input, input.decision, settings);
    case 'unmappable':
      return planUnmappable(input, settings);
  }
}

function planActive(input: PersonInput, fields: AccountFields): PersonPlan {
  const { externalId, current, groups } = input;
  const login = input.login ?? (current?.present === true ? current.login : null);
  // Somebody else has the login and this person has no row: nothing can be created.
  if (login === null) return none;
  if (current === undefined) {
    const account = { externalId, login, fields, enabled: true, groups };
    return { kind: 'write', account, disabledSince: null, changes: [], cause: 'create' };
  }
  const back = !current.present || !current.enabled;
  return planWrite(current, { login, fields, enabled: true, groups, disabledSince: null, back });
}

function planLeaver(
  input: PersonInput,
  decision: Extract<Decision, { kind: 'leaver' }>,
  settings: PlanSettings,
): PersonPlan {
  const { current, groups } = input;
  if (current?.present !== true) return none;
  const login = input.login ?? current.login;
  const fields =
    decision.fields === null
      ? withoutOwned(current.fields, settings.ownedFields)
      : keepOnce(input, decision.fields, settings);
  if (settings.policy === 'keep') {
    const { enabled, disabledSince } = current;
    return planWrite(current, { login, fields, enabled, groups, disabledSince, back: false });
  }
  if (current.enabled) {
    const account = { externalId: current.externalId, login, fields, enabled: false, groups };
    return { kind: 'remove', how: settings.policy, account, reason: decision.reason };
  }
  // A row that was disabled without a time starts its grace now rather than vanish unannounced.
  const disabledSince = current.disabledSince ?? settings.now;
  if (settings.policy === 'delete' || isGraceOver(current.disabledSince, settings)) return expire;
  return planWrite(current, { login, fields, enabled: false, groups, disabledSince, back: false });
}

/** Only the groups follow: they come from the group side, and are known even where the user is not. */
function planUnmappable(input: PersonInput, settings: PlanSettings): PersonPlan {
  const { current, groups } = input;
  if (current?.present !== true) return none;
  const { login, enabled, disabledSince } = current;
  const fields = withoutOwned(current.fields, settings.ownedFields);
  return planWrite(current, { login, fields, enabled, groups, disabledSince, back: false });
}

interface WantedRow {
  readonly login: string;
  readonly fields: AccountFields;
  readonly enabled: boolean;
  readonly groups: readonly string[];
  readonly disabledSince: number | null;
  /** The row returns, so it is written even if nothing differs from what is remembered. */
  readonly back: boolean;
}

function planWrite(current: LedgerAccount, wanted: WantedRow): PersonPlan {
  const { login, fields, enabled, groups, disabledSince, back } = wanted;
  if (!back && current.disabledSince === disabledSince && isSameRow(current, wanted)) return none;
  const changes = listChanges(current, wanted);
  const membershipAlone = changes.length === 1 && changes[0] === 'groups';
  const account = { externalId: current.externalId, login, fields, enabled, groups };
  const cause = back ? 'restore' : membershipAlone ? 'membership' : 'update';
  return { kind: 'write', account, disabledSince, changes, cause };
}

function isSameRow(current: LedgerAccount, wanted: WantedRow): boolean {
  return (
    current.login === wanted.login &&
    current.enabled === wanted.enabled &&
    isSameFields(current.fields, wanted.fields) &&
    isSameList(current.groups, wanted.groups)
  );
}

function listChanges(current: LedgerAccount, wanted: WantedRow): ChangedPart[] {
  const changes: ChangedPart[] = fieldNames.filter((name) => current.fields[name] !== wanted.fields[name]);
  if (current.login !== wanted.login) changes.unshift('login');
  if (current.enabled !== wanted.enabled) changes.push('enabled');
  if (!isSameList(current.groups, wanted.groups)) changes.push('groups');
  return changes;
}

function isSameFields(left: AccountFields, right: AccountFields): boolean {
  return left === right || fieldNames.every((name) => left[name] === right[name]);
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  if (left === right) return true;
  return left.length === right.length && left.every((id, index) => id === right[index]);
}

function isGraceOver(disabledSince: number | null, settings: PlanSettings): boolean {
  return disabledSince !== null && settings.now - disabledSince >= settings.graceDays * dayMs;
}

/**
 * What is written once stays as it was while the account has its row, whatever the directory says now, also where it
 * was empty then. A row that is made anew gets what the directory has.
 */
function keepOnce({ current }: PersonInput, fields: AccountFields, settings: PlanSettings): AccountFields {
  const { onceFields: once } = settings;
  if (once.length === 0 || current?.present !== true) return fields;
  return { ...fields, ...Object.fromEntries(once.map((name) => [name, current.fields[name]])) };
}

/** Last values are kept, save those of a field that the mapping has given to Gespage since. */
function withoutOwned(fields: AccountFields, owned: readonly FieldName[]): AccountFields {
  if (owned.every((name) => fields[name] === null)) return fields;
  return { ...fields, ...Object.fromEntries(owned.map((name) => [name, null])) };
}
