// Owns the proof of the reading of named users: how often they are read, and what a missing or empty answer means.
import { describe, expect, it } from 'vitest';
import type { Found } from '../../src/graph/lookups.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { createRefresher } from '../../src/sync/refresh.ts';
import { apply, id, makeRooms, settleAll, tombstone, user, waiting } from '../helpers/state.ts';

const never = new AbortController().signal;
const absent: Found = { kind: 'not-found' };
const shows = (number: number, properties: Record<string, unknown> = {}): Found => ({
  kind: 'found',
  object: { ...user(number), properties: { ...user(number).properties, ...properties } },
});

/** A refresher on a clock by hand; `users` and `deleted` say what Graph answers about everybody at the moment. */
function makeBench() {
  const rooms = makeRooms();
  for (const name of ['users', 'groups'] as const) {
    rooms.streams.prepare(name, 'id', 0);
    rooms.streams.set(name, { dueAt: 1e12, fullWanted: 0 });
  }
  const bench = {
    rooms,
    now: 0,
    users: absent,
    deleted: absent,
    /** How often somebody was read by name. */
    reads: 0,
    rounds: 0,
    /** Called in the middle of a read. */
    meanwhile: (): void => undefined,
  };
  const answer = (found: () => Found) => async (ids: readonly string[]) => {
    const read = rooms.directory.beginRead();
    await Promise.resolve();
    const now = found();
    return { read, results: new Map(ids.map((one) => [one, now])) };
  };
  const refresher = createRefresher({
    rooms,
    lookUpUsers: (ids) => {
      bench.reads += 1;
      return answer(() => {
        bench.meanwhile();
        return bench.users;
      })(ids);
    },
    lookUpDeletedUsers: answer(() => bench.deleted),
    askRound: () => {
      bench.rounds += 1;
      return true;
    },
    onChange: () => undefined,
    now: () => bench.now,
  });
  return { bench, rooms, step: () => refresher.step(never) };
}

function notify({ inbox }: StateRooms, number: number, at: number): void {
  inbox.append(
    [
      {
        verdict: 'accepted',
        kind: 'change',
        subscriptionId: 's',
        event: 'updated',
        resource: 'users',
        objectId: id(number),
        count: 1,
      },
    ],
    at,
  );
  inbox.fold(at);
}

const stateOf = (rooms: StateRooms, number: number) => rooms.directory.stateOf(id(number));

describe('changes that arrive while their user is being read', () => {
  it.each([1, 10])('cause one more read, not none and not ten: %i of them [pitfall 2]', async (changes) => {
    const { bench, rooms, step } = makeBench();
    notify(rooms, 1, 0);
    bench.users = shows(1, { mail: 'before' });
    bench.meanwhile = () => {
      bench.meanwhile = () => undefined;
      for (let at = 1; at <= changes; at += 1) notify(rooms, 1, at);
      bench.now = changes;
    };
    await step();
    expect([bench.reads, rooms.inbox.countDue('users', bench.now)]).toEqual([1, 1]);
    bench.users = shows(1, { mail: 'after' });
    await step();
    expect([bench.reads, rooms.inbox.countDue('users', bench.now)]).toEqual([2, 0]);
    expect(rooms.people.load([rooms.people.keyOf(id(1)) ?? 0], true)[0]?.user?.properties).toMatchObject({
      mail: 'after',
    });
  });
});

describe('a 404', () => {
  it('about somebody just created is asked again after a growing wait, until the user shows [pitfall 5] [trouble 13.14]', async () => {
    const { bench, rooms, step } = makeBench();
    notify(rooms, 1, 0);
    const waits: number[] = [];
    for (let look = 0; look < 4; look += 1) {
      expect(await step()).toBe(0);
      waits.push((await step()) ?? NaN);
      bench.now += waits.at(-1) ?? 0;
    }
    expect(waits).toEqual([300, 2_000, 5_000, 15_000]);
    expect([stateOf(rooms, 1), bench.reads]).toEqual([undefined, 4]);
    bench.users = shows(1);
    await step();
    expect([stateOf(rooms, 1), waiting(rooms)]).toEqual(['present', [1]]);
  });

  it('about somebody known removes nobody, however often it comes: the stream is asked [pitfall 5]', async () => {
    const { bench, rooms, step } = makeBench();
    apply(rooms, 'user', [user(1)]);
    settleAll(rooms);
    notify(rooms, 1, 0);
    for (let rest: number | undefined = 0; rest !== undefined; rest = await step()) bench.now += rest;
    expect(bench.reads).toBe(7);
    expect([stateOf(rooms, 1), waiting(rooms)]).toEqual(['present', []]);
    expect(bench.rounds).toBeGreaterThan(0);
    expect(rooms.streams.get('users').dueAt).toBeLessThanOrEqual(bench.now);
    expect(rooms.streams.get('users').fullWanted).toBeGreaterThan(0);
  });

  it('about somebody who stands among the deleted is a soft deletion', async () => {
    const { bench, rooms, step } = makeBench();
    apply(rooms, 'user', [user(1)]);
    notify(rooms, 1, 0);
    bench.deleted = shows(1);
    await step();
    expect(stateOf(rooms, 1)).toBe('soft-deleted');
  });

  it('about somebody soft-deleted who is not among the deleted any more is believed at the third look', async () => {
    const { bench, rooms, step } = makeBench();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'user', [tombstone(1, 'changed')]);
    notify(rooms, 1, 0);
    for (const known of ['soft-deleted', 'soft-deleted', 'gone']) {
      await step();
      expect(stateOf(rooms, 1)).toBe(known);
      bench.now += (await step()) ?? 0;
    }
  });
});

describe('a user of whom Graph shows no more than the id', () => {
  it('keeps what is known [pitfall 23] [trouble 13.18]', async () => {
    const { bench, rooms, step } = makeBench();
    apply(rooms, 'user', [user(1, { mail: 'anna@x', department: 'Law' })]);
    settleAll(rooms);
    const before = rooms.people.load([rooms.people.keyOf(id(1)) ?? 0], true)[0]?.user;
    notify(rooms, 1, 0);
    const nothing = { mail: null, department: null, mailNickname: null, accountEnabled: null };
    bench.users = { kind: 'found', object: { id: id(1), properties: nothing } };
    await step();
    expect(rooms.people.load([rooms.people.keyOf(id(1)) ?? 0], true)[0]?.user).toEqual(before);
    expect(waiting(rooms)).toEqual([]);
  });
});

describe('where replicas of Graph lag for longer than two looks', () => {
  /** Lets ten minutes pass; at `roundAt` a round of the stream tells what is so, at `lagEnds` reads by name do too. */
  async function live(
    { bench, rooms, step }: ReturnType<typeof makeBench>,
    times: { roundAt: number; lagEnds: number },
    truth: { tell: () => void; users: Found; deleted: Found },
  ): Promise<void> {
    notify(rooms, 1, 0);
    let isTold = false;
    for (bench.now = 0; bench.now < 700_000; bench.now += 100) {
      if (!isTold && bench.now >= times.roundAt) {
        isTold = true;
        truth.tell();
        rooms.inbox.told([id(1)], bench.now);
      }
      if (bench.now >= times.lagEnds) Object.assign(bench, { users: truth.users, deleted: truth.deleted });
      await step();
    }
  }

  it.each([
    { roundAt: 500, lagEnds: 9_000 },
    { roundAt: 2_500, lagEnds: 30_000 },
    { roundAt: 4_000, lagEnds: 60_000 },
    { roundAt: 8_000, lagEnds: 14_000 },
  ])('a deletion that the stream has told stands in the end: $roundAt, $lagEnds', async (times) => {
    const made = makeBench();
    apply(made.rooms, 'user', [user(1)]);
    Object.assign(made.bench, { users: shows(1), deleted: absent });
    await live(made, times, {
      tell: () => apply(made.rooms, 'user', [tombstone(1, 'changed')]),
      users: absent,
      deleted: shows(1),
    });
    expect(made.rooms.directory.stateOf(id(1))).toBe('soft-deleted');
  });

  it.each([
    { roundAt: 500, lagEnds: 9_000 },
    { roundAt: 1_000, lagEnds: 14_000 },
    { roundAt: 2_500, lagEnds: 60_000 },
  ])('so does a restoration: $roundAt, $lagEnds', async (times) => {
    const made = makeBench();
    apply(made.rooms, 'user', [user(1)]);
    apply(made.rooms, 'user', [tombstone(1, 'changed')]);
    Object.assign(made.bench, { users: absent, deleted: shows(1) });
    await live(made, times, {
      tell: () => apply(made.rooms, 'user', [user(1)]),
      users: shows(1),
      deleted: absent,
    });
    expect(made.rooms.directory.stateOf(id(1))).toBe('present');
  });

  it('nobody is taken for gone where the two replicas disagree with the stream: everybody is read instead', async () => {
    const made = makeBench();
    apply(made.rooms, 'user', [user(1)]);
    apply(made.rooms, 'user', [tombstone(1, 'changed')]);
    Object.assign(made.bench, { users: absent, deleted: shows(1) });
    const at = { roundAt: 500, lagEnds: 7_000 };
    // Restored: the deleted items know it, the users do not yet.
    await live(made, at, {
      tell: () => apply(made.rooms, 'user', [user(1)]),
      users: absent,
      deleted: absent,
    });
    expect(made.rooms.directory.stateOf(id(1))).toBe('soft-deleted');
    expect(made.rooms.streams.get('users').fullWanted).toBeGreaterThan(0);
  });
});
