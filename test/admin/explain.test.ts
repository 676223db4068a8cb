// Owns the proof that an explanation says why a person is, or is not, an account.
import { afterEach, describe, expect, it } from 'vitest';
import { explain } from '../../src/sync/explain.ts';
import { closeWorlds, group, idOf, openWorld, start, user, type World } from './fixture.ts';

afterEach(closeWorlds);

const dayMs = 86_400_000;

async function ask(world: World, query: string) {
  const settings = { policy: 'disable', graceDays: 30 } as const;
  const { people } = await explain({ rooms: world.rooms, mapping: world.mapping, settings }, query);
  return people;
}

async function say(world: World, query: string): Promise<string> {
  return (await ask(world, query)).map((person) => person.sentences.join('\n')).join('\n---\n');
}

describe('a person is found', () => {
  it.each([
    ['by the login', 'user1'],
    ['by the login in other letters', ' USER1 '],
    ['by the user principal name', 'User1@Contoso.example'],
    ['by the object id', idOf(1).toUpperCase()],
  ])('%s', async (_, query) => {
    const world = openWorld();
    world.read('user', [user(1), user(2)]);
    world.settle();
    expect((await ask(world, query)).map((person) => person.id)).toEqual([idOf(1)]);
  });

  it('by the login that an account would have, where there is none', async () => {
    const world = openWorld();
    world.read('user', [user(1, { accountEnabled: false })]);
    world.settle();
    const [person] = await ask(world, 'user1');
    expect(person).toMatchObject({ id: idOf(1), account: null });
  });

  it('by a login with letters beyond ASCII, in another case', async () => {
    const world = openWorld();
    world.read('user', [user(1, { mailNickname: 'Ælfrida', accountEnabled: false })]);
    expect((await ask(world, 'ÆLFRIDA')).map((person) => person.id)).toEqual([idOf(1)]);
  });

  it('by the last login of an account that is gone', async () => {
    const world = openWorld();
    world.read('user', [user(1)]);
    world.settle();
    world.read('user', [{ id: idOf(1), removed: 'deleted', properties: {} }]);
    world.settle();
    world.now = start + 31 * dayMs;
    world.rooms.ledger.markExpired(world.now, 1, 'grace over');
    world.settle();
    expect(await say(world, 'user1')).toContain('it was removed');
  });

  it('not at all by somebody else’s text, or by nothing', async () => {
    const world = openWorld();
    world.read('user', [user(1)]);
    world.settle();
    for (const query of ['user', 'ser1', '%', '_____', '', idOf(9)])
      expect(await ask(world, query)).toEqual([]);
  });

  it('together with whoever waits for the same login', async () => {
    const world = openWorld();
    world.read('user', [user(1, { mailNickname: 'anna' })]);
    world.settle();
    world.read('user', [user(2, { mailNickname: 'Anna' })]);
    world.settle();
    const people = await ask(world, 'anna');
    expect(people.map((person) => person.id).toSorted()).toEqual([idOf(1), idOf(2)]);
    const waiting = people.find((person) => person.id === idOf(2));
    expect(waiting?.login.heldBy).toMatchObject({ id: idOf(1), login: 'anna' });
    expect(waiting?.sentences.join(' ')).toContain('who had it first and keeps it');
    expect(waiting?.sentences[0]).toContain('no account, because the login is taken');
  });
});

describe('an explanation', () => {
  it('tells an account, its login and its targets', async () => {
    const world = openWorld();
    world.read('user', [user(1)]);
    world.settle();
    world.rooms.targets.applied('sqlite', world.rooms.ledger.revision(), start);
    const text = await say(world, 'user1');
    expect(text).toContain('User 1 has an enabled account with the login "user1".');
    expect(text).toContain('The login "user1" comes from mailNickname.');
    expect(text).toContain('The target sqlite holds the account as it should be.');
    expect(text).toContain('Last change: create');
  });

  it('names the way into the scope through nested groups', async () => {
    const world = openWorld({ scope: { groups: ['Everybody'] } });
    world.read('user', [user(1), user(2)]);
    world.read('group', [
      group(1, 'Everybody', [idOf(2, 'group')]),
      group(2, 'Department', [idOf(3, 'group'), idOf(2)]),
      group(3, 'Team', [idOf(1), idOf(1, 'group')]),
    ]);
    world.settle();
    expect(await say(world, 'user1')).toContain(
      'In scope as a member of "Team", which is nested in "Department", in "Everybody".',
    );
    expect(await say(world, 'user2')).toContain(
      'In scope as a member of "Department", which is nested in "Everybody".',
    );
  });

  it('names the groups of whoever is out of scope, and a scope group that the tenant lacks [pitfall 26]', async () => {
    const world = openWorld({ scope: { groups: ['Stafff', 'Everybody'] } });
    world.read('user', [user(1)]);
    world.read('group', [group(1, 'Everybody'), group(2, 'Visitors', [idOf(1)])]);
    world.settle();
    const text = await say(world, idOf(1));
    expect(text).toMatch(/^User 1 has no account, because no group named under scope\.groups/);
    expect(text).toContain('("Visitors")');
    expect(text).toContain('no group for "Stafff"');
  });

  it('names published groups', async () => {
    const world = openWorld({ groups: { publish: ['Print *'] } });
    world.read('user', [user(1), user(2)]);
    world.read('group', [group(1, 'Print colour', [idOf(1)]), group(2, 'Other', [idOf(1)])]);
    world.settle();
    expect(await say(world, 'user1')).toContain('Published groups of the person: Print colour.');
    expect(await say(world, 'user2')).toContain('none of the published groups');
  });

  it.each([
    ['a disabled user', { accountEnabled: false }, /because the user is disabled in Entra/],
    ['a guest', { userType: 'Guest' }, /because the user is a guest/],
    [
      'somebody without a login',
      { mailNickname: null, userPrincipalName: null },
      /because none of the properties that make the login .* has a value/,
    ],
  ])('says why %s has no account [pitfall 26]', async (_, properties, sentence) => {
    const world = openWorld();
    world.read('user', [user(1, properties)]);
    world.settle();
    expect(await say(world, idOf(1))).toMatch(sentence);
  });

  it('tells when a disabled account is deleted', async () => {
    const world = openWorld();
    world.read('user', [user(1)]);
    world.settle();
    world.read('user', [user(1, { accountEnabled: false })]);
    world.settle();
    const [person] = await ask(world, 'user1');
    expect(person?.account?.deletedAfter).toBe(new Date(start + 30 * dayMs).toISOString());
    expect(person?.sentences[0]).toContain('has a disabled account');
  });

  it('tells a held and a discarded removal', async () => {
    const world = openWorld();
    const everybody = (accountEnabled: boolean) =>
      Array.from({ length: 12 }, (_, n) => user(n, { accountEnabled }));
    world.read('user', everybody(true));
    world.settle();
    world.read('user', everybody(false));
    world.settle();
    expect(await say(world, 'user3')).toContain('is held with others in hold 1');
    world.rooms.removals.decide(1, 'discard', 'test', start);
    expect(await say(world, 'user3')).toContain('was discarded by an operator (hold 1)');
  });

  it('tells a refusal of a target, and one that is behind', async () => {
    const world = openWorld();
    world.read('user', [user(1)]);
    world.settle();
    world.rooms.targets.applied('mysql', 0, start);
    expect(await say(world, 'user1')).toContain('The target mysql does not have the last change yet.');
    world.rooms.targets.failed('mysql', 'no route to it', start);
    expect(await say(world, 'user1')).toContain(
      'cannot be written since 2026-02-03T04:05:06.000Z: no route to it',
    );
    world.rooms.targets.refused(
      'mysql',
      world.rooms.people.keyOf(idOf(1)) ?? 0,
      'the login is too long',
      start,
    );
    expect(await say(world, 'user1')).toContain('refuses the person: the login is too long');
  });

  it('says so where the first reading has not ended, or the user was never read', async () => {
    const world = openWorld();
    world.rooms.streams.set('groups', { fullRead: null });
    world.read('user', [user(1)]);
    world.read('group', [group(1, 'Staff', [idOf(2)])]);
    expect(await say(world, idOf(1))).toContain('the first complete reading of the tenant has not ended');
    expect(await say(world, idOf(2))).toContain('never read from Entra');
    expect(await say(world, idOf(1))).toContain('waits to be worked in');
  });

  it('tells a soft deletion apart from a final one', async () => {
    const world = openWorld();
    world.read('user', [user(1), user(2)]);
    world.settle();
    world.read('user', [
      { id: idOf(1), removed: 'changed', properties: {} },
      { id: idOf(2), removed: 'deleted', properties: {} },
    ]);
    world.settle();
    expect(await say(world, idOf(1))).toContain('can be restored for about 30 days');
    expect(await say(world, idOf(2))).toContain('gone for good');
  });
});
