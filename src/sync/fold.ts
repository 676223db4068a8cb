// Owns the folding of the inbox: what came in becomes pings, rounds that are due, and work on subscriptions.
import type { Log } from '../ops/log.ts';
import type { StateRooms } from '../state/rooms.ts';

/** Makes the job: all of what came in, or nothing; returns the names of the loops that have something to do now. */
export function createFold({
  rooms,
  now,
  log,
}: {
  readonly rooms: StateRooms;
  readonly now: () => number;
  readonly log: Log;
}): () => ReadonlySet<string> {
  const { state, inbox, subscriptions, streams } = rooms;
  return () => {
    const woken = new Set<string>(['users', 'groups', 'refresh']);
    state.transaction(() => {
      for (const signal of inbox.fold(now())) {
        const row = signal.subscriptionId === null ? undefined : subscriptions.get(signal.subscriptionId);
        const stream = signal.resource ?? row?.resource;
        if (signal.kind === 'lifecycle') {
          log.info('Graph sent a lifecycle notification', { event: signal.event, resource: stream });
          if (row && signal.event === 'reauthorizationRequired') {
            subscriptions.touch(row.id, { challengedAt: now() });
          } else if (row && signal.event === 'subscriptionRemoved') {
            subscriptions.touch(row.id, { lostAt: now() });
          }
          woken.add('renew');
        }
        // Signals that concern a whole stream ask for a round of it.
        if (stream) streams.due(stream, now());
      }
    });
    return woken;
  };
}
