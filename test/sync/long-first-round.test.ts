// Tests when a first round gets help with its writing: once it is long, and until it is swept or has failed.
import { expect, test } from 'vitest';
import type { DeltaPage } from '../../src/graph/delta.ts';
import { id, makeRooms } from '../helpers/state.ts';
import { lastPage, makeEngine, person, type Script, until } from './review-kit.ts';

/** An engine on such rounds, and when help with its writing began and ended. */
function makeHelped(script: Script, begin = (): void => undefined) {
  const calls: string[] = [];
  const rooms = {
    ...makeRooms(),
    startCheckpoints: () => {
      calls.push('begin');
      begin();
      return () => {
        calls.push('end');
        return Promise.resolve();
      };
    },
  };
  return { ...makeEngine(script, { rooms }), calls };
}

/** Rounds of users with so many pages, each of one person; `failAt` fails once, before that page. */
function pagesOf(count: number, failAt?: number): Script {
  let failing = failAt;
  return async function* (stream, { link, beginRead }) {
    await Promise.resolve();
    if (stream === 'groups') {
      yield lastPage(beginRead(), [{ id: id(900), properties: { displayName: 'Group' }, members: [] }]);
      return;
    }
    const from = link?.startsWith('page ') === true ? Number(link.slice(5)) : 1;
    for (let page = from; page < count; page += 1) {
      if (page === failing) {
        failing = undefined;
        throw new Error('the network is down');
      }
      const objects = [person(page)];
      yield { read: beginRead(), invalid: 0, objects, nextLink: `page ${page + 1}` } satisfies DeltaPage;
    }
    yield lastPage(beginRead(), [person(count)]);
  };
}

test('a long first round is helped once; short ones and later ones are not', async () => {
  const { engine, rooms, calls } = makeHelped(pagesOf(30));
  await engine.start();
  await until(() => engine.isAtRest(), 'rest');
  expect(calls).toEqual(['begin', 'end']);
  // Another round of as many pages, of what is known by now.
  const { completedAt } = rooms.streams.get('users');
  await until(() => Date.now() > (completedAt ?? 0), 'the next millisecond');
  rooms.streams.due('users', Date.now());
  engine.notified();
  await until(() => (rooms.streams.get('users').completedAt ?? 0) > (completedAt ?? 0), 'the next round');
  await until(() => engine.isAtRest(), 'rest');
  expect(calls).toEqual(['begin', 'end']);
});

test('help ends with a round that fails', async () => {
  const { engine, rooms, calls } = makeHelped(pagesOf(30, 25));
  await engine.start();
  await until(() => rooms.streams.get('users').attempt > 0, 'the failure');
  await until(() => calls.length === 2, 'the end of the help');
  await until(() => engine.isAtRest(), 'rest');
  // The six pages that were left are no long round.
  expect(calls).toEqual(['begin', 'end']);
  expect(rooms.directory.counts().users).toBe(30);
});

test('where no thread can be had, the round goes on without', async () => {
  const { engine, rooms, calls, log } = makeHelped(pagesOf(30), () => {
    throw new Error('no more threads');
  });
  await engine.start();
  await until(() => engine.isAtRest(), 'rest');
  expect(calls).toEqual(['begin']);
  expect(rooms.directory.counts().users).toBe(30);
  expect(log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
    'A thread could not be started; the first reading takes a little longer without it',
  ]);
});
