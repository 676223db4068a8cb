// Tests what a stream that fails again and again may cost, and who waits for it.
import { expect, it } from 'vitest';
import { GraphFailure } from '../../src/graph/errors.ts';
import { id, makeRooms } from '../helpers/state.ts';
import { lastPage, makeEngine, person, type Script, until } from './review-kit.ts';

const failure = (kind: GraphFailure['kind'], code?: string): GraphFailure =>
  new GraphFailure({
    kind,
    operation: 'users.delta',
    what: 'It is refused.',
    advice: 'Wait.',
    ...(code !== undefined && { code }),
  });

it('a delta link that is refused each time does not have the tenant read over and over', async () => {
  let full = 0;
  let refused = 0;
  const script: Script = async function* (stream, { full: isFull, beginRead }) {
    const read = beginRead();
    await Promise.resolve();
    if (stream === 'users') {
      if (!isFull) {
        refused += 1;
        throw failure('permanent', 'foreign-link');
      }
      full += 1;
    }
    yield lastPage(read, isFull && stream === 'users' ? [person(1)] : []);
  };
  const { engine, rooms } = makeEngine(script);
  await engine.start();
  await until(() => refused === 3, 'the link was refused three times');
  const { dueAt, error } = rooms.streams.get('users');
  expect(full).toBe(3);
  // Each waits twice as long as the one before; the status can say why.
  expect(dueAt - Date.now()).toBeGreaterThan(300);
  expect(error).toContain('It is refused.');
});

it('many who wait for a round of a stream that fails are read by name', async () => {
  const rooms = makeRooms();
  const people = Array.from({ length: 150 }, (_, index) => person(index + 1));
  let isDown = false;
  const script: Script = async function* (stream, { full, beginRead }) {
    const read = beginRead();
    await Promise.resolve();
    if (stream === 'users' && isDown) throw failure('transient');
    yield lastPage(read, full && stream === 'users' ? people : []);
  };
  const readByName = new Set<string>();
  const { engine } = makeEngine(script, {
    rooms,
    graph: {
      lookUpUsers: (ids) => {
        for (const one of ids) readByName.add(one);
        const found = ids.map((one) => people.find((each) => each.id === one) ?? person(1));
        return Promise.resolve({
          read: rooms.directory.beginRead(),
          results: new Map(found.map((object) => [object.id, { kind: 'found' as const, object }])),
        });
      },
    },
  });
  await engine.start();
  await until(() => engine.isAtRest(), 'rest');
  isDown = true;
  const items = people.slice(0, 120).map(({ id: objectId }) => ({
    verdict: 'accepted' as const,
    kind: 'change' as const,
    subscriptionId: 's',
    event: 'updated',
    resource: 'users' as const,
    objectId,
    count: 1,
  }));
  rooms.inbox.append(items, Date.now());
  engine.notified();
  await until(() => readByName.size === 120, 'all were read by name');
});

it('entries that cannot be read remove nobody, also where another selection makes everything be read anew', async () => {
  const rooms = makeRooms();
  const scriptOf = (numbers: readonly number[], invalid: number): Script =>
    async function* (stream, { full, beginRead }) {
      const page = lastPage(
        beginRead(),
        full && stream === 'users' ? numbers.map((number) => person(number)) : [],
      );
      await Promise.resolve();
      yield full && stream === 'users' ? { ...page, invalid } : page;
    };
  const first = makeEngine(scriptOf([1, 2], 0), { rooms });
  await first.engine.start();
  await until(() => first.engine.isAtRest(), 'rest');
  await first.engine.stop();
  rooms.streams.set('users', { selected: 'something older' });
  const second = makeEngine(scriptOf([1], 1), { rooms });
  await second.engine.start();
  await until(() => second.engine.isAtRest(), 'rest');
  expect(rooms.directory.stateOf(id(2))).toBe('present');
});

it('an entry that cannot be read asks for everything, but not day in, day out', async () => {
  const full: boolean[] = [];
  let isSpoilt = false;
  const { engine, rooms } = makeEngine(async function* (stream, options) {
    const page = lastPage(options.beginRead(), stream === 'users' && options.full ? [person(1)] : []);
    await Promise.resolve();
    if (stream === 'users') full.push(options.full);
    yield stream === 'users' && isSpoilt ? { ...page, invalid: 1 } : page;
  });
  await engine.start();
  await until(() => engine.isAtRest(), 'rest');
  const followed = async (rounds: number): Promise<void> => {
    rooms.streams.due('users', Date.now());
    engine.notified();
    await until(() => full.length >= rounds && engine.isAtRest(), `round ${rounds}`);
  };
  isSpoilt = true;
  const before = full.length;
  // The last full round was a moment ago.
  await followed(before + 1);
  expect(full.slice(before)).toEqual([false]);
  rooms.streams.set('users', { fullCompletedAt: Date.now() - 2 * 86_400_000 });
  await followed(before + 3);
  expect(full.slice(before)).toEqual([false, false, true]);
  await followed(before + 4);
  expect(full.slice(before).filter((one) => one)).toHaveLength(1);
});
