// Owns delta rounds: one stream, one reader; a page and its next link are saved in one transaction.
import { GraphFailure } from '../graph/errors.ts';
import type { DeltaObject, DeltaPage } from '../graph/delta.ts';
import { isUnreadable } from '../graph/unreadable.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { Cause } from '../state/directory.ts';
import type { FirstRows } from '../state/first-users.ts';
import type { Ping, StreamName } from '../state/inbox.ts';
import { mergeProperties } from '../state/merge.ts';
import type { StateRooms } from '../state/rooms.ts';
import type { StreamRow } from '../state/streams.ts';
import type { FirstSettling } from './first-settling.ts';
import { createMutex } from './mutex.ts';

/** Reads one round of a stream from `link`, or from its beginning. */
export type ReadRound = (
  stream: StreamName,
  options: {
    link?: string;
    full: boolean;
    /** Nobody waits for it. */
    background: boolean;
    beginRead: () => number;
    signal: AbortSignal;
  },
) => AsyncIterable<DeltaPage>;

export interface RoundsOptions {
  readonly rooms: StateRooms;
  readonly read: ReadRound;
  /** What full rounds are done for at the moment: the text of the audit. */
  readonly fullCause: () => string;
  /** Whether an account can depend on groups: where none is named, people are settled before groups are read. */
  readonly needsGroups: boolean;
  readonly firstSettling: FirstSettling;
  /** Whether an operator has asked for the present full round, knowing of the loss that was refused at this time. */
  readonly isLossAccepted: (refusedAt: number) => boolean;
  /** Time from the end of one round to the next when nobody asks, in ms. */
  readonly periodMs: () => number;
  /** Called after each page that changed the mirror. */
  readonly onChange: () => void;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Rounds {
  /** Does what is due on a stream; returns how long it may rest, in ms. */
  step(stream: StreamName, signal: AbortSignal): Promise<number>;
  /** Asks for a full round that begins after this call. */
  wantFull(stream: StreamName, read: number): void;
  /** Whether a full round that began at `read` or later is complete and swept. */
  hasRead(stream: StreamName, read: number): boolean;
  /** Whether all that a decision needs was read completely under the present selection: before, nobody is decided. */
  isReady(): boolean;
  /** Whether both streams were read completely. */
  isComplete(): boolean;
  isBusy(stream: StreamName): boolean;
  /** Runs `work` while no round of either stream is under way. */
  whileQuiet<T>(work: () => Promise<T>): Promise<T>;
  /** Records a failed step; returns how long to wait, in ms. */
  failed(stream: StreamName, error: unknown): number;
}

const kindOf = { users: 'user', groups: 'group' } as const;
const mostPings = 20_000;
const markedAtOnce = 20_000;
/** After so many pages of a first round there is help with the writing. */
const longRound = 20;
/** What a full round may lack of all memberships and still be believed: a share, and a number in a small tenant. */
const believedLoss = { share: 0.9, number: 20 };
/** Up to this many users are read by name after a ping; more are answered by one round. */
export const fewUsers = 100;
/** A link that Graph refuses this often for no stated reason is given up. */
const mostRefusals = 3;
/** A full round for the sake of entries that could not be read comes this long after the last one. */
const unreadableRestMs = 86_400_000;
/** Links that would never lead to an end. */
const deadLinks: ReadonlySet<string> = new Set(['link-loop', 'foreign-link']);

export function createRounds(options: RoundsOptions): Rounds {
  const { rooms, now, log, metrics } = options;
  const { directory, firstUsers, groupLosses, people, streams, inbox, state } = rooms;
  const restarts = { users: 0, groups: 0 };
  const turns = { users: createMutex(), groups: createMutex() };

  const isRead = (name: StreamName): boolean => streams.get(name).fullRead !== null;

  async function step(name: StreamName, signal: AbortSignal): Promise<number> {
    return turns[name].run(async () => {
      if (streams.get(name).sweepRead !== null) await sweep(name, signal);
      const row = streams.get(name);
      if (signal.aborted) return 0;
      // The first round of groups finds its members already there.
      if (name === 'groups' && streams.get('users').fullRead === null) return 1_000;
      if (row.round === null && !isDue(row)) return Math.max(0, nextDue(row) - now());
      await runRound(name, row.round === null ? begin(row) : row, signal);
      return Math.max(0, nextDue(streams.get(name)) - now());
    });
  }

  const isFullDue = (row: StreamRow): boolean =>
    row.deltaLink === null || row.fullWanted > (row.fullRead ?? 0);
  const isDue = (row: StreamRow): boolean => isFullDue(row) || nextDue(row) <= now();

  /** Group pings are answered by rounds; user pings are read by name unless they are many. */
  function nextDue(row: StreamRow): number {
    if (isFullDue(row)) return row.attempt === 0 ? now() : row.dueAt;
    const ping = row.name === 'groups' ? inbox.nextDue('groups') : undefined;
    return ping === undefined ? row.dueAt : Math.min(row.dueAt, ping);
  }

  /** Whether the mirror holds nothing else of this kind: the end of the round then has more to do than to sweep. */
  const isFirst = (name: StreamName, row: StreamRow): boolean =>
    name === 'users' ? firstUsers.isAppending() : isBaseline(row);

  function begin(row: StreamRow): StreamRow {
    const full = isFullDue(row);
    if (isBaseline(row)) {
      if (row.name === 'users') firstUsers.begin(!options.needsGroups);
      else directory.beginBulk();
    }
    streams.set(row.name, {
      round: full ? 'full' : 'incremental',
      nextLink: full ? null : row.deltaLink,
      roundRead: directory.beginRead(),
      roundStartedAt: now(),
      roundPages: 0,
      roundObjects: 0,
      roundInvalid: 0,
      dueAt: now() + options.periodMs(),
    });
    if (full) log.info('A full round of a delta stream begins', { stream: row.name });
    return streams.get(row.name);
  }

  /** Reads a round to its end, and sweeps where it was a full one. */
  async function runRound(name: StreamName, row: StreamRow, signal: AbortSignal): Promise<void> {
    const full = row.round === 'full';
    const pings = new Map(inbox.duePings(name, now(), mostPings).map((ping) => [ping.objectId, ping]));
    const shown = new Set<string>();
    let pagesRead = 0;
    let endHelp: (() => Promise<void>) | undefined;
    const cause: Cause = {
      text: full ? options.fullCause() : 'delta round',
      pingedAt: (id) => (full ? null : (inbox.firstAt(name, id) ?? null)),
    };
    const pages = options.read(name, {
      ...(row.nextLink !== null && { link: row.nextLink }),
      full,
      background: full || pings.size === 0,
      beginRead: () => directory.beginRead(),
      signal,
    });
    try {
      for await (const page of pages) {
        // A full round proves nothing of the delta link that it ends with: only its use does.
        if (page.deltaLink !== undefined && !full) restarts[name] = 0;
        const changed = applyPage(name, page, cause, full);
        for (const object of page.objects) if (pings.has(object.id)) shown.add(object.id);
        if (changed.size > 0) options.onChange();
        if (page.deltaLink !== undefined) answerPings(name, pings, shown);
        if (signal.aborted) break;
        pagesRead += 1;
        if (pagesRead === longRound && isFirst(name, row)) endHelp = startHelp();
        await breathe();
      }
      if (streams.get(name).sweepRead !== null) await sweep(name, signal);
    } finally {
      await endHelp?.();
    }
  }

  /** Help with the writing of a long first round; returns its end, where there is any. */
  function startHelp(): (() => Promise<void>) | undefined {
    // Whoever opens a file that was put in the other's place would join the two.
    state.examine();
    if (state.trouble()) return undefined;
    try {
      return rooms.startCheckpoints();
    } catch (error) {
      log.warn('A thread could not be started; the first reading takes a little longer without it', {
        error,
      });
      return undefined;
    }
  }

  function applyPage(name: StreamName, page: DeltaPage, cause: Cause, full: boolean): Set<string> {
    if (page.invalid > 0) {
      log.error('Graph sent entries that cannot be read; nobody is removed on the strength of this round', {
        stream: name,
        entries: page.invalid,
      });
    }
    // The delta link is refused each time: the next round waits, and the status goes on saying why.
    const isStuck = restarts[name] > 1;
    return state.transaction(() => {
      const row = streams.get(name);
      if (name === 'users')
        inbox.told(
          page.objects.map(({ id }) => id),
          now(),
        );
      let changed = new Set<string>();
      if (name === 'users' && firstUsers.makesAccounts()) options.firstSettling.add(page);
      else if (name === 'users' && firstUsers.isAppending())
        firstUsers.append(asRows(page.objects), page.read);
      else {
        // A delta link moves on: what an earlier-begun page told of an object that was read since is asked again.
        const outdated: string[] = [];
        changed = directory.apply(
          kindOf[name],
          { read: page.read, objects: page.objects.map(readable) },
          cause,
          (id) => outdated.push(id),
        );
        inbox.lookAt(name, outdated, now());
      }
      const roundPages = row.roundPages + 1;
      const roundObjects = row.roundObjects + page.objects.length;
      const roundInvalid = row.roundInvalid + page.invalid;
      if (page.deltaLink === undefined) {
        streams.set(name, {
          nextLink: page.nextLink ?? null,
          roundPages,
          roundObjects,
          roundInvalid,
          error: isStuck ? row.error : null,
          attempt: 0,
        });
        return changed;
      }
      streams.set(name, {
        deltaLink: page.deltaLink,
        round: null,
        nextLink: null,
        roundPages,
        roundObjects,
        completedAt: now(),
        attempt: 0,
        error: isStuck ? row.error : null,
        // A change may hide in what could not be read.
        ...(!full &&
          roundInvalid > 0 &&
          now() - (row.fullCompletedAt ?? 0) >= unreadableRestMs && { fullWanted: page.read }),
        // What changed during a long full round is read at once.
        ...(full && {
          fullObjects: roundObjects,
          dueAt: now() + (isStuck ? backoff(restarts[name]) : 0),
        }),
        ...(full &&
          (roundInvalid > 0 && !isFirst(name, row)
            ? { fullRead: row.roundRead, fullCompletedAt: now() }
            : { sweepRead: row.roundRead })),
      });
      return changed;
    });
  }

  function answerPings(name: StreamName, pings: ReadonlyMap<string, Ping>, shown: ReadonlySet<string>): void {
    state.transaction(() => {
      for (const ping of pings.values()) {
        // Few users who did not appear are still read by name.
        if (name === 'users' && pings.size <= fewUsers && !shown.has(ping.objectId)) continue;
        inbox.advance(name, ping, shown.has(ping.objectId) ? 'shown' : 'nothing-new', now());
      }
    });
  }

  /** Only a round that reached its delta link gets here. */
  async function sweep(name: StreamName, signal: AbortSignal): Promise<void> {
    const row = streams.get(name);
    if (row.sweepRead === null) return;
    const cause: Cause = { text: options.fullCause(), pingedAt: () => null };
    const isAppending = name === 'users' && firstUsers.isAppending();
    if (name === 'groups' && isBaseline(row)) directory.endBulk();
    const { sweepRead } = row;
    if (name === 'groups' && !isBaseline(row) && !(await isCredible(sweepRead, signal))) {
      if (!signal.aborted)
        streams.set(name, { sweepRead: null, fullRead: sweepRead, fullCompletedAt: now() });
      return options.onChange();
    }
    if (isAppending) firstUsers.makeIndex();
    if (isAppending && firstUsers.makesAccounts()) {
      while (!signal.aborted && options.firstSettling.finish(cause.text)) await breathe();
    } else if (name === 'users' || !isBaseline(row) || directory.hasStaleGroups(sweepRead)) {
      // Where the mirror was empty before, nothing is left over, but everybody is new.
      const work = isAppending
        ? (key: number) => people.markRange(key, markedAtOnce, cause.text)
        : (key: number) => directory.sweep(kindOf[name], sweepRead, key, cause);
      for (let key: number | undefined = 0; key !== undefined && !signal.aborted;) {
        key = work(key);
        await breathe();
      }
    }
    if (signal.aborted) return;
    state.transaction(() => {
      if (isAppending) firstUsers.end();
      streams.set(name, { sweepRead: null, fullRead: row.sweepRead, fullCompletedAt: now() });
    });
    log.info('A full round is complete', { stream: name, objects: row.fullObjects, pages: row.roundPages });
    if (name === 'groups') warnOfHidden();
    options.onChange();
  }

  /**
   * A full round that ends well and lacks much of what is known is not believed at once: rights hang on groups, and no
   * hold stands between them and Gespage. What is lost is taken away when an operator asks for a resync after that.
   */
  async function isCredible(sweepRead: number, signal: AbortSignal): Promise<boolean> {
    let [unseen, known] = [0, 0];
    for (let key: number | undefined = 0; key !== undefined && !signal.aborted;) {
      const part = groupLosses.count(sweepRead, key);
      unseen += part?.unseen ?? 0;
      known += part?.known ?? 0;
      key = part?.last;
      await breathe();
    }
    if (signal.aborted) return false;
    const refused = groupLosses.refused();
    if (unseen <= Math.max(believedLoss.number, known * believedLoss.share)) {
      if (refused) groupLosses.forget();
      return true;
    }
    if (refused && options.isLossAccepted(refused.at)) {
      groupLosses.forget();
      return true;
    }
    groupLosses.refuse({ at: now(), unseen, known });
    log.error('A full round of groups lacks many memberships; they are kept', {
      unseen,
      known,
      advice: 'If they are really gone, ask for a resync ("gespage-sync resync"): it takes them away.',
    });
    return false;
  }

  function warnOfHidden(): void {
    const hidden = directory.hiddenGroups();
    if (hidden.length === 0) return;
    log.warn('Groups hide their members from this application, so they look empty', {
      groups: hidden.slice(0, 20),
      count: hidden.length,
      advice: 'Grant the application permission Member.Read.Hidden if these groups matter to Gespage.',
    });
  }

  function failed(name: StreamName, error: unknown): number {
    const row = streams.get(name);
    // A page that came in between does not make a stream healthy that has to begin anew again and again.
    const attempt = Math.max(row.attempt, restarts[name]) + 1;
    const failure = error instanceof GraphFailure ? error : undefined;
    const message = error instanceof Error ? error.message : String(error);
    const isDead = failure?.kind === 'gone' || deadLinks.has(failure?.code ?? '');
    const isRefused =
      row.nextLink !== null &&
      (failure?.kind === 'permanent' || failure?.kind === 'not-found') &&
      attempt >= mostRefusals;
    if (isDead || isRefused) {
      restarts[name] += 1;
      metrics.countDeltaReset(name);
      log.warn('The delta token is no longer valid: the stream is read from its beginning', {
        stream: name,
        code: failure?.code,
        status: failure?.status,
      });
      const wait = restarts[name] > 1 ? backoff(restarts[name]) : 0;
      streams.set(name, {
        deltaLink: null,
        round: null,
        nextLink: null,
        attempt,
        error: message,
        dueAt: now() + wait,
      });
      return wait;
    }
    const wait = failure?.kind === 'throttled' ? (failure.retryAfterMs ?? 1_000) : backoff(attempt);
    streams.set(name, {
      ...(failure?.kind !== 'throttled' && { attempt }),
      error: message,
      dueAt: row.round === null ? now() + wait : row.dueAt,
    });
    log.warn('A delta round was interrupted; it goes on from its last page', {
      stream: name,
      attempt,
      retryInMs: wait,
      error,
    });
    return wait;
  }

  return {
    step,
    wantFull(name, read) {
      const { round } = streams.get(name);
      // An incremental round under way is overtaken by the full one; its link may be what is wrong.
      streams.set(name, {
        fullWanted: read,
        attempt: 0,
        ...(round === 'incremental' && { round: null, nextLink: null }),
      });
    },
    hasRead: (name, read) => (streams.get(name).fullRead ?? 0) >= read,
    isReady: () => isRead('users') && (!options.needsGroups || isRead('groups')),
    isComplete: () => isRead('users') && isRead('groups'),
    isBusy: (name) => turns[name].busy,
    whileQuiet: (work) => turns.users.run(() => turns.groups.run(work)),
    failed,
  };
}

const isBaseline = (row: StreamRow): boolean => row.fullRead === null;

/** Lets the doors answer between bites of work. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** 250 ms, doubling to one minute. */
export function backoff(attempt: number): number {
  return Math.min(60_000, 250 * 2 ** Math.min(attempt - 1, 10));
}

function asRows(objects: readonly DeltaObject[]): FirstRows {
  const textOf = ({ removed, properties }: DeltaObject): string | null =>
    removed ? null : JSON.stringify(mergeProperties({}, properties));
  return { ids: objects.map(({ id }) => id), properties: objects.map(readable).map(textOf) };
}

/** Where Graph gave no more than an id, nothing that is known may be overwritten. */
function readable(object: DeltaObject): DeltaObject {
  return isUnreadable(object) ? { ...object, properties: {} } : object;
}
