import { describe, expect, it } from 'vitest';
import { openState } from '../../src/state/database.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import type { SubscriptionRow } from '../../src/state/subscriptions.ts';
import { id, makeRooms, temporaryFile, writeAccount } from '../helpers/state.ts';

describe('a delta stream', () => {
  it('begins with a full round that is due at once', () => {
    const { streams } = makeRooms();
    expect(() => streams.get('users')).toThrow('was not prepared');
    expect(streams.prepare('users', 'id,mail', 50)).toEqual({ reset: false });
    expect(streams.get('users')).toMatchObject({
      selected: 'id,mail',
      deltaLink: null,
      round: null,
      dueAt: 50,
      fullRead: null,
    });
  });

  it('goes on where it stood, as long as the selection is the same', () => {
    const { streams } = makeRooms();
    streams.prepare('users', 'id', 1);
    streams.set('users', { deltaLink: 'link', fullRead: 7, dueAt: 90 });
    expect(streams.prepare('users', 'id', 100)).toEqual({ reset: false });
    expect(streams.get('users')).toMatchObject({ deltaLink: 'link', fullRead: 7, dueAt: 90 });
  });

  it('is read anew with another selection, and what a round of the old one left is not swept [pitfall 9]', () => {
    const { streams } = makeRooms();
    streams.prepare('users', 'id', 1);
    streams.prepare('groups', 'id', 1);
    streams.set('users', {
      deltaLink: 'link',
      nextLink: 'next',
      round: 'full',
      roundRead: 4,
      sweepRead: 4,
      fullRead: 2,
      fullCompletedAt: 3,
      attempt: 5,
    });
    streams.set('groups', { deltaLink: 'other' });
    expect(streams.prepare('users', 'id,mail', 100)).toEqual({ reset: true });
    expect(streams.get('users')).toMatchObject({
      selected: 'id,mail',
      deltaLink: null,
      nextLink: null,
      round: null,
      roundRead: null,
      sweepRead: null,
      fullRead: null,
      fullCompletedAt: null,
      attempt: 0,
      dueAt: 100,
    });
    expect(streams.get('groups').deltaLink).toBe('other');
  });

  it('can be asked for earlier, never later', () => {
    const { streams } = makeRooms();
    streams.prepare('groups', 'id', 100);
    streams.due('groups', 200);
    expect(streams.get('groups').dueAt).toBe(100);
    streams.due('groups', 50);
    expect(streams.get('groups').dueAt).toBe(50);
  });
});

describe('runs', () => {
  it('wait in the order of their request; the one under way comes before them', () => {
    const { runs } = makeRooms();
    expect(runs.next()).toBeUndefined();
    const first = runs.request({ kind: 'resync', requestedBy: 'api' }, 10);
    const second = runs.request({ kind: 'resync', dryRun: true, person: id(1), requestedBy: 'cli' }, 20);
    expect(second).toMatchObject({
      status: 'queued',
      dryRun: 1,
      person: id(1),
      requestedBy: 'cli',
      requestedAt: 20,
    });
    expect(runs.next()?.id).toBe(first.id);
    runs.set(second.id, { status: 'running' });
    expect(runs.next()?.id).toBe(second.id);
    runs.set(second.id, { status: 'succeeded', finishedAt: 30 });
    runs.set(first.id, { status: 'failed', error: 'because' });
    expect(runs.next()).toBeUndefined();
    expect(runs.get(first.id)).toMatchObject({ status: 'failed', error: 'because' });
    expect(runs.list(10).map((run) => run.id)).toEqual([second.id, first.id]);
    expect(runs.list(1)).toHaveLength(1);
    expect(runs.get('nothing')).toBeUndefined();
  });

  it('under way are found again after a restart [pitfall 27]', () => {
    const file = temporaryFile();
    const first = createStateRooms(openState(file));
    const { id: run } = first.runs.request({ kind: 'renew', requestedBy: 'cli' }, 1);
    first.runs.set(run, { status: 'running', startedAt: 2, phase: 'reading' });
    first.state.close();
    expect(makeRooms(file).runs.next()).toMatchObject({ id: run, status: 'running', phase: 'reading' });
  });

  it('count the changes made under their cause', () => {
    const { runs, ledger } = makeRooms();
    for (const [cause, action] of [
      ['run a', 'create'],
      ['run a', 'create'],
      ['run a', 'disable'],
      ['run b', 'update'],
    ] as const) {
      ledger.audit({ at: 1, key: 1, action, cause, reason: null, changes: { login: ['a', 'b'] } });
    }
    expect(runs.changesOf('run a')).toEqual({ create: 2, disable: 1 });
    expect(runs.changesOf('nothing')).toEqual({});
  });
});

describe('single values', () => {
  it('survive a restart, counters as numbers', () => {
    const file = temporaryFile();
    const first = createStateRooms(openState(file));
    expect([first.meta.counter('pause-until'), first.meta.text('rules')]).toEqual([0, undefined]);
    first.meta.setCounter('pause-until', 1_795_470_980_116);
    first.meta.setText('rules', '{"a":1}');
    first.meta.flush();
    first.state.close();
    const second = makeRooms(file);
    expect([second.meta.counter('pause-until'), second.meta.text('rules')]).toEqual([
      1_795_470_980_116,
      '{"a":1}',
    ]);
    expect(second.meta.ledgerId).toBe(first.meta.ledgerId);
  });

  it('name each ledger differently', () => {
    expect(makeRooms().meta.ledgerId).not.toBe(makeRooms().meta.ledgerId);
  });
});

describe('subscriptions', () => {
  const row: SubscriptionRow = {
    id: 'one',
    resource: 'users',
    clientState: 'secret',
    notificationUrl: 'https://example.org/graph/notifications',
    expiresAt: 100,
    createdAt: 1,
    touchedAt: 1,
    challengedAt: null,
    lostAt: null,
  };

  it('are kept with their client states, which Graph does not tell again', () => {
    const { subscriptions } = makeRooms();
    subscriptions.save(row);
    expect(subscriptions.get('one')).toEqual(row);
    subscriptions.save({ ...row, expiresAt: 200 });
    subscriptions.save({ ...row, id: 'two', resource: 'groups' });
    expect(subscriptions.list().map(({ id: one, expiresAt }) => [one, expiresAt])).toEqual([
      ['one', 200],
      ['two', 100],
    ]);
    subscriptions.remove('one');
    expect([subscriptions.get('one'), subscriptions.list().length]).toEqual([undefined, 1]);
  });

  it('tell whether Graph waits for an answer', () => {
    const { subscriptions } = makeRooms();
    subscriptions.save(row);
    expect(subscriptions.anyChallenged()).toBe(false);
    subscriptions.touch('one', { challengedAt: 5 });
    expect([subscriptions.anyChallenged(), subscriptions.get('one')?.challengedAt]).toEqual([true, 5]);
    subscriptions.touch('one', { challengedAt: null });
    expect(subscriptions.anyChallenged()).toBe(false);
  });
});

describe('what was seen of a target', () => {
  it('is its last revision, and since when it fails', () => {
    const { targets } = makeRooms();
    targets.applied('sql', 5, 10);
    targets.failed('sql', 'down', 20);
    targets.failed('sql', 'still down', 30);
    expect(targets.list()).toMatchObject([
      { name: 'sql', revision: 5, appliedAt: 10, failingSince: 20, error: 'still down' },
    ]);
    targets.applied('sql', 6, 40);
    expect(targets.list()).toMatchObject([
      { name: 'sql', revision: 6, appliedAt: 40, failingSince: null, error: null },
    ]);
  });

  it('is whom it refused, until it takes them', () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1);
    writeAccount(rooms, 2);
    rooms.targets.refused('sql', 1, 'too long', 10);
    rooms.targets.refused('sql', 2, 'too long', 20);
    rooms.targets.refused('sql', 1, 'bad character', 30);
    expect(rooms.targets.refusals(10).map(({ login, reason }) => [login, reason])).toEqual([
      ['user2', 'too long'],
      ['user1', 'bad character'],
    ]);
    rooms.targets.accepted('sql', [1, 2]);
    expect([rooms.targets.hasRefusals('sql'), rooms.targets.hasRefusals('ldap')]).toEqual([false, false]);
  });
});
