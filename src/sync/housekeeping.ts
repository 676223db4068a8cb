// Owns what happens by the calendar: forgetting what grew old, the safety full resync.
import { createRetention } from '../state/retention.ts';
import type { StateRooms } from '../state/rooms.ts';

export interface HousekeepingOptions {
  readonly rooms: StateRooms;
  /** Names of the targets that are configured. */
  readonly targets: readonly string[];
  readonly fullResyncMs: number;
  readonly now: () => number;
}

const hourMs = 3_600_000;
/** Who asks for the safety full resync. */
export const schedule = 'schedule';

/** Makes the job that is called often and does something seldom, never for long. */
export function keepHouse(options: HousekeepingOptions): () => void {
  const forget = forgetByAndBy(options);
  return () => {
    askForResync(options);
    forget();
  };
}

function askForResync({ rooms, fullResyncMs, now }: HousekeepingOptions): void {
  const readAt = (['users', 'groups'] as const).map((name) => rooms.streams.get(name).fullCompletedAt);
  const oldest = readAt.includes(null) ? undefined : Math.min(...(readAt as number[]));
  if (oldest === undefined || now() - oldest < periodOf(rooms, fullResyncMs)) return;
  if (rooms.runs.next() !== undefined) return;
  // One that failed is not asked for again at once.
  const sinceAsked = now() - (rooms.runs.lastResyncBy(schedule) ?? -Infinity);
  if (sinceAsked >= 0 && sinceAsked < hourMs) return;
  rooms.runs.request({ kind: 'resync', requestedBy: schedule }, now());
}

/** Up to an eighth shorter, by the ledger's own random id: installations that began together part company. */
function periodOf({ meta }: StateRooms, fullResyncMs: number): number {
  const share = Number.parseInt(meta.ledgerId.slice(0, 8), 16) / 2 ** 32;
  return fullResyncMs * (1 - share / 8);
}

/** One bite at each call, until a pass is over; then nothing for an hour, over restarts too. */
function forgetByAndBy({ rooms, targets, now }: HousekeepingOptions): () => void {
  const { meta, state, directory } = rooms;
  const retention = createRetention({ state, meta, targets, beginRead: () => directory.beginRead() });
  let pass: Iterator<void> | undefined;
  let endedAt = meta.counter('house-kept-at');
  return () => {
    if (pass === undefined && now() - endedAt < hourMs && endedAt <= now()) return;
    pass ??= retention.pass(now());
    try {
      if (pass.next().done !== true) return;
      meta.setCounter('house-kept-at', now());
    } catch (error) {
      endPass();
      throw error;
    }
    endPass();
  };

  /** After an error too: whatever is wrong must not keep the rest of the tick from its work. */
  function endPass(): void {
    pass = undefined;
    endedAt = now();
  }
}
