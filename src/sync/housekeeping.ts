// Owns what happens by the calendar: forgetting old notifications, the safety full resync.
import type { StateRooms } from '../state/rooms.ts';

export interface HousekeepingOptions {
  readonly rooms: StateRooms;
  readonly fullResyncMs: number;
  readonly now: () => number;
}

const hourMs = 3_600_000;
const schedule = 'schedule';
const keepNotificationsMs = 30 * 24 * hourMs;

/** Makes the job that is called often and does something seldom. */
export function keepHouse({ rooms, fullResyncMs, now }: HousekeepingOptions): () => void {
  let prunedAt = now();
  return () => {
    if (now() - prunedAt >= hourMs || prunedAt > now()) {
      prunedAt = now();
      rooms.inbox.prune(now(), keepNotificationsMs);
    }
    const readAt = (['users', 'groups'] as const).map((name) => rooms.streams.get(name).fullCompletedAt);
    const oldest = readAt.includes(null) ? undefined : Math.min(...(readAt as number[]));
    if (oldest === undefined || now() - oldest < fullResyncMs || rooms.runs.next() !== undefined) return;
    // One that failed is not asked for again at once.
    const sinceAsked = now() - (rooms.runs.lastResyncBy(schedule) ?? -Infinity);
    if (sinceAsked >= 0 && sinceAsked < hourMs) return;
    rooms.runs.request({ kind: 'resync', requestedBy: schedule }, now());
  };
}
