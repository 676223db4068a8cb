// Owns the durable append: requests that arrive together share one commit, and none is answered before it.
import type { Inbox, InboxItem } from '../state/inbox.ts';

export interface Store {
  /** Resolves once the items are on disk; rejects when they could not be stored. */
  put(items: readonly InboxItem[]): Promise<void>;
}

export interface StoreOptions {
  readonly inbox: Pick<Inbox, 'append'>;
  readonly now: () => number;
  /** Called after each commit. */
  readonly onStored: () => void;
}

/** More items than this waiting for one commit: better a fast 503, which Graph repeats, than a slow answer. */
const mostWaiting = 200_000;

export function createStore({ inbox, now, onStored }: StoreOptions): Store {
  let waiting: { items: readonly InboxItem[]; resolve: () => void; reject: (error: unknown) => void }[] = [];
  let waitingItems = 0;

  function commit(): void {
    const batch = waiting;
    waiting = [];
    waitingItems = 0;
    try {
      inbox.append(batch.length === 1 ? (batch[0]?.items ?? []) : batch.flatMap((one) => one.items), now());
    } catch (error) {
      for (const one of batch) one.reject(error);
      return;
    }
    for (const one of batch) one.resolve();
    onStored();
  }

  return {
    put(items) {
      if (waitingItems + items.length > mostWaiting) {
        return Promise.reject(new Error('too many notifications wait to be stored'));
      }
      return new Promise((resolve, reject) => {
        // All requests that the event loop reads in this turn are parsed before the commit runs.
        if (waiting.length === 0) setImmediate(commit);
        waiting.push({ items, resolve, reject });
        waitingItems += items.length;
      });
    },
  };
}
