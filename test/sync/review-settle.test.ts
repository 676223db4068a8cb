// Owns the proof that settling loses no membership, is stopped by nobody, and says things once.

import { describe, expect, it } from 'vitest';
import { apply, group, id, keyOf, member, tombstone, user } from '../helpers/state.ts';
import { makeSettler, person } from './review-kit.ts';

const published = { groups: { publish: ['Group *'], nested: true } };

describe('a published group', () => {
  it('goes only after every account has given up its membership', () => {
    const { rooms, settler, settle } = makeSettler({ patch: published });
    apply(rooms, 'user', [person(1), person(2)]);
    apply(rooms, 'group', [group(10, [member(1), member(2)])]);
    settle();
    const before = rooms.ledger.revision();
    apply(rooms, 'group', [tombstone(10, 'changed')]);
    settler.settleSome();
    expect(rooms.ledger.changesSince(before, 10).groups).toEqual([]);
    settle();
    const { accounts, groups, to } = rooms.ledger.changesSince(before, 10);
    expect(accounts.map((row) => row.groups)).toEqual([[], []]);
    expect(groups).toMatchObject([{ externalId: id(10), present: false }]);
    expect(accounts.every((row) => row.revision < to)).toBe(true);
  });

  it('that is back before its members were settled was never gone', () => {
    const { rooms, settler, settle } = makeSettler({ patch: published });
    apply(rooms, 'user', [person(1)]);
    apply(rooms, 'group', [group(10, [member(1)])]);
    settle();
    const before = rooms.ledger.revision();
    apply(rooms, 'group', [tombstone(10, 'changed')]);
    rooms.people.mark([keyOf(rooms, 1)], 'test');
    settler.settleSome();
    apply(rooms, 'group', [group(10)]);
    settle();
    expect(rooms.ledger.changesSince(before, 10).groups.filter(({ present }) => !present)).toEqual([]);
    expect(rooms.ledger.get(keyOf(rooms, 1))?.groups).toEqual([id(10)]);
  });

  it('that comes back is followed by every account that still names it', () => {
    const { rooms, settle } = makeSettler({ patch: published });
    apply(rooms, 'user', [person(1), person(2)]);
    apply(rooms, 'group', [group(10, [member(1)]), group(11, [member(2)])]);
    settle();
    rooms.state.sql('UPDATE published_group SET present = 0 WHERE external_id = ?').run(id(10));
    const before = rooms.ledger.revision();
    rooms.ledger.settleGroups('present');
    const changes = rooms.ledger.changesSince(before, 10);
    expect(changes.groups).toMatchObject([{ externalId: id(10), present: true }]);
    expect(changes.accounts.map((row) => row.externalId)).toEqual([id(1)]);
  });

  it('is worked out together with the nesting, or not at all', () => {
    const { rooms, settler } = makeSettler({ patch: published });
    apply(rooms, 'group', [group(10)]);
    const settleGroups = rooms.ledger.settleGroups;
    rooms.ledger.settleGroups = () => {
      throw new Error('the disk is full');
    };
    expect(() => settler.settleSome()).toThrow('the disk is full');
    expect(rooms.reach.isDirty()).toBe(true);
    rooms.ledger.settleGroups = settleGroups;
    settler.settleSome();
    expect(rooms.ledger.changesSince(0, 10).groups).toMatchObject([{ externalId: id(10) }]);
  });
});

describe('a person about whom an error arises', () => {
  it('is put aside and told; everybody else is settled, and the next change is tried again', () => {
    const { rooms, settle, log } = makeSettler();
    apply(
      rooms,
      'user',
      Array.from({ length: 40 }, (_, at) => person(at + 1)),
    );
    const write = rooms.ledger.write;
    const poisoned = keyOf(rooms, 17);
    rooms.ledger.write = (key, ...rest) => {
      if (key === poisoned) throw new Error('a value that nobody thought of');
      write(key, ...rest);
    };
    settle();
    expect([rooms.ledger.countPresent(), rooms.people.isEmpty()]).toEqual([39, true]);
    expect(rooms.people.issues(9)).toMatchObject([{ id: id(17), kind: 'failed' }]);
    expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { person: id(17) } },
    ]);
    rooms.ledger.write = write;
    apply(rooms, 'user', [person(17, { displayName: 'Changed' })]);
    settle();
    expect([rooms.ledger.countPresent(), rooms.people.countIssues()]).toEqual([40, 0]);
  });

  it('is not put aside for trouble with the database itself', () => {
    const { rooms, settler } = makeSettler();
    apply(rooms, 'user', [person(1), person(2)]);
    rooms.ledger.write = () => {
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    };
    expect(() => settler.settleSome()).toThrow('disk is full');
    expect([rooms.people.count(), rooms.people.countIssues()]).toEqual([2, 0]);
  });
});

describe('a login that two people want', () => {
  it('is told once, however often they are settled, and again when the other one changes', () => {
    const { rooms, settle, log } = makeSettler();
    const told = () => log.lines.filter(({ message }) => message.startsWith('Two people')).length;
    apply(rooms, 'user', [person(1, { mailNickname: 'anna' })]);
    settle();
    apply(rooms, 'user', [person(2, { mailNickname: 'anna' })]);
    settle();
    for (let again = 0; again < 3; again += 1) {
      rooms.people.mark([keyOf(rooms, 2)], 'again');
      settle();
    }
    expect(told()).toBe(1);
    apply(rooms, 'user', [person(3, { mailNickname: 'berta' })]);
    settle();
    apply(rooms, 'user', [person(2, { mailNickname: 'berta' })]);
    settle();
    expect(told()).toBe(2);
  });
});

describe('the audit of a million entries', () => {
  const plan = (rooms: ReturnType<typeof makeSettler>['rooms'], run: () => unknown): string => {
    const texts: string[] = [];
    const sql = rooms.state.sql.bind(rooms.state);
    rooms.state.sql = (text) => {
      texts.push(text);
      return sql(text);
    };
    run();
    return texts
      .filter((text) => text.includes('FROM audit'))
      .flatMap((text) => sql(`EXPLAIN QUERY PLAN ${text}`).all(0) as { detail: string }[])
      .map(({ detail }) => detail)
      .join('; ');
  };

  it('is not read through to count the removals of an hour, nor the changes of a resync', () => {
    const { rooms } = makeSettler();
    apply(rooms, 'user', [user(1)]);
    for (const [at, key, action] of [
      [1, 1, 'disable'],
      [5, 2, 'disable'],
      [6, 2, 'delete'],
      [7, 3, 'create'],
    ] as const) {
      rooms.ledger.audit({ at, key, action, cause: 'resync x', reason: null, changes: null });
    }
    expect([rooms.ledger.countRemovedSince(1), rooms.runs.changesOf('resync x')]).toEqual([
      1,
      { create: 1, delete: 1, disable: 2 },
    ]);
    expect(plan(rooms, () => rooms.ledger.countRemovedSince(1))).toMatch(/audit_removal \(at>/);
    expect(plan(rooms, () => rooms.runs.changesOf('resync x'))).toMatch(/audit_resync \(cause=/);
  });
});
