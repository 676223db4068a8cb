// Owns delivery: each target catches up with the ledger by itself, from the revision that it holds.
import type { Target } from '../gespage/target.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { LedgerRow } from '../state/ledger.ts';
import type { StateRooms } from '../state/rooms.ts';
import { adoptionCause, createComparison } from './compare.ts';
import { backoff } from './rounds.ts';

export interface DeliveryOptions {
  readonly rooms: StateRooms;
  readonly target: Target;
  /** Asks for a full round of users. */
  readonly askFullRound: () => void;
  /** Whether everything was read, and nobody is left to settle: only then is the ledger more than a part. */
  readonly isSettled: () => boolean;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Delivery {
  readonly target: Target;
  /** Lets readers in where the target itself answers them, from now on and again after each failure. Never rejects. */
  serve(): Promise<void>;
  /** Writes the next batch; returns whether there may be more, or after how many ms. */
  step(): Promise<'again' | 'idle' | number>;
  /** Whether the target holds everything that the ledger has, and shows it. */
  isCurrent(): boolean;
  /** Whether each row was compared with the ledger since the full rounds of this read number. */
  isCompared(read: number): boolean;
  /**
   * Before anything is read: a ledger that never held anything learns whom the target holds already, so that a lost
   * state database costs nobody the account or the login, and whoever has left meanwhile passes the guard.
   */
  adoptRows(signal: AbortSignal): Promise<void>;
  failed(error: unknown, attempt: number): number;
  /** Forgets where the target stands, since it could not be noted: the target is asked again. */
  forget(): void;
}

/** Small enough that its way to another thread costs little memory. */
const batchSize = 1_000;
const adoptedAtOnce = 500;

export function createDelivery(options: DeliveryOptions): Delivery {
  const { rooms, target, now, log, metrics } = options;
  const { ledger, meta, people, targets, state, adoption } = rooms;
  let held: number | undefined;
  /** Whether the state database says so too. */
  let isNoted = false;
  /** Whether the target was told that it is current. */
  let isTold = false;
  const serving = { isWanted: false, isOn: false };
  /** Whether what was applied is seen by now, in a target that has to be asked for that. */
  let isShown = target.publish === undefined;
  /** When the changes that are not seen yet were notified, in ms. */
  let unseen: number[] = [];
  /** Whether the target was never written, and not by a batch since. */
  let mayFill = false;
  /** The ledger is on disk up to this revision. */
  let flushed = -1;

  const comparison = createComparison({ ...options, note, onFinished: () => (isTold = false) });

  async function step(): Promise<'again' | 'idle' | number> {
    await letReadersIn();
    // What the first full round of users has written so far is not decided yet.
    if (rooms.firstUsers.makesAccounts()) return 'idle';
    held ??= await takeUp();
    if (mayFill && options.isSettled() && (await fill())) return 'again';
    const changes = ledger.changesSince(held, batchSize);
    if (changes.to === held) {
      if (!isNoted) targets.applied(target.name, held, now());
      isNoted = true;
      if (!isTold && options.isSettled()) return tellCurrent(held);
      const rest = await show();
      return rest ?? comparison.step(held);
    }
    const present = changes.accounts.filter((row) => row.present);
    const absent = changes.accounts.filter((row) => !row.present);
    mayFill = false;
    flushUpTo(changes.to);
    const isCurrent = changes.to === ledger.revision() && options.isSettled();
    const applied = await target.apply({
      to: { ledgerId: meta.ledgerId, revision: changes.to },
      at: new Date(now()),
      groups: changes.groups.filter((group) => group.present),
      removedGroups: changes.groups.filter((group) => !group.present).map((group) => group.externalId),
      accounts: present,
      removedAccounts: absent.map((row) => row.externalId),
      isCurrent,
    });
    isNoted = false;
    isTold = isCurrent;
    isShown = target.publish === undefined;
    held = changes.to;
    note(changes.accounts, applied.refused, held);
    metrics.countTargetWrites(target.name, 'upsert', applied.upserted);
    metrics.countTargetWrites(target.name, 'remove', applied.removed);
    return 'again';
  }

  async function letReadersIn(): Promise<void> {
    if (!serving.isWanted || serving.isOn) return;
    await target.serve?.();
    serving.isOn = true;
  }

  /** A target that showed nothing yet, or was away, learns that it lacks nothing. */
  async function tellCurrent(revision: number): Promise<'again'> {
    const nothing = { groups: [], removedGroups: [], accounts: [], removedAccounts: [] };
    const to = { ledgerId: meta.ledgerId, revision };
    await target.apply({ to, at: new Date(now()), ...nothing, isCurrent: true });
    isTold = true;
    isShown = target.publish === undefined;
    return 'again';
  }

  /** Makes seen what was applied; returns after how many ms there is more to do. */
  async function show(): Promise<number | undefined> {
    if (isShown) return undefined;
    const rest = await target.publish?.();
    isShown = rest === undefined;
    if (isShown) {
      for (const at of unseen) metrics.observePropagation(target.name, (now() - at) / 1000);
      unseen = [];
    }
    return rest;
  }

  /** Where the target stands; from the beginning when it counts in another ledger, or in a future of ours. */
  async function takeUp(): Promise<number> {
    await target.open();
    const position = await target.position();
    if (position?.ledgerId === meta.ledgerId && position.revision <= ledger.revision()) {
      // Whom the target refused is known only from its answer: where that was not noted, it is asked once more.
      const noted = targets.list().find(({ name }) => name === target.name)?.revision ?? 0;
      return Math.min(position.revision, noted);
    }
    mayFill = position === undefined && target.fill !== undefined;
    if (!position) comparison.skip();
    else {
      comparison.restart();
      log.warn('The target follows another state database: everything is written to it again', {
        target: target.name,
      });
    }
    return 0;
  }

  /** Once, before anything is written: a target that can read the ledger's file takes all of it at once. */
  async function fill(): Promise<boolean> {
    mayFill = false;
    flushUpTo(ledger.revision());
    const at = now();
    const filled = await target.fill?.(ledger.source(state.path, meta.ledgerId), new Date(at));
    if (!filled) return false;
    held = filled.position.revision;
    isShown = target.publish === undefined;
    note([], [], held);
    metrics.countTargetWrites(target.name, 'upsert', filled.accounts);
    return true;
  }

  /** A target must never be ahead of what the ledger would remember after a power cut. */
  function flushUpTo(revision: number): void {
    if (revision <= flushed) return;
    const reached = ledger.revision();
    meta.flush();
    flushed = reached;
  }

  async function adoptRows(signal: AbortSignal): Promise<void> {
    await target.open();
    const position = await target.position();
    if (position === undefined || signal.aborted) return;
    const found = { accounts: 0, groups: 0 };
    adoption.begin();
    for (let after: string | undefined = ''; after !== undefined;) {
      const page = await target.holdings(after, adoptedAtOnce);
      if (signal.aborted) return;
      const { accounts, groups } = adoption.adopt(page, adoptionCause, now());
      found.accounts += accounts;
      found.groups += groups;
      after = page.last;
    }
    adoption.end();
    log.warn('The state database is new, the target is not: its rows are taken in as they stand', {
      target: target.name,
      ...found,
      advice: 'People who have left meanwhile are found by the first full round, and pass the guard.',
    });
  }

  function note(
    rows: readonly LedgerRow[],
    refused: readonly { externalId: string; reason: string }[],
    revision: number,
  ): void {
    const at = now();
    const rowOf = new Map(refused.length === 0 ? [] : rows.map((row) => [row.externalId, row]));
    state.transaction(() => {
      targets.applied(target.name, revision, at);
      if (targets.hasRefusals(target.name))
        targets.accepted(
          target.name,
          rows.map((row) => row.key),
        );
      for (const { externalId, reason } of refused) {
        const row = rowOf.get(externalId);
        // A target may also name somebody who was written before.
        const key = row?.key ?? people.keyOf(externalId);
        if (key !== undefined) targets.refused(target.name, key, reason, at);
        log.warn('The target cannot take this person; the others are written', {
          target: target.name,
          person: externalId,
          login: row?.login,
          reason,
        });
      }
    });
    isNoted = true;
    const pinged = rows.map((row) => row.pingedAt).filter((since) => since !== null);
    if (target.publish) unseen.push(...pinged);
    else for (const since of pinged) metrics.observePropagation(target.name, (at - since) / 1000);
  }

  function forget(): void {
    held = undefined;
    isNoted = false;
    isTold = false;
    serving.isOn = false;
    isShown = target.publish === undefined;
  }

  return {
    target,
    async serve() {
      serving.isWanted = true;
      try {
        await letReadersIn();
      } catch (error) {
        targets.failed(target.name, error instanceof Error ? error.message : String(error), now());
        log.warn('A target cannot be read yet; this is tried again', { target: target.name, error });
      }
    },
    step,
    adoptRows,
    isCompared: (read) => comparison.isDone(read),
    isCurrent: () => held !== undefined && held === ledger.revision() && isShown,
    forget,
    failed(error, attempt) {
      forget();
      targets.failed(target.name, error instanceof Error ? error.message : String(error), now());
      const wait = backoff(attempt);
      log.warn('A target cannot be written; it catches up by itself when it is back', {
        target: target.name,
        attempt,
        retryInMs: wait,
        error,
      });
      return wait;
    },
  };
}
