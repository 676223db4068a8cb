// Owns when and how proposed removals are judged: as whole plans, against the limit; too many are held.
import { judgeRemovals, type RemovalLimit, removalLimit, smallestRemovalLimit } from '../accounts/guard.ts';
import type { Log } from '../ops/log.ts';
import type { StateRooms } from '../state/rooms.ts';

/** What is being read of the tenant just now, so that more of a plan may be to come. */
export interface Reading {
  /** An incremental round, or more notified people than are read at once. */
  readonly short: boolean;
  /** A full round, or the sweep after it. */
  readonly long: boolean;
}

export interface RemovalGuardOptions {
  readonly rooms: StateRooms;
  readonly limit: RemovalLimit;
  readonly reading: () => Reading;
  readonly now: () => number;
  readonly log: Log;
}

export interface RemovalGuard {
  /** `more`: removals pass, their people are to be settled again. `waiting`: the plan may not be whole yet. */
  judge(): 'more' | 'settled' | 'waiting';
}

const hourMs = 3_600_000;
/** For the rest of an incremental round the first proposal waits no longer than this. */
const patienceMs = 500;
/** A hold this young takes in what is proposed next: one mistake in the tenant arrives in many pieces. */
const growthMs = 60_000;
/** Under these causes somebody left by himself, whatever a full round is about to show. */
const quickCauses = ['notification', 'delta round'];

export function createRemovalGuard(options: RemovalGuardOptions): RemovalGuard {
  const { rooms, now, log } = options;
  const { state, ledger, removals } = rooms;

  /** Few leavers are not kept waiting for the end of a full round, which may take an hour. */
  function isWhole(count: number): boolean {
    const { short, long } = options.reading();
    if (!short && !long) return true;
    if (long && count > smallestRemovalLimit) return false;
    const { since, slow } = removals.proposals(quickCauses);
    if (long && slow > 0) return false;
    const waited = now() - since;
    return !short || waited >= patienceMs || waited < 0;
  }

  function judge(): 'more' | 'settled' | 'waiting' {
    removals.closeEmptied(now());
    const proposed = removals.countProposed();
    if (proposed === 0) return 'settled';
    if (!isWhole(proposed)) return 'waiting';
    return state.transaction(() => {
      const removedInWindow = ledger.countRemovedSince(now() - hourMs);
      const enabledAccounts = ledger.countEnabled();
      const limit = removalLimit(options.limit, enabledAccounts + removedInWindow);
      const young = youngHold();
      if (young) {
        const { id, people } = removals.joinHold(young.id);
        log.warn('Further removals join the hold made a moment ago', { hold: id, people });
        return 'settled';
      }
      if (judgeRemovals({ limit, removedInWindow, proposed }) === 'pass') {
        removals.approveProposed();
        return 'more';
      }
      if (options.reading().long) return 'waiting';
      const made = removals.holdProposed({ limit, removedInWindow, enabledAccounts, cause: 'guard' }, now());
      log.error('Removals are held: more than the limit would go within one hour', {
        hold: made.id,
        people: made.people,
        limit,
        removedInWindow,
        advice: `Look with "gespage-sync holds", then "gespage-sync hold ${made.id} approve" or "discard".`,
      });
      return 'settled';
    });
  }

  /**
   * A hold that grows later is superseded, so that an operator approves precisely who was shown. Within the first
   * minute it takes in more instead: a plan that arrives in pieces is to be one hold, and not dozens.
   */
  function youngHold() {
    const open = removals.open();
    const age = open === undefined ? Infinity : now() - open.createdAt;
    return age >= 0 && age < growthMs ? open : undefined;
  }

  return { judge };
}
