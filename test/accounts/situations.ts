// Owns the situations in which the planner's tests put Anna: decisions, rows, policies.
import type { Decision, LeaverReason } from '../../src/accounts/decide.ts';
import {
  planPerson,
  type LedgerAccount,
  type PersonPlan,
  type PlanSettings,
} from '../../src/accounts/plan.ts';
import { annaId, dayMs, makeFields, makeRow } from './people.ts';

export const now = 100 * dayMs;
export const disablePolicy: PlanSettings = {
  policy: 'disable',
  graceDays: 30,
  now,
  ownedFields: [],
  onceFields: [],
};
export const deletePolicy: PlanSettings = { ...disablePolicy, policy: 'delete' };
export const keepPolicy: PlanSettings = { ...disablePolicy, policy: 'keep' };
export const policies = [disablePolicy, deletePolicy, keepPolicy];

export const fields = makeFields({ displayName: 'Anna Berg' });
export const renamedFields = makeFields({ displayName: 'Anna Bergmann' });
export const active: Decision = { kind: 'active', login: 'aberg', fields };
export const renamed: Decision = { kind: 'active', login: 'abergmann', fields: renamedFields };
export const unmappable: Decision = { kind: 'unmappable', reason: 'nothing makes a login' };
export const disabledRow = makeRow({ enabled: false, disabledSince: now - 29 * dayMs });

export function leaver(
  reason: LeaverReason,
  values: { login?: string; fields?: typeof fields } = {},
): Decision {
  return { kind: 'leaver', reason, login: values.login ?? 'aberg', fields: values.fields ?? fields };
}

export function deleted(reason: 'soft-deleted' | 'gone'): Decision {
  return { kind: 'leaver', reason, login: null, fields: null };
}

export interface Situation {
  readonly current?: LedgerAccount;
  readonly groups?: readonly string[];
  readonly login?: string | null;
  readonly settings?: PlanSettings;
}

/** Plans Anna; the login that she wants is granted unless the test says otherwise. */
export function plan(decision: Decision, situation: Situation = {}): PersonPlan {
  const wanted = decision.kind === 'unmappable' ? null : decision.login;
  const { current, groups = [], login = wanted, settings = disablePolicy } = situation;
  return planPerson({ externalId: annaId, decision, login, groups, current }, settings);
}
