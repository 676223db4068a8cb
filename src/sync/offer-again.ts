// Owns the durable wish that whom a target refused is offered to it once more: after an adoption, by another process.
import type { StateRooms } from '../state/rooms.ts';

/** How long an adoption may take before the wish counts although nobody said that it has ended. */
const longestAdoptionMs = 600_000;

/** To be called before rows change hands, so that a kill right afterwards is not forgotten. */
export function offerAgainLater({ meta }: StateRooms, now: number): void {
  meta.setCounter('offer-again-at', now + longestAdoptionMs);
  meta.flush();
}

/** To be called once rows have changed hands. */
export function offerAgainNow({ meta }: StateRooms, now: number): void {
  meta.setCounter('offer-again-at', now);
  meta.flush();
}

/** Whether an adoption is still to be told to the targets. */
export function isOfferWanted({ meta }: StateRooms): boolean {
  return meta.counter('offer-again-at') > 0;
}

/** Gives the people whom a target refused a new revision, where that was wished for. Only the ledger's one writer may. */
export function offerAgainWhenDue({ meta, state, ledger }: StateRooms, now: number): boolean {
  const at = meta.counter('offer-again-at');
  if (at === 0 || (at > now && at - now <= longestAdoptionMs)) return false;
  state.transaction(() => {
    ledger.offerRefusedAgain();
    meta.setCounter('offer-again-at', 0);
  });
  return true;
}
