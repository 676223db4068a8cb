import { describe, expect, it } from 'vitest';
import type { StateRooms } from '../../src/state/rooms.ts';
import { apply, id, keyOf, makeRooms, settleAll, user, waiting, writeAccount } from '../helpers/state.ts';

const figures = { limit: 10, removedInWindow: 2, enabledAccounts: 40, cause: 'guard' };

/** People with enabled accounts, of whom nobody waits. */
function prepare(count: number): { rooms: StateRooms; propose: (...numbers: number[]) => void } {
  const rooms = makeRooms();
  apply(
    rooms,
    'user',
    Array.from({ length: count }, (_, at) => user(at + 1)),
  );
  for (let one = 1; one <= count; one += 1)
    writeAccount(rooms, keyOf(rooms, one), { login: `login${one}`, externalId: id(one) });
  settleAll(rooms);
  const propose = (...numbers: number[]) => {
    for (const one of numbers)
      rooms.removals.propose(keyOf(rooms, one), 'disable', 'gone', 'delta round', 100 + one);
  };
  return { rooms, propose };
}

const removalOf = (rooms: StateRooms, number: number) =>
  rooms.people.load([keyOf(rooms, number)], true)[0]?.removal;

describe('proposed removals', () => {
  it('pass all together, and their people are settled again', () => {
    const { rooms, propose } = prepare(3);
    propose(1, 2);
    expect(rooms.removals.countProposed()).toBe(2);
    rooms.removals.approveProposed();
    expect([removalOf(rooms, 1), removalOf(rooms, 2), removalOf(rooms, 3)]).toEqual([
      'approved',
      'approved',
      undefined,
    ]);
    expect([waiting(rooms), rooms.removals.countProposed()]).toEqual([[1, 2], 0]);
  });

  it('are forgotten when the person came back', () => {
    const { rooms, propose } = prepare(1);
    propose(1);
    rooms.removals.drop(keyOf(rooms, 1));
    expect([rooms.removals.countProposed(), removalOf(rooms, 1)]).toEqual([0, undefined]);
  });

  it('that are proposed again keep their state and take the new reason', () => {
    const { rooms, propose } = prepare(1);
    propose(1);
    const { id: hold } = rooms.removals.holdProposed(figures, 200);
    rooms.removals.propose(keyOf(rooms, 1), 'delete', 'disabled', 'resync', 300);
    expect(rooms.removals.people(hold, 10)).toMatchObject([
      { state: 'held', how: 'delete', reason: 'disabled', since: 101 },
    ]);
  });
});

describe('a hold', () => {
  it('shows who is in it, by login, and why it was made', () => {
    const { rooms, propose } = prepare(3);
    propose(2, 1);
    const made = rooms.removals.holdProposed(figures, 200);
    expect(made).toMatchObject({ ...figures, status: 'open', people: 2, createdAt: 200, decidedAt: null });
    expect(rooms.removals.get(made.id)).toEqual(made);
    expect(rooms.removals.people(made.id, 10)).toEqual([
      {
        id: id(1),
        login: 'login1',
        displayName: null,
        how: 'disable',
        reason: 'gone',
        state: 'held',
        since: 101,
      },
      {
        id: id(2),
        login: 'login2',
        displayName: null,
        how: 'disable',
        reason: 'gone',
        state: 'held',
        since: 102,
      },
    ]);
    expect(rooms.removals.people(made.id, 1)).toHaveLength(1);
    expect(rooms.removals.openPeople()).toBe(2);
  });

  it('marks nobody by itself: held people stay as they are', () => {
    const { rooms, propose } = prepare(1);
    propose(1);
    rooms.removals.holdProposed(figures, 200);
    expect([waiting(rooms), removalOf(rooms, 1)]).toEqual([[], 'held']);
  });

  it('that grows is superseded by one with everybody in it, so that nothing unseen is approved', () => {
    const { rooms, propose } = prepare(3);
    propose(1, 2);
    const older = rooms.removals.holdProposed(figures, 200);
    propose(3);
    const newer = rooms.removals.holdProposed(figures, 300);
    expect(newer.people).toBe(3);
    expect(rooms.removals.get(older.id)).toMatchObject({
      status: 'superseded',
      supersededBy: newer.id,
      decidedAt: 300,
    });
    expect(rooms.removals.list(10).map(({ id: one, status }) => [one, status])).toEqual([
      [newer.id, 'open'],
      [older.id, 'superseded'],
    ]);
    const refused = rooms.removals.decide(older.id, 'approve', 'cli', 400);
    expect(refused).toMatchObject({
      ok: false,
      reason: expect.stringContaining(`now hold ${newer.id}`) as string,
    });
    expect([waiting(rooms), rooms.removals.openPeople()]).toEqual([[], 3]);
  });

  it('is approved precisely: those in it, not those proposed since', () => {
    const { rooms, propose } = prepare(4);
    propose(1, 2, 3);
    const made = rooms.removals.holdProposed(figures, 200);
    rooms.removals.drop(keyOf(rooms, 2));
    propose(4);
    expect(rooms.removals.decide(made.id, 'approve', 'cli', 300)).toEqual({ ok: true, people: 2 });
    expect([1, 2, 3, 4].map((one) => removalOf(rooms, one))).toEqual([
      'approved',
      undefined,
      'approved',
      'proposed',
    ]);
    expect(waiting(rooms)).toEqual([1, 3]);
    expect(rooms.removals.get(made.id)).toMatchObject({
      status: 'approved',
      decidedAt: 300,
      decidedBy: 'cli',
    });
  });

  it('is discarded for good: its people are kept and nobody is settled', () => {
    const { rooms, propose } = prepare(2);
    propose(1, 2);
    const made = rooms.removals.holdProposed(figures, 200);
    expect(rooms.removals.decide(made.id, 'discard', 'api', 300)).toEqual({ ok: true, people: 2 });
    expect([removalOf(rooms, 1), rooms.removals.openPeople(), waiting(rooms)]).toEqual(['kept', 0, []]);
    rooms.removals.propose(keyOf(rooms, 1), 'disable', 'gone', 'resync', 400);
    expect([removalOf(rooms, 1), rooms.removals.countProposed()]).toEqual(['kept', 0]);
  });

  it('does not take those of a discarded hold with it', () => {
    const { rooms, propose } = prepare(2);
    propose(1);
    rooms.removals.decide(rooms.removals.holdProposed(figures, 200).id, 'discard', 'api', 300);
    propose(2);
    const second = rooms.removals.holdProposed(figures, 400);
    expect(second.people).toBe(1);
    rooms.removals.decide(second.id, 'approve', 'api', 500);
    expect([removalOf(rooms, 1), removalOf(rooms, 2)]).toEqual(['kept', 'approved']);
  });

  it('is decided once, and only if it exists', () => {
    const { rooms, propose } = prepare(1);
    propose(1);
    const { id: hold } = rooms.removals.holdProposed(figures, 200);
    expect(rooms.removals.decide(77, 'approve', 'cli', 300)).toEqual({
      ok: false,
      reason: 'There is no hold 77; "gespage-sync holds" lists them.',
    });
    rooms.removals.decide(hold, 'discard', 'cli', 300);
    expect(rooms.removals.decide(hold, 'discard', 'cli', 400)).toEqual({
      ok: false,
      reason: `Hold ${hold} is already discarded.`,
    });
    expect(removalOf(rooms, 1)).toBe('kept');
  });

  it('closes by itself when everybody in it came back', () => {
    const { rooms, propose } = prepare(2);
    propose(1, 2);
    const { id: hold } = rooms.removals.holdProposed(figures, 200);
    rooms.removals.drop(keyOf(rooms, 1));
    rooms.removals.closeEmptied(300);
    expect(rooms.removals.get(hold)?.status).toBe('open');
    rooms.removals.drop(keyOf(rooms, 2));
    rooms.removals.closeEmptied(400);
    expect(rooms.removals.get(hold)).toMatchObject({ status: 'emptied', decidedAt: 400 });
    expect(rooms.removals.decide(hold, 'approve', 'cli', 500)).toMatchObject({ ok: false });
  });
});
