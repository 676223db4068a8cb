// Owns the proof of how delta pages are taken up: a page and its link together, pieces, repeats, and answers that say nothing.
import { describe, expect, it } from 'vitest';
import type { DeltaObject, DeltaPage } from '../../src/graph/delta.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { edges, id, keyOf, member } from '../helpers/state.ts';
import { lastPage, makeEngine, memoryTarget, person, type Script, scriptOf, until } from './review-kit.ts';

const propertiesOf = (rooms: StateRooms, number: number) =>
  rooms.people.load([keyOf(rooms, number)], true)[0]?.user?.properties;
const removed = (number: number, how: 'changed' | 'deleted'): DeltaObject => ({
  id: id(number),
  removed: how,
  properties: {},
});
const group = (number: number, members: readonly number[], properties: Record<string, unknown> = {}) => ({
  id: id(number),
  properties: { displayName: `Group ${number}`, ...properties },
  members: members.map((one) => member(one)),
});

/** A page in the middle of a round. */
function pageTo(link: string, read: number, objects: readonly DeltaObject[]): DeltaPage {
  return { read, invalid: 0, objects, nextLink: link };
}

/** An engine at rest on a first reading, and a way to give it more rounds. */
async function makeFollower(
  first: Parameters<typeof scriptOf>[0],
  options: Parameters<typeof makeEngine>[1] = {},
) {
  const { script, queue } = scriptOf(first);
  const target = memoryTarget();
  const { engine, rooms } = makeEngine(script, { targets: [target], ...options });
  await engine.start();
  await until(() => engine.isAtRest(), 'rest');
  const follow = async (stream: 'users' | 'groups', objects: readonly DeltaObject[]): Promise<void> => {
    const before = rooms.streams.get(stream).roundRead;
    queue[stream].push(...objects);
    rooms.streams.due(stream, Date.now());
    engine.notified();
    const isRead = () => {
      const { roundRead, round } = rooms.streams.get(stream);
      return roundRead !== before && round === null;
    };
    await until(() => isRead() && engine.isAtRest(), 'the end of the round');
  };
  return { rooms, target, follow };
}

describe('a crash between taking up a page and keeping its link', () => {
  it('leaves neither, and the page is read again [trouble 13.12]', async () => {
    const asked: (string | undefined)[] = [];
    let isSecond = false;
    const script: Script = async function* (stream, { full, link, beginRead }) {
      await Promise.resolve();
      if (full || stream === 'groups') {
        yield lastPage(beginRead(), full && stream === 'users' ? [person(1), person(2)] : []);
        return;
      }
      if (!isSecond) {
        yield lastPage(beginRead());
        return;
      }
      asked.push(link);
      if (link !== 'page 2') yield pageTo('page 2', beginRead(), [person(1, { displayName: 'One' })]);
      yield lastPage(beginRead(), [person(2, { displayName: 'Two' }), person(3)]);
    };
    const { engine, rooms } = makeEngine(script);
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    const crashAt = (condition: string) =>
      rooms.state
        .sql(
          `CREATE TRIGGER crash BEFORE UPDATE ON stream WHEN ${condition} BEGIN SELECT RAISE(ABORT, 'crash'); END`,
        )
        .run();
    const attempts = () => rooms.streams.get('users').attempt;

    isSecond = true;
    crashAt(`NEW.next_link = 'page 2'`);
    rooms.streams.due('users', Date.now());
    engine.notified();
    await until(() => attempts() > 0, 'the crash at the first page');
    expect(rooms.streams.get('users').nextLink).not.toBe('page 2');
    expect(propertiesOf(rooms, 1)).not.toHaveProperty('displayName');

    rooms.state.sql('DROP TRIGGER crash').run();
    crashAt(`OLD.next_link = 'page 2' AND NEW.next_link IS NULL`);
    await until(() => rooms.streams.get('users').nextLink === 'page 2' && attempts() > 0, 'the second crash');
    expect(propertiesOf(rooms, 1)).toMatchObject({ displayName: 'One' });
    expect(rooms.directory.stateOf(id(3))).toBeUndefined();

    rooms.state.sql('DROP TRIGGER crash').run();
    await until(() => engine.isAtRest() && rooms.directory.stateOf(id(3)) === 'present', 'the end');
    expect(propertiesOf(rooms, 2)).toMatchObject({ displayName: 'Two' });
    expect(asked[0]).toBe('next-time');
    expect(asked.at(-1)).toBe('page 2');
  });
});

describe('a round', () => {
  it('with an object in pieces, twice, removed, restored or never heard of ends as its order says [pitfall 21] [trouble 13.11]', async () => {
    const { rooms, target, follow } = await makeFollower({
      users: [removed(90, 'deleted'), person(1), removed(2, 'changed'), person(3), person(4), person(1)],
      groups: [group(10, [1]), group(11, [1]), group(10, [3]), removed(91, 'changed'), group(10, [4])],
    });
    expect(edges(rooms)).toEqual([
      [10, 1],
      [10, 3],
      [10, 4],
      [11, 1],
    ]);
    expect([...target.accounts.keys()].sort()).toEqual([id(1), id(3), id(4)]);
    expect([2, 90, 91].map((one) => rooms.directory.stateOf(id(one)))).toEqual(Array(3).fill(undefined));

    await follow('users', [
      person(3, { displayName: 'Older' }),
      removed(92, 'deleted'),
      person(3, { displayName: 'Newer' }),
      removed(4, 'changed'),
    ]);
    expect(propertiesOf(rooms, 3)).toMatchObject({ displayName: 'Newer' });
    expect(target.accounts.get(id(4))?.enabled).toBe(false);
    expect(edges(rooms)).toContainEqual([10, 4]);
    await follow('users', [person(4)]);
    expect(target.accounts.get(id(4))?.enabled).toBe(true);
  });

  it.each<[string, DeltaObject]>([
    ['the whole object', person(1, { displayName: 'Anna Neu', mail: 'anna@x', department: null })],
    ['only what changed', { id: id(1), properties: { displayName: 'Anna Neu', department: null } }],
  ])(
    'that shows %s leaves alone what is absent, and clears what is null [trouble 13.11]',
    async (_, shown) => {
      const { rooms, follow } = await makeFollower({
        users: [person(1, { mail: 'anna@x', department: 'Law' })],
        groups: [],
      });
      await follow('users', [shown]);
      expect(propertiesOf(rooms, 1)).toEqual(
        person(1, { displayName: 'Anna Neu', mail: 'anna@x' }).properties,
      );
    },
  );
});

describe('notifications about a group that arrive while its round is being read', () => {
  it.each([1, 10])('cause one more round, not none and not ten: %i of them [pitfall 2]', async (count) => {
    let rounds = 0;
    let meanwhile = (): void => undefined;
    const script: Script = async function* (stream, { full, beginRead }) {
      const read = beginRead();
      await Promise.resolve();
      const isCounted = !full && stream === 'groups' && isAsked;
      if (isCounted) {
        rounds += 1;
        meanwhile();
      }
      yield lastPage(read, isCounted ? [group(10, [], { displayName: `Name ${rounds}` })] : []);
    };
    let isAsked = false;
    const { engine, rooms } = makeEngine(script);
    const notify = (): void => {
      rooms.inbox.append(
        [
          {
            ...{ verdict: 'accepted', kind: 'change', subscriptionId: 's', event: 'updated' },
            ...{ resource: 'groups', objectId: id(10), count: 1 },
          },
        ],
        Date.now(),
      );
      rooms.inbox.fold(Date.now());
    };
    await engine.start();
    await until(() => engine.isAtRest(), 'rest');
    isAsked = true;
    meanwhile = () => {
      meanwhile = () => undefined;
      for (let at = 0; at < count; at += 1) notify();
    };
    notify();
    engine.notified();
    const isAnswered = () => rounds > 1 && rooms.inbox.countDue('groups', Date.now()) === 0;
    await until(() => isAnswered() && rooms.streams.get('groups').round === null, 'the second round');
    expect(rounds).toBe(2);
    // The next look confirms what was shown, seconds later.
    expect(rooms.inbox.nextDue('groups')).toBeGreaterThan(Date.now() + 1_000);
  });
});

describe('an answer in which everything is null, since the application may not read it', () => {
  it('changes nobody, in a later round and in a full one [pitfall 23] [trouble 13.18]', async () => {
    const nothing: Record<string, unknown> = Object.fromEntries(
      Object.keys(person(1).properties).map((name) => [name, null]),
    );
    const first = {
      users: [person(1, { mail: 'anna@x' })],
      groups: [group(10, [1])],
    };
    const patch = { groups: { publish: ['Group*'] } };
    const { rooms, target, follow } = await makeFollower(first, { patch });
    const before = [propertiesOf(rooms, 1), rooms.ledger.revision()];
    await follow('users', [{ id: id(1), properties: { ...nothing, mail: null } }]);
    await follow('groups', [{ id: id(10), properties: { displayName: null, visibility: null } }]);
    expect([propertiesOf(rooms, 1), rooms.ledger.revision()]).toEqual(before);

    first.users.splice(0, 1, { id: id(1), properties: { ...nothing, mail: null } });
    for (const stream of ['users', 'groups'] as const) {
      rooms.streams.set(stream, { fullWanted: rooms.directory.beginRead() });
      await follow(stream, []);
    }
    expect([propertiesOf(rooms, 1), rooms.ledger.revision()]).toEqual(before);
    expect(target.accounts.get(id(1))).toEqual({ enabled: true, groups: [id(10)] });
  });
});
