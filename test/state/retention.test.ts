// Owns the proof that what grew old is forgotten, that nothing younger or still needed is, and that it goes in small bites.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditAction } from '../../src/state/ledger.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import type { RunRow } from '../../src/state/runs.ts';
import { forgetOld, id, makeRooms, passOver, withRooms, writeAccount } from '../helpers/state.ts';

const day = 86_400_000;
/** Late enough that 400 days before it are no negative time. */
const start = 20_000 * day;

const note = (
  rooms: StateRooms,
  key: number,
  at: number,
  more: { action?: AuditAction; cause?: string } = {},
): void =>
  rooms.ledger.audit({ key, at, action: 'update', cause: 'test', reason: null, changes: null, ...more });

const audited = ({ state }: StateRooms): [number, number][] =>
  state.sql('SELECT key, at FROM audit ORDER BY id').raw().all() as [number, number][];

describe('of the audit', () => {
  it('stays what is younger than 400 days, and of each person the last entry before', () => {
    const rooms = makeRooms();
    note(rooms, 1, start);
    note(rooms, 2, start + 1);
    note(rooms, 1, start + 2);
    note(rooms, 1, start + 300 * day);
    note(rooms, 3, start + 300 * day);
    forgetOld(rooms, start + 400 * day);
    expect(audited(rooms)).toHaveLength(5);
    forgetOld(rooms, start + 401 * day);
    expect(audited(rooms)).toEqual([
      [2, start + 1],
      [1, start + 2],
      [1, start + 300 * day],
      [3, start + 300 * day],
    ]);
    forgetOld(rooms, start + 5_000 * day);
    expect(audited(rooms)).toEqual([
      [2, start + 1],
      [1, start + 300 * day],
      [3, start + 300 * day],
    ]);
  });

  it('stays what was done under a run that is not over, so that its counts are whole', () => {
    const rooms = makeRooms();
    const run = rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, start);
    rooms.runs.set(run.id, { status: 'running' });
    const cause = `resync ${run.id}`;
    for (const at of [0, 1, 2]) note(rooms, 1, start + at, { cause });
    forgetOld(rooms, start + 1_000 * day);
    expect(rooms.runs.changesOf(cause)).toEqual({ update: 3 });
  });

  it('stays all that the sliding hour of the guard counts', () => {
    const rooms = makeRooms();
    const now = start + 1_000 * day;
    for (let key = 1; key <= 30; key += 1) {
      note(rooms, key, start, { action: 'disable' });
      note(rooms, key, now - 3_000_000, { action: 'disable' });
    }
    forgetOld(rooms, now);
    expect(rooms.ledger.countRemovedSince(now - 3_600_000)).toBe(30);
    expect(audited(rooms)).toHaveLength(60);
  });

  it('stays what is young, though it was noted before what is old by a clock that was wrong then', () => {
    const rooms = makeRooms();
    note(rooms, 1, start + 900 * day);
    note(rooms, 1, start);
    note(rooms, 1, start + 1);
    forgetOld(rooms, start + 1_000 * day);
    expect(audited(rooms)).toEqual([
      [1, start + 900 * day],
      [1, start + 1],
    ]);
  });

  it('nothing goes while the clock stands before the last entry, and a wrong time holds nothing up for ever', () => {
    const rooms = makeRooms();
    note(rooms, 1, start);
    note(rooms, 1, start + 1);
    note(rooms, 2, start + 9_000 * day);
    forgetOld(rooms, start + 1_000 * day);
    expect(audited(rooms)).toHaveLength(3);
    note(rooms, 3, start + 999 * day);
    forgetOld(rooms, start + 1_000 * day);
    expect(audited(rooms)).toEqual([
      [1, start + 1],
      [2, start + 9_000 * day],
      [3, start + 999 * day],
    ]);
  });

  it('whatever was noted and whenever it was tidied, stays exactly that', () => {
    const step = fc.record({
      key: fc.integer({ min: 1, max: 5 }),
      days: fc.constantFrom(0, 1, 30, 150, 399, 500),
      tidy: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) =>
        withRooms((rooms) => {
          const all: [number, number][] = [];
          let now = start;
          for (const { key, days, tidy } of steps) {
            now += days * day;
            note(rooms, key, now);
            all.push([key, now]);
            if (tidy) forgetOld(rooms, now);
          }
          forgetOld(rooms, now);
          const limit = now - 400 * day;
          const lastBefore = new Map(all.filter(([, at]) => at < limit));
          const counts = new Map<string, number>();
          for (const entry of audited(rooms)) counts.set(entry.join(), (counts.get(entry.join()) ?? 0) + 1);
          for (const [key, at] of all.filter(([, time]) => time >= limit)) {
            expect(counts.get(`${key},${at}`)).toBeGreaterThan(0);
          }
          const old = audited(rooms).filter(([, at]) => at < limit);
          expect(new Map(old)).toEqual(lastBefore);
          expect(old).toHaveLength(lastBefore.size);
        }),
      ),
      { numRuns: 60 },
    );
  });
});

describe('of the runs', () => {
  const addRun = (rooms: StateRooms, at: number, values: Partial<RunRow> = {}): string => {
    const run = rooms.runs.request({ kind: 'resync', dryRun: true, requestedBy: 'test' }, at);
    rooms.runs.set(run.id, { status: 'succeeded', startedAt: at, finishedAt: at, ...values });
    return run.id;
  };

  it('stay those of 90 days, the newest 100 in any case, and whoever is not over', () => {
    const rooms = makeRooms();
    const open = addRun(rooms, start, { status: 'running', finishedAt: null });
    const old = Array.from({ length: 120 }, (_, at) => addRun(rooms, start + at));
    forgetOld(rooms, start + 90 * day);
    expect(rooms.runs.list(999)).toHaveLength(121);
    forgetOld(rooms, start + 91 * day);
    const left = rooms.runs.list(999).map((run) => run.id);
    expect(left).toEqual([...old.slice(20).reverse(), open]);
    const young = Array.from({ length: 150 }, (_, at) => addRun(rooms, start + 91 * day + at));
    forgetOld(rooms, start + 92 * day);
    expect(rooms.runs.list(999).map((run) => run.id)).toEqual([...young.reverse(), open]);
  });

  it('the plans of dry runs go after a week, or when twenty newer ones have come', () => {
    const rooms = makeRooms();
    const planned = (): number => rooms.runs.list(999).filter(({ plan }) => plan !== null).length;
    for (let at = 0; at < 25; at += 1) addRun(rooms, start + at, { plan: '{}' });
    addRun(rooms, start, { status: 'running', finishedAt: null, plan: '{}' });
    forgetOld(rooms, start + day);
    expect(planned()).toBe(21);
    forgetOld(rooms, start + 8 * day);
    expect([planned(), rooms.runs.list(999).length]).toEqual([1, 26]);
  });
});

describe('of the holds', () => {
  it('stay those of 400 days, the open ones, and those whose decision still holds for somebody', () => {
    const rooms = makeRooms();
    const figures = { limit: 1, removedInWindow: 0, enabledAccounts: 9, cause: 'guard' };
    const hold = (key: number): number => {
      rooms.removals.propose(key, 'disable', 'left', 'test', start);
      return rooms.removals.holdProposed(figures, start).id;
    };
    const approved = hold(1);
    rooms.removals.decide(approved, 'approve', 'test', start);
    rooms.removals.drop(1);
    const discarded = hold(2);
    rooms.removals.decide(discarded, 'discard', 'test', start);
    const superseded = hold(3);
    const open = hold(4);
    const left = () => rooms.removals.list(99).map((one) => one.id);
    forgetOld(rooms, start + 400 * day);
    expect(left()).toEqual([open, superseded, discarded, approved]);
    forgetOld(rooms, start + 401 * day);
    expect(left()).toEqual([open, discarded]);
    // The person is still kept, and may still be given up.
    expect(rooms.removals.decide(discarded, 'approve', 'test', start)).toEqual({ ok: true, people: 1 });
  });
});

describe('forgetting', () => {
  /** Every statement of one pass. */
  function statementsOf(rooms: StateRooms, now: number): string[] {
    const texts = new Set<string>();
    const { sql } = rooms.state;
    rooms.state.sql = (text) => {
      texts.add(text);
      return sql(text);
    };
    forgetOld(rooms, now, ['sql']);
    rooms.state.sql = sql;
    return [...texts];
  }

  it('goes in bites, of which none has more than some thousand rows, and ends with little to look at', () => {
    const rooms = makeRooms();
    rooms.inbox.append(
      Array.from({ length: 9_000 }, (_, at) => ({
        verdict: 'accepted',
        kind: 'change',
        subscriptionId: 's',
        event: 'updated',
        resource: 'users',
        objectId: id(at),
        count: 1,
      })),
      start,
    );
    rooms.inbox.fold(start);
    rooms.state.transaction(() => {
      for (let at = 0; at < 4_000; at += 1) note(rooms, at % 100, start + at);
    });
    const changes = (): number => rooms.state.sql('SELECT total_changes()').pluck().get() as number;
    const bites: number[] = [];
    let before = changes();
    for (const _ of passOver(rooms, start + 500 * day)) {
      bites.push(changes() - before);
      before = changes();
    }
    expect(rooms.state.sql('SELECT count(*) FROM notification').pluck().get()).toBe(0);
    expect(audited(rooms)).toHaveLength(100);
    expect(Math.max(...bites)).toBeLessThan(2_500);
    expect(bites.length).toBeGreaterThan(10);
    expect(forgetOld(rooms, start + 500 * day)).toBeLessThan(10);
  });

  it('reads no large table from end to end', () => {
    const rooms = makeRooms();
    for (const name of ['users', 'groups'] as const) {
      rooms.streams.prepare(name, 'id', start);
      rooms.streams.set(name, { fullRead: 1 });
    }
    writeAccount(rooms, 1);
    rooms.targets.applied('sql', 1, start);
    note(rooms, 1, start);
    const texts = [
      ...statementsOf(rooms, start),
      ...statementsOf(rooms, start + 500 * day),
      // Those that ask for people are prepared only where somebody is gone.
      ...forgettingSomebody(rooms),
    ];
    expect(texts.length).toBeGreaterThan(12);
    const large =
      /SCAN (o|a|p|entry|earlier|notification|audit|run|hold|account|directory_object|membership|refusal|removal)\b(?! USING (COVERING )?INDEX (run_plan|run_requested|run_unfinished)\b)/;
    for (const text of texts) {
      const plan = rooms.state
        .sql(`EXPLAIN QUERY PLAN ${text.replace(/:\w+|\?/g, '1')}`)
        .all()
        .map((row) => (row as { detail: string }).detail);
      expect(
        plan.filter((line) => large.test(line)),
        text,
      ).toEqual([]);
    }
  });

  function forgettingSomebody(rooms: StateRooms): string[] {
    rooms.state
      .sql(
        `INSERT INTO directory_object(key, id, kind, state, read) VALUES (1, 'a', 'user', 'gone', 1), (2, 'b', 'user', 'present', 1)`,
      )
      .run();
    writeAccount(rooms, 1, {}, { present: false });
    writeAccount(rooms, 2);
    rooms.targets.applied('sql', 9, start);
    rooms.meta.setText('delivered-marks', JSON.stringify([{ at: start, revision: 9, read: 9 }]));
    const texts = statementsOf(rooms, start + 500 * day);
    expect(rooms.ledger.get(1)).toBeUndefined();
    return texts;
  }
});
