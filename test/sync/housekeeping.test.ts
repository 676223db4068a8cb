// Owns the proof that housekeeping does little at a time, once an hour, over restarts too, and that its errors stay its own.
import { describe, expect, it } from 'vitest';
import { openState } from '../../src/state/database.ts';
import { createStateRooms, type StateRooms } from '../../src/state/rooms.ts';
import { keepHouse } from '../../src/sync/housekeeping.ts';
import { makeRooms, temporaryFile } from '../helpers/state.ts';

const hour = 3_600_000;
const day = 24 * hour;
const start = 20_000 * day;

function open(rooms: StateRooms): { clock: { now: number }; house: () => void } {
  const clock = { now: start };
  for (const name of ['users', 'groups'] as const) {
    rooms.streams.prepare(name, 'id', start);
    rooms.streams.set(name, { fullCompletedAt: start });
  }
  return {
    clock,
    house: keepHouse({ rooms, targets: ['sql'], fullResyncMs: 7 * day, now: () => clock.now }),
  };
}

/** Old entries of one person, of which all but the last go. */
function addOld(rooms: StateRooms, count: number): void {
  rooms.state.transaction(() => {
    for (let at = 0; at < count; at += 1) {
      rooms.ledger.audit({
        at: start - 500 * day + at,
        key: 1,
        action: 'update',
        cause: 'test',
        reason: null,
        changes: null,
      });
    }
  });
}

const countAudit = ({ state }: StateRooms): number =>
  state.sql('SELECT count(*) FROM audit').pluck().get() as number;

/** Calls until a pass is over. */
function finish(rooms: StateRooms, house: () => void): number {
  const before = rooms.meta.counter('house-kept-at');
  for (let calls = 1; ; calls += 1) {
    house();
    if (rooms.meta.counter('house-kept-at') !== before) return calls;
    if (calls > 1_000) throw new Error('the pass does not end');
  }
}

describe('the safety full resync', () => {
  it('comes after the period or up to an eighth sooner, at a time of its own for each installation', () => {
    const waits = Array.from({ length: 8 }, () => {
      const rooms = makeRooms();
      const { clock, house } = open(rooms);
      while (rooms.runs.next() === undefined) {
        clock.now += hour;
        house();
      }
      return (clock.now - start) / hour;
    });
    for (const wait of waits) {
      expect(wait).toBeGreaterThanOrEqual(7 * 24 * (7 / 8));
      expect(wait).toBeLessThanOrEqual(7 * 24);
    }
    expect(new Set(waits).size).toBeGreaterThan(2);
  });
});

describe('forgetting', () => {
  it('takes one bite at each call, and goes on at the next', () => {
    const rooms = makeRooms();
    addOld(rooms, 3_000);
    const { house } = open(rooms);
    const counts: number[] = [];
    for (let calls = 0; countAudit(rooms) > 1; calls += 1) {
      house();
      counts.push(countAudit(rooms));
      expect(calls).toBeLessThan(100);
    }
    expect(new Set(counts).size).toBeGreaterThan(4);
    expect(rooms.meta.counter('house-kept-at')).toBe(0);
  });

  it('begins a pass an hour after the last has ended, whatever restarts lie between, or when the clock was set back', () => {
    const file = temporaryFile();
    let rooms = createStateRooms(openState(file));
    const { clock, house } = open(rooms);
    finish(rooms, house);
    expect(rooms.meta.counter('house-kept-at')).toBe(start);
    rooms.state.close();
    rooms = makeRooms(file);
    addOld(rooms, 2);
    const after = open(rooms);
    after.clock.now = start + hour - 1;
    for (let calls = 0; calls < 50; calls += 1) after.house();
    expect(countAudit(rooms)).toBe(2);
    after.clock.now = start + hour;
    finish(rooms, after.house);
    expect(countAudit(rooms)).toBe(1);
    after.clock.now = start - day;
    finish(rooms, after.house);
    expect(rooms.meta.counter('house-kept-at')).toBe(start - day);
    expect(clock.now).toBe(start);
  });

  it('that fails, fails once an hour, and the safety resync is asked for all the same', () => {
    const rooms = makeRooms();
    const { clock, house } = open(rooms);
    rooms.state.sql('ALTER TABLE hold RENAME TO elsewhere').run();
    expect(() => finish(rooms, house)).toThrow('no such table: hold');
    for (let calls = 0; calls < 50; calls += 1) house();
    clock.now += 7 * day;
    expect(() => finish(rooms, house)).toThrow('no such table: hold');
    expect(rooms.runs.list(9)).toMatchObject([{ kind: 'resync', requestedBy: 'schedule' }]);
  });

  it('notes from time to time how far the targets are, for which it needs their names', () => {
    const rooms = makeRooms();
    rooms.targets.applied('sql', 7, start);
    const { clock, house } = open(rooms);
    finish(rooms, house);
    clock.now += 2 * hour;
    finish(rooms, house);
    const marks = JSON.parse(rooms.meta.text('delivered-marks') ?? '') as unknown[];
    expect(marks).toEqual([{ at: start, revision: 7, read: expect.any(Number) as number }]);
  });
});
