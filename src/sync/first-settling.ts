// Owns settling during the first full round of users: where nobody had an account before and no group has a say, each
// person's account follows from the page alone, so that nothing is read again. Nothing of it is delivered before the
// round is complete and logins are shared out.
import type { CompiledMapping } from '../accounts/decide.ts';
import type { Log } from '../ops/log.ts';
import type { StateRooms } from '../state/rooms.ts';
import { type Collision, noteCollision, tellCollision } from './collision.ts';
import { type FirstRules, judgeFirst } from './first-people.ts';
import type { DeltaPage } from '../graph/delta.ts';

export interface FirstSettling {
  /** Within a transaction: mirror and ledger take in a page. */
  add(page: DeltaPage): void;
  /** After the last page: one bite of the work that is left; returns whether there is more. */
  finish(cause: string): boolean;
}

export interface FirstSettlingOptions {
  readonly rooms: StateRooms;
  readonly mapping: CompiledMapping;
  readonly rules: FirstRules;
  readonly now: () => number;
  readonly log: Log;
}

const auditedAtOnce = 20_000;
const mostTold = 20;

export function createFirstSettling(options: FirstSettlingOptions): FirstSettling {
  const { rooms, mapping, rules, now, log } = options;
  const { firstAccounts, firstUsers, people, state } = rooms;
  let audited: number | undefined;

  /** A mapping that gives everybody one login makes as many collisions as there are people. */
  function tell(collisions: readonly Collision[]): void {
    for (const collision of collisions.slice(0, mostTold)) tellCollision(log, collision);
    if (collisions.length > mostTold)
      log.error('Many people want a login that another one has, and get no account', {
        people: collisions.length,
        advice: 'Look whether login.from in the mapping names a property that differs from person to person.',
      });
  }

  return {
    add(page) {
      const judged = judgeFirst(page.objects, mapping, rules);
      const firstKey = firstUsers.append(judged, page.read);
      const since = now();
      firstAccounts.add(firstKey, judged.accounts);
      for (const [place, detail] of judged.unmappable)
        people.setIssue(firstKey + place, { kind: 'no-login', detail, loginKey: null, since });
    },
    finish(cause) {
      if (audited === undefined) {
        const collisions = state.transaction(() => {
          const losers = firstAccounts
            .shareLogins()
            .map(({ login, ...loser }) => ({ ...loser, wanted: login }));
          for (const loser of losers) noteCollision(people, now(), loser);
          return losers;
        });
        tell(collisions);
        audited = firstAccounts.lastAudited();
        return true;
      }
      audited = firstAccounts.audit(audited, auditedAtOnce, now(), cause);
      return audited !== undefined;
    },
  };
}
