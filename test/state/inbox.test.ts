import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InboxItem, Outcome, Ping } from '../../src/state/inbox.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { openState } from '../../src/state/database.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { forgetOld, id, makeRooms, temporaryFile, withRooms } from '../helpers/state.ts';

const change = (number: number, more: Partial<InboxItem> = {}): InboxItem => ({
  verdict: 'accepted',
  kind: 'change',
  subscriptionId: 's',
  event: 'updated',
  resource: 'users',
  objectId: id(number),
  count: 1,
  ...more,
});

const rejected = (count = 1): InboxItem =>
  change(1, { verdict: 'wrong-client-state', resource: null, objectId: null, count });

/** Notifications come in at a time and are folded at once. */
function receive({ inbox }: StateRooms, items: readonly InboxItem[], at: number) {
  inbox.append(items, at);
  return inbox.fold(at);
}

function onlyPing({ inbox }: StateRooms, now: number): Ping {
  const [ping, ...others] = inbox.duePings('users', now, 10);
  if (!ping || others.length > 0) throw new Error('one ping was expected');
  return ping;
}

/** The one ping's due time, or undefined when it is closed. */
const dueAt = (rooms: StateRooms) => rooms.inbox.nextDue('users');

/** One look at the one ping at its due time; gives the delay until the next, or undefined when it is closed. */
function look(rooms: StateRooms, outcome: Outcome): number | undefined {
  const now = dueAt(rooms) ?? NaN;
  rooms.inbox.advance('users', onlyPing(rooms, now), outcome, now);
  const next = dueAt(rooms);
  return next === undefined ? undefined : next - now;
}

describe('folding', () => {
  it('makes one ping of all notifications about one object, dated by the oldest', () => {
    const rooms = makeRooms();
    rooms.inbox.append([change(1), change(2), change(1)], 100);
    rooms.inbox.append([change(1)], 200);
    rooms.inbox.fold(300);
    expect(
      rooms.inbox.duePings('users', 300, 10).map(({ objectId, firstAt }) => [objectId, firstAt]),
    ).toEqual([
      [id(1), 100],
      [id(2), 100],
    ]);
    expect(rooms.inbox.pendingCount()).toEqual({ depth: 2, oldestAt: 100 });
    expect(rooms.inbox.firstAt('users', id(1))).toBe(100);
  });

  it('keeps users and groups apart', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1), change(1, { resource: 'groups' })], 1);
    expect([rooms.inbox.countDue('users', 1), rooms.inbox.countDue('groups', 1)]).toEqual([1, 1]);
  });

  it('takes each notification once, across a restart too', () => {
    const file = temporaryFile();
    const first = createStateRooms(openState(file));
    first.inbox.append([change(1)], 1);
    first.state.close();
    const second = makeRooms(file);
    second.inbox.fold(2);
    const ping = onlyPing(second, 2);
    expect(second.inbox.fold(3)).toEqual([]);
    expect(onlyPing(second, 3)).toEqual(ping);
  });

  it('makes nothing of what was rejected', () => {
    const rooms = makeRooms();
    expect(receive(rooms, [rejected(), change(1, { verdict: 'unknown-subscription' })], 1)).toEqual([]);
    expect(rooms.inbox.pendingCount().depth).toBe(0);
  });

  it('gives the signals that concern a whole stream, alike ones once', () => {
    const rooms = makeRooms();
    const lifecycle = change(0, { kind: 'lifecycle', event: 'missed', objectId: null });
    const nameless = change(0, { resource: 'groups', objectId: null });
    expect(receive(rooms, [lifecycle, lifecycle, nameless, change(1)], 1)).toEqual(
      expect.arrayContaining([
        { subscriptionId: 's', resource: 'users', event: 'missed', kind: 'lifecycle' },
        { subscriptionId: 's', resource: 'groups', event: 'updated', kind: 'change' },
      ]),
    );
    expect(rooms.inbox.pendingCount().depth).toBe(1);
  });

  it('goes on where it was after all old notifications were forgotten', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 1);
    forgetOld(rooms, 100 * 86_400_000);
    receive(rooms, [change(2)], 2_000);
    expect(rooms.inbox.countDue('users', 2_000)).toBe(2);
  });
});

describe('a ping that comes while its object is being looked at', () => {
  it.each<Outcome>(['shown', 'nothing-new', 'done', 'failed'])(
    'causes exactly one more look after "%s" [pitfall 2]',
    (outcome) => {
      const rooms = makeRooms();
      receive(rooms, [change(1)], 0);
      const looked = onlyPing(rooms, 0);
      receive(rooms, [change(1)], 10);
      receive(rooms, [change(1)], 20);
      rooms.inbox.advance('users', looked, outcome, 30);
      const again = onlyPing(rooms, 30);
      rooms.inbox.advance('users', again, 'done', 40);
      expect(dueAt(rooms)).toBeUndefined();
    },
  );

  it('is dated by its own receipt once the earlier one was answered', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 100);
    rooms.inbox.advance('users', onlyPing(rooms, 100), 'shown', 150);
    receive(rooms, [change(1)], 200);
    expect(onlyPing(rooms, 200)).toMatchObject({ firstAt: 200, attempt: 0, shown: 0 });
  });

  it('is due at once, although the next look was to be later', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    look(rooms, 'nothing-new');
    look(rooms, 'nothing-new');
    receive(rooms, [change(1)], 400);
    expect(dueAt(rooms)).toBe(400);
  });
});

describe('looking again', () => {
  it('happens after growing delays while nothing new is shown, and then ends [trouble 13.14]', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    const delays = [1, 2, 3, 4, 5, 6, 7].map(() => look(rooms, 'nothing-new'));
    expect(delays).toEqual([300, 2_000, 5_000, 15_000, 60_000, 300_000, undefined]);
  });

  it('happens once more after something was shown, and ends when the second look agrees', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    expect(look(rooms, 'shown')).toBe(5_000);
    expect(look(rooms, 'nothing-new')).toBeUndefined();
  });

  it('goes on as long as each look shows something else', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    expect([look(rooms, 'nothing-new'), look(rooms, 'shown'), look(rooms, 'shown')]).toEqual([
      300, 5_000, 5_000,
    ]);
  });

  it('is not content with one agreement where looks contradicted each other', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    for (const outcome of ['shown', 'shown'] as const) look(rooms, outcome);
    const waits = Array.from({ length: 5 }, () => look(rooms, 'nothing-new'));
    expect(waits).toEqual([5_000, 15_000, 60_000, 300_000, undefined]);
  });

  it('ends at once where nothing more can come', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    expect(look(rooms, 'done')).toBeUndefined();
  });

  it('never ends by failures', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    for (let at = 0; at < 20; at += 1) expect(look(rooms, 'failed')).toBeLessThanOrEqual(300_000);
    expect(look(rooms, 'failed')).toBe(300_000);
  });

  it('is put off without counting when Graph asks for a pause', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    look(rooms, 'nothing-new');
    const ping = onlyPing(rooms, 300);
    rooms.inbox.postpone('users', ping, 9_000, 'Graph asked for a pause');
    expect(rooms.inbox.countDue('users', 8_999)).toBe(0);
    expect(onlyPing(rooms, 9_000)).toEqual(ping);
  });

  it('takes what is due longest first, and no more than asked for', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 30);
    receive(rooms, [change(2)], 10);
    receive(rooms, [change(3)], 20);
    expect(rooms.inbox.duePings('users', 100, 2).map(({ objectId }) => objectId)).toEqual([id(2), id(3)]);
    expect(rooms.inbox.countDue('users', 100)).toBe(3);
  });
});

describe('a look that nobody was notified of', () => {
  it('is due at once, and an older look does not end it', () => {
    const rooms = makeRooms();
    receive(rooms, [change(1)], 0);
    const looked = onlyPing(rooms, 0);
    rooms.inbox.lookAt('users', [id(1)], 10);
    rooms.inbox.advance('users', looked, 'done', 20);
    expect(onlyPing(rooms, 20)).toMatchObject({ objectId: id(1), attempt: 0, shown: 0 });
    rooms.inbox.lookAt('users', [id(2), id(3)], 30);
    expect(rooms.inbox.countDue('users', 30)).toBe(3);
  });

  it('leaves a later notification its own look', () => {
    const rooms = makeRooms();
    rooms.inbox.lookAt('users', [id(1)], 0);
    const looked = onlyPing(rooms, 0);
    receive(rooms, [change(1)], 10);
    rooms.inbox.advance('users', looked, 'done', 20);
    expect(onlyPing(rooms, 20).objectId).toBe(id(1));
  });
});

describe('what is kept', () => {
  const count = ({ state }: StateRooms, verdict: string) =>
    state.sql('SELECT count(*) FROM notification WHERE verdict = ?').pluck().get(verdict) as number;

  it('are accepted notifications until they are folded and 30 days old', () => {
    const rooms = makeRooms();
    const day = 86_400_000;
    receive(rooms, [change(1)], day);
    receive(rooms, [change(2)], 3 * day);
    rooms.inbox.append([change(3)], day);
    forgetOld(rooms, 32 * day);
    const left = rooms.state.sql('SELECT object_id FROM notification ORDER BY id').pluck().all();
    expect(left).toEqual([id(2), id(3)]);
  });

  it('of rejected ones is bounded, however many come, and the newest stay', () => {
    const rooms = makeRooms();
    rooms.inbox.append([change(1)], 0);
    for (let round = 0; round < 30; round += 1) {
      rooms.inbox.append(
        Array.from({ length: 1_000 }, () => rejected()),
        round,
      );
    }
    expect(count(rooms, 'wrong-client-state')).toBeLessThanOrEqual(11_000);
    expect(rooms.state.sql('SELECT max(received_at) FROM notification').pluck().get()).toBe(29);
    expect(count(rooms, 'accepted')).toBe(1);
  });

  it('is all or nothing of one call', () => {
    const rooms = makeRooms();
    const broken = change(2, { verdict: null as never });
    expect(() => rooms.inbox.append([change(1), broken], 0)).toThrow();
    expect(count(rooms, 'accepted')).toBe(0);
  });
});

describe('whatever the order of pings, looks and failures', () => {
  it('each ping is followed by a look that began after it', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('ping' as const), number: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ do: fc.constant('begin' as const) }),
      fc.record({
        do: fc.constant('end' as const),
        outcome: fc.constantFrom<Outcome>('shown', 'nothing-new', 'done', 'failed'),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) =>
        withRooms((rooms) => {
          let now = 0;
          const unanswered = new Set<string>();
          let looking: Ping[] = [];
          const begin = () => {
            looking = rooms.inbox.duePings('users', now, 100);
            for (const { objectId } of looking) unanswered.delete(objectId);
          };
          for (const one of steps) {
            now += 1;
            if (one.do === 'ping') {
              receive(rooms, [change(one.number)], now);
              unanswered.add(id(one.number));
            } else if (one.do === 'begin') begin();
            else for (const ping of looking.splice(0)) rooms.inbox.advance('users', ping, one.outcome, now);
          }
          // Whoever was pinged and not looked at since stands there, due now.
          const due = new Set(rooms.inbox.duePings('users', now, 100).map(({ objectId }) => objectId));
          for (const objectId of unanswered) expect(due).toContain(objectId);
        }),
      ),
      { numRuns: 60 },
    );
  });

  it('are due at once after the clock was set back', () => {
    const rooms = makeRooms();
    const hour = 3_600_000;
    rooms.inbox.lookAt('users', [id(1)], 50 * hour);
    rooms.inbox.lookAt('groups', [id(2)], 10 * hour + 1_000);
    rooms.inbox.pullIn(10 * hour);
    expect([rooms.inbox.nextDue('users'), rooms.inbox.nextDue('groups')]).toEqual([
      10 * hour,
      10 * hour + 1_000,
    ]);
  });

  it('say when the last one came that was accepted, whoever else knocks [pitfall 24]', () => {
    const rooms = makeRooms();
    const last = (): number => rooms.meta.counter('last-notification-at');
    rooms.inbox.append([{ ...change(1), verdict: 'unknown-subscription' }], 500);
    rooms.inbox.fold(600);
    expect(last()).toBe(0);
    rooms.inbox.append([change(1)], 700);
    rooms.inbox.append([{ ...change(2), verdict: 'malformed' }], 800);
    rooms.inbox.fold(900);
    expect(last()).toBe(700);
  });
});
