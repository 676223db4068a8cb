// Owns the trigger: when the targets have changed and all is quiet, Gespage's side is told, until it has understood.
import type { CallTrigger } from '../gespage/trigger.ts';
import type { Log } from '../ops/log.ts';
import type { StateRooms } from '../state/rooms.ts';
import type { Delivery } from './deliver.ts';
import { readTriggerRecord, type TriggerRecord, writeTriggerRecord } from './trigger-record.ts';

export interface TriggerOptions {
  readonly rooms: StateRooms;
  readonly deliveries: readonly Delivery[];
  /** Whether everything was read, and nobody is left to settle. */
  readonly isSettled: () => boolean;
  readonly call: CallTrigger;
  readonly now: () => number;
  readonly log: Log;
}

export interface Trigger {
  /** Calls when it is due; returns how long it may rest. */
  step(signal: AbortSignal): Promise<number | 'idle'>;
  /** Takes note of a call that failed; returns how long to wait, in ms. */
  failed(error: unknown, attempt: number): number;
}

/** So long nothing may have changed before the call. */
export const quietMs = 5_000;
/** So long a change waits at most while others go on arriving. */
export const longestWaitMs = 60_000;

export function createTrigger(options: TriggerOptions): Trigger {
  const { rooms, deliveries, now, log } = options;
  const { meta, ledger, targets } = rooms;
  let waiting: { readonly since: number; last: number; what: string } | undefined;

  const write = (changes: Partial<TriggerRecord>): void => writeTriggerRecord(rooms, changes);

  /**
   * What the targets hold, in a text that differs whenever Gespage could read something new; undefined while a target
   * that works still lacks something. One that does not work holds up nobody.
   */
  function look(): { what: string; current: string[] } | undefined {
    if (!options.isSettled()) return undefined;
    const rows = new Map(targets.list().map((row) => [row.name, row]));
    const current = deliveries.filter((delivery) => delivery.isCurrent()).map(({ target }) => target.name);
    const isBusy = deliveries.some(
      ({ target }) =>
        !current.includes(target.name) && (rows.get(target.name)?.failingSince ?? null) === null,
    );
    if (isBusy || current.length === 0) return undefined;
    const what = current.map((one) => {
      const row = rows.get(one);
      const repaired = row && row.repaired > 0 ? `+${row.comparedAt}` : '';
      return `${one}:${row?.revision ?? 0}${repaired}`;
    });
    return { what: [meta.ledgerId, ...what].join(' '), current };
  }

  return {
    async step(signal) {
      const found = look();
      if (found === undefined) return quietMs;
      if (found.what === readTriggerRecord(rooms)?.told) {
        waiting = undefined;
        return 'idle';
      }
      const at = now();
      // The clock was set back, or this is the first that is seen of the change.
      if (waiting === undefined || at < waiting.last) waiting = { since: at, last: at, what: found.what };
      if (waiting.what !== found.what) waiting = { ...waiting, last: at, what: found.what };
      const due = Math.min(waiting.last + quietMs, waiting.since + longestWaitMs);
      if (at < due) return due - at;
      const revision = ledger.revision();
      const answer = await options.call(
        {
          product: 'gespage-graph-sync',
          revision,
          at: new Date(at).toISOString(),
          accounts: ledger.countPresent(),
          enabledAccounts: ledger.countEnabled(),
          targets: found.current,
        },
        signal,
      );
      waiting = undefined;
      write({ told: found.what, calledAt: now(), status: answer.status, failingSince: null, error: null });
      log.info('The trigger was called', { revision, status: answer.status, answer: answer.text });
      return 'idle';
    },
    failed(error, attempt) {
      const wait = Math.min(600_000, quietMs * 2 ** Math.min(attempt - 1, 10));
      const message = error instanceof Error ? error.message : String(error);
      write({ failingSince: readTriggerRecord(rooms)?.failingSince ?? now(), error: message });
      log.warn('The trigger could not be called, and is tried again', { attempt, retryInMs: wait, error });
      return wait;
    },
  };
}
