// Owns the proof that the guard judges whole plans, and that holds are few, precise and never a dead end.
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/sync/removal-guard.ts';
import { apply, id, keyOf, type noPing } from '../helpers/state.ts';
import { makeSettler, person } from './review-kit.ts';

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);

function prepare(people: number) {
  const reading: { now: Reading } = { now: { short: false, long: false } };
  const made = makeSettler({ reading: () => reading.now });
  const { rooms, settle, settler, clock } = made;
  apply(
    rooms,
    'user',
    range(1, people).map((one) => person(one)),
  );
  settle();
  const leave = (
    numbers: readonly number[],
    cause: typeof noPing = { text: 'delta round', pingedAt: () => null },
  ) => {
    apply(
      rooms,
      'user',
      numbers.map((one) => person(one, { accountEnabled: false })),
      { cause },
    );
  };
  /** Decides everybody, then lets the guard judge. */
  const step = () => {
    let result = settler.settleSome();
    while (result === 'more') result = settler.settleSome();
    return result;
  };
  const enabled = () => rooms.ledger.countEnabled();
  return { ...made, reading, leave, step, enabled, rooms, clock };
}

const notified: typeof noPing = { text: 'notification', pingedAt: () => 1 };

describe('while an incremental round is in hand', () => {
  it('proposals wait for its end, so that its pages are one plan', () => {
    const { leave, step, reading, enabled, rooms } = prepare(100);
    reading.now = { short: true, long: false };
    for (const page of [range(1, 8), range(9, 16), range(17, 24)]) {
      leave(page);
      expect(step()).toBe('waiting');
    }
    expect(enabled()).toBe(100);
    reading.now = { short: false, long: false };
    expect(step()).toBe('settled');
    expect([enabled(), rooms.removals.list(9).map(({ people }) => people)]).toEqual([100, [24]]);
  });

  it('they wait no longer than half a second', () => {
    const { leave, step, reading, enabled, clock } = prepare(100);
    reading.now = { short: true, long: false };
    leave([1]);
    expect(step()).toBe('waiting');
    clock.now += 499;
    expect(step()).toBe('waiting');
    clock.now += 1;
    expect(step()).toBe('settled');
    expect(enabled()).toBe(99);
  });
});

describe('while a full round is in hand', () => {
  it('many proposals wait for its end', () => {
    const { leave, step, reading, clock, rooms } = prepare(400);
    reading.now = { short: false, long: true };
    leave(range(1, 11), notified);
    expect(step()).toBe('waiting');
    clock.now += 3_600_000;
    expect(step()).toBe('waiting');
    reading.now = { short: false, long: false };
    expect(step()).toBe('settled');
    expect([rooms.ledger.countEnabled(), rooms.removals.list(9)]).toEqual([389, []]);
  });

  it('few leavers that Graph told of go at once', () => {
    const { leave, step, reading, enabled } = prepare(100);
    reading.now = { short: false, long: true };
    leave([1, 2], notified);
    expect(step()).toBe('settled');
    expect(enabled()).toBe(98);
  });

  it('few whom the full round itself shows do not', () => {
    const { leave, step, reading, enabled } = prepare(100);
    reading.now = { short: false, long: true };
    leave([1, 2], { text: 'full round', pingedAt: () => null });
    expect(step()).toBe('waiting');
    expect(enabled()).toBe(100);
  });
});

describe('a mass removal that arrives in pieces', () => {
  it('ends in one hold for a minute, which counts everybody in it', () => {
    const { leave, step, clock, rooms, enabled } = prepare(200);
    leave(range(1, 20));
    step();
    for (const one of range(21, 60)) {
      clock.now += 1_000;
      leave([one]);
      expect(step()).toBe('settled');
    }
    expect(rooms.removals.list(9).map(({ status, people }) => [status, people])).toEqual([['open', 60]]);
    expect(enabled()).toBe(200);
  });

  it('supersedes the hold once an operator had a minute to look at it', () => {
    const { leave, step, clock, rooms } = prepare(200);
    leave(range(1, 20));
    step();
    clock.now += 60_000;
    leave(range(21, 40));
    step();
    expect(rooms.removals.list(9).map(({ status, people }) => [status, people])).toEqual([
      ['open', 40],
      ['superseded', 20],
    ]);
    expect(rooms.removals.decide(1, 'approve', 'test', clock.now)).toMatchObject({ ok: false });
  });

  it('leaves ordinary leavers alone after that minute', () => {
    const { leave, step, clock, enabled } = prepare(200);
    leave(range(1, 20));
    step();
    clock.now += 60_000;
    leave([50]);
    step();
    expect(enabled()).toBe(199);
  });
});

describe('a discarded hold', () => {
  it('can be approved after all: those still kept go, those who came back stay', () => {
    const { leave, step, clock, rooms, enabled } = prepare(100);
    leave(range(1, 20));
    step();
    rooms.removals.decide(1, 'discard', 'test', clock.now);
    apply(rooms, 'user', [person(1)]);
    step();
    expect(rooms.removals.decide(1, 'approve', 'test', clock.now)).toEqual({ ok: true, people: 19 });
    step();
    expect([enabled(), rooms.ledger.get(keyOf(rooms, 1))?.enabled, rooms.removals.get(1)?.status]).toEqual([
      81,
      true,
      'approved',
    ]);
  });

  it('says so where nobody of it is left', () => {
    const { leave, step, clock, rooms } = prepare(100);
    leave(range(1, 20));
    step();
    rooms.removals.decide(1, 'discard', 'test', clock.now);
    apply(
      rooms,
      'user',
      range(1, 20).map((one) => person(one)),
    );
    step();
    expect(rooms.removals.decide(1, 'approve', 'test', clock.now)).toMatchObject({ ok: false });
  });

  it('keeps nobody against another reason: who was disabled and is then deleted is proposed anew', () => {
    const { leave, step, clock, rooms, enabled } = prepare(100);
    leave(range(1, 20));
    step();
    rooms.removals.decide(1, 'discard', 'test', clock.now);
    leave([2]);
    clock.now += 1_000;
    step();
    expect(enabled()).toBe(100);
    apply(rooms, 'user', [{ id: id(1), removed: 'deleted', properties: {} }]);
    step();
    expect([enabled(), rooms.ledger.get(keyOf(rooms, 1))?.enabled]).toEqual([99, false]);
  });
});
