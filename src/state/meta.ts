// Owns the single values of the state database: identities, counters, and times that must survive a restart.
import { randomUUID } from 'node:crypto';
import type { State } from './database.ts';

export type CounterName =
  | 'read' // last number given to a read of Graph
  | 'inbox-cursor' // last notification folded into pings
  | 'pause-until' // Graph asked to be left alone until then (ms)
  | 'pause-ms' // and for so long
  | 'reach-dirty' // 1: groups changed so that nesting must be worked out anew
  | 'last-notification-at'
  | 'first-users' // 1: the first full round of users is under way; 2: it makes their accounts as well
  | 'audit-examined' // last entry of the audit that was looked at for what it makes superfluous
  | 'offer-again-at' // from when on (ms) whom a target refused is offered to it once more; 0: not asked for
  | 'house-kept-at'; // when the last pass of forgetting ended (ms)

export interface Meta {
  counter(name: CounterName): number;
  setCounter(name: CounterName, value: number): void;
  text(name: string): string | undefined;
  setText(name: string, value: string): void;
  /** Puts everything written so far safely on disk. */
  flush(): void;
  /** Names this ledger: revisions of another ledger cannot be compared with ours. */
  readonly ledgerId: string;
}

export function createMeta(state: State): Meta {
  const read = state.sql('SELECT value FROM meta WHERE key = ?').pluck();
  const write = state.sql(
    'INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value',
  );
  const text = (name: string): string | undefined => read.get(name) as string | undefined;
  const setText = (name: string, value: string): void => void write.run(name, value);
  // SQLite leaves a page alone that would not differ, and then nothing reaches the disk: no value is written twice.
  let flushes = Number(text('flushed') ?? 0);
  if (text('ledger-id') === undefined) {
    state.transaction(() => {
      if (text('ledger-id') === undefined) setText('ledger-id', randomUUID());
    });
  }
  return {
    counter: (name) => Number(text(name) ?? 0),
    setCounter: (name, value) => setText(name, String(value)),
    text,
    setText,
    // A transaction that writes nothing does not reach the disk.
    flush: () => state.durably(() => setText('flushed', String((flushes += 1)))),
    ledgerId: text('ledger-id') ?? '',
  };
}
