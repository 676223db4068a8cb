// Owns settling during the first full round of users: where nobody had an account before and no group has a say, each
// person's account follows from the page alone, so that nothing is read again. Nothing of it is delivered before the
// round is complete and logins are shared out.
import type { CompiledMapping } from '../accounts/decide.ts';
import { loginKey } from '../accounts/login.ts';
import { planPerson, type PlanSettings } from '../accounts/plan.ts';
import type { Log } from '../ops/log.ts';
import type { ObjectRead } from '../state/directory.ts';
import { mergeProperties } from '../state/merge.ts';
import type { StateRooms } from '../state/rooms.ts';
import { recordCollision } from './collision.ts';

export interface FirstSettling {
  /** Within the transaction that appends these objects to the mirror under these keys. */
  add(objects: readonly ObjectRead[], keys: readonly number[]): void;
  /** After the last page: one bite of the work that is left; returns whether there is more. */
  finish(cause: string): boolean;
}

export interface FirstSettlingOptions {
  readonly rooms: StateRooms;
  readonly mapping: CompiledMapping;
  readonly settings: Omit<PlanSettings, 'now' | 'ownedFields'>;
  readonly now: () => number;
  readonly log: Log;
}

const auditedAtOnce = 20_000;

export function createFirstSettling(options: FirstSettlingOptions): FirstSettling {
  const { rooms, mapping, now, log } = options;
  const { firstAccounts, people, state } = rooms;
  let audited: number | undefined;

  function addPerson({ id, properties }: ObjectRead, key: number): void {
    // As it will stand in the mirror, so that settling again would come to the same.
    const decision = mapping.decide(
      { id, state: 'present', properties: mergeProperties({}, properties) },
      true,
    );
    if (decision.kind === 'unmappable') {
      people.setIssue(key, { kind: 'no-login', detail: decision.reason, loginKey: null, since: now() });
      return;
    }
    if (decision.kind !== 'active') return;
    const plan = planPerson(
      { externalId: id, decision, login: decision.login, groups: [], current: undefined },
      { ...options.settings, now: now(), ownedFields: mapping.ownedFields },
    );
    if (plan.kind === 'write') firstAccounts.add(key, plan.account, loginKey(plan.account.login));
  }

  return {
    add(objects, keys) {
      objects.forEach((object, index) => {
        const key = keys[index];
        if (key !== undefined && !object.removed) addPerson(object, key);
      });
    },
    finish(cause) {
      if (audited === undefined) {
        state.transaction(() => {
          for (const { login, ...loser } of firstAccounts.shareLogins())
            recordCollision(people, log, now(), { ...loser, wanted: login });
        });
        audited = firstAccounts.lastAudited();
        return true;
      }
      const last = firstAccounts.audit(audited, auditedAtOnce, now(), cause);
      audited = last;
      return last !== undefined;
    },
  };
}
