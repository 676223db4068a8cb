// Owns the reading of named users after a ping: few by $batch, many by one delta round.
import type { Found } from '../graph/lookups.ts';
import type { DeltaObject } from '../graph/delta.ts';
import { GraphFailure } from '../graph/errors.ts';
import { isUnreadable } from '../graph/unreadable.ts';
import type { Outcome, Ping } from '../state/inbox.ts';
import type { StateRooms } from '../state/rooms.ts';
import { fewUsers } from './rounds.ts';

/** Reads users by id; the map has an entry for every id. */
export type LookUp = (
  ids: readonly string[],
  signal: AbortSignal,
) => Promise<{ read: number; results: ReadonlyMap<string, Found> }>;

export interface RefreshOptions {
  readonly rooms: StateRooms;
  readonly lookUpUsers: LookUp;
  readonly lookUpDeletedUsers: LookUp;
  /** Asks for a round of the users stream; false while it is busy with another. */
  readonly askRound: () => boolean;
  readonly onChange: () => void;
  readonly now: () => number;
}

export interface Refresher {
  /** Looks at what is due; returns how long it may rest in ms, undefined for until the next ping. */
  step(signal: AbortSignal): Promise<number | undefined>;
  /** Reads the named users now, as an operator asks. @throws {GraphFailure} `throttled` when Graph asks for a pause. */
  refresh(ids: readonly string[], cause: string, signal: AbortSignal): Promise<Map<string, Outcome>>;
}

/** `Ping.shown` where more than one read told of somebody. */
const mayDisagree = 2;

export function createRefresher(options: RefreshOptions): Refresher {
  const { rooms, now } = options;
  const { inbox, directory, state, streams } = rooms;

  async function step(signal: AbortSignal): Promise<number | undefined> {
    const due = inbox.countDue('users', now());
    if (due === 0) {
      const next = inbox.nextDue('users');
      return next === undefined ? undefined : Math.max(1, next - now());
    }
    // Those who do not appear in the round are read by name afterwards, since the round may lag behind the ping.
    if (due > fewUsers && options.askRound()) return 200;
    const pings = inbox.duePings('users', now(), fewUsers);
    const byId = new Map(pings.map((ping) => [ping.objectId, ping]));
    const outcomes = await look([...byId.keys()], 'notification', signal, byId);
    state.transaction(() => {
      for (const ping of pings) {
        const outcome = outcomes.get(ping.objectId) ?? { kind: 'failed' };
        if (outcome.kind === 'put-off') {
          inbox.postpone('users', ping, outcome.until, 'Graph asked for a pause');
          // One round answers all whom Graph put off, for the price of one request.
          streams.due('users', outcome.until);
        } else inbox.advance('users', ping, outcome.kind, now());
      }
    });
    return 0;
  }

  type Look = { kind: Outcome } | { kind: 'put-off'; until: number };

  async function look(
    ids: readonly string[],
    cause: string,
    signal: AbortSignal,
    pings?: ReadonlyMap<string, Ping>,
  ): Promise<Map<string, Look>> {
    const { read, results } = await options.lookUpUsers(ids, signal);
    const outcomes = new Map<string, Look>();
    const objects: DeltaObject[] = [];
    const missing: string[] = [];
    for (const [id, found] of results) {
      if (found.kind === 'found')
        objects.push(isUnreadable(found.object) ? { id, properties: {} } : found.object);
      else if (found.kind === 'not-found') missing.push(id);
      else outcomes.set(id, failed(found.failure));
    }
    apply(read, objects, cause, outcomes, pings);
    if (missing.length > 0) await lookAmongDeleted(missing, cause, signal, outcomes, pings);
    return outcomes;
  }

  /** A 404 alone says nothing: the user may be new, deleted, or gone. */
  async function lookAmongDeleted(
    ids: readonly string[],
    cause: string,
    signal: AbortSignal,
    outcomes: Map<string, Look>,
    pings?: ReadonlyMap<string, Ping>,
  ): Promise<void> {
    let undecided = false;
    const { read, results } = await options.lookUpDeletedUsers(ids, signal);
    const removed: DeltaObject[] = [];
    for (const id of ids) {
      const found = results.get(id);
      const known = directory.stateOf(id);
      const ping = pings?.get(id);
      if (found?.kind === 'found') removed.push({ id, removed: 'changed', properties: {} });
      else if (found?.kind === 'failed') {
        outcomes.set(id, failed(found.failure));
        undecided = true;
      } else if (known === 'soft-deleted' && isSure(ping) && ping?.shown !== mayDisagree) {
        // The account is disabled already; a restored person would be found by the next look, or by the stream.
        removed.push({ id, removed: 'deleted', properties: {} });
      } else {
        outcomes.set(id, { kind: known === 'gone' ? 'done' : 'nothing-new' });
        if (known !== 'present' && known !== 'soft-deleted') continue;
        undecided = true;
        // The stream may have told what became of this person before a stale read undid it, and never tells it again.
        if (known === 'present' ? isSure(ping) : isLast(ping))
          streams.set('users', { fullWanted: directory.beginRead() });
      }
    }
    apply(read, removed, cause, outcomes, pings);
    // Only the stream can say that somebody is gone for good.
    if (undecided) askStream();
  }

  /** Whether this look confirms an earlier one, after a delay. */
  const isSure = (ping: Ping | undefined): boolean =>
    ping !== undefined && (ping.shown === 1 || ping.attempt >= 2);

  /** Whether this look is among the last of somebody of whom reads may contradict each other. */
  const isLast = (ping: Ping | undefined): boolean => ping?.shown === mayDisagree && ping.attempt >= 5;

  function askStream(): void {
    streams.due('users', now());
    options.askRound();
  }

  function apply(
    read: number,
    found: readonly DeltaObject[],
    cause: string,
    outcomes: Map<string, Look>,
    pings?: ReadonlyMap<string, Ping>,
  ): void {
    // A replica that lags still shows whom the stream has told to be gone: who does come back shows in the stream too.
    const [back, objects] = partition(
      found,
      ({ id, removed }) => !removed && directory.stateOf(id) === 'gone',
    );
    for (const { id } of back) outcomes.set(id, { kind: 'nothing-new' });
    if (back.length > 0) askStream();
    if (objects.length === 0) return;
    const changed = directory.apply(
      'user',
      { read, objects },
      {
        text: cause,
        pingedAt: (id) => pings?.get(id)?.firstAt ?? null,
      },
    );
    for (const { id } of objects) outcomes.set(id, { kind: changed.has(id) ? 'shown' : 'nothing-new' });
    if (changed.size > 0) options.onChange();
  }

  function failed(failure: GraphFailure): Look {
    return failure.kind === 'throttled'
      ? { kind: 'put-off', until: now() + (failure.retryAfterMs ?? 1_000) }
      : { kind: 'failed' };
  }

  return {
    step,
    async refresh(ids, cause, signal) {
      const outcomes = await look(ids, cause, signal);
      return new Map(
        [...outcomes].map(([id, one]) => {
          if (one.kind === 'put-off') throw paused(one.until - now());
          return [id, one.kind];
        }),
      );
    },
  };
}

function paused(retryAfterMs: number): GraphFailure {
  return new GraphFailure({
    kind: 'throttled',
    operation: 'users.get',
    retryAfterMs,
    what: 'Microsoft Graph asked for a pause.',
    advice: 'The work is taken up again after it, by itself.',
  });
}

function partition<T>(list: readonly T[], belongs: (one: T) => boolean): [T[], T[]] {
  return [list.filter(belongs), list.filter((one) => !belongs(one))];
}
