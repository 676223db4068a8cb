// Owns what the first full round of users makes of a page: rows of the mirror, accounts, and who cannot have one.
import type { CompiledMapping } from '../accounts/decide.ts';
import { loginKey } from '../accounts/login.ts';
import { planPerson, type PlanSettings } from '../accounts/plan.ts';
import { isUnreadable } from '../graph/unreadable.ts';
import type { ObjectRead } from '../state/directory.ts';
import type { FirstAccount } from '../state/first-accounts.ts';
import type { FirstRows } from '../state/first-users.ts';
import { mergeProperties } from '../state/merge.ts';

export interface FirstPeople extends FirstRows {
  readonly accounts: readonly FirstAccount[];
  /** Place in `ids`, and why the person cannot have an account. */
  readonly unmappable: readonly (readonly [number, string])[];
}

export type FirstRules = Pick<PlanSettings, 'policy' | 'graceDays'>;

/** Judges the people of one page, each by itself: nobody had an account before, and no group has a say. */
export function judgeFirst(
  objects: readonly ObjectRead[],
  mapping: CompiledMapping,
  rules: FirstRules,
): FirstPeople {
  const { ownedFields, onceFields } = mapping;
  const settings = { ...rules, now: 0, ownedFields, onceFields };
  const properties: (string | null)[] = [];
  const accounts: FirstAccount[] = [];
  const unmappable: [number, string][] = [];
  objects.forEach((object, place) => {
    if (object.removed !== undefined) {
      properties.push(null);
      return;
    }
    const known = isUnreadable(object) ? {} : mergeProperties({}, object.properties);
    properties.push(JSON.stringify(known));
    const externalId = object.id;
    const decision = mapping.decide({ id: externalId, state: 'present', properties: known }, true);
    if (decision.kind === 'unmappable') unmappable.push([place, decision.reason]);
    if (decision.kind !== 'active') return;
    const { login } = decision;
    const plan = planPerson({ externalId, decision, login, groups: [], current: undefined }, settings);
    if (plan.kind !== 'write') return;
    accounts.push({ place, account: plan.account, loginKey: loginKey(login) });
  });
  return { ids: objects.map(({ id }) => id), properties, accounts, unmappable };
}
