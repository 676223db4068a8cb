import { describe, expect, it } from 'vitest';
import {
  account,
  apply,
  group,
  id,
  keyOf,
  makeRooms,
  member,
  rebuild,
  settleAll,
  tombstone,
  user,
  waiting,
  writeAccount,
} from '../helpers/state.ts';

describe('loading people', () => {
  it('gives each with all that the decision needs, in the order asked for', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1, { mail: 'a@x' }), user(2)], {
      cause: { text: 'delta round', pingedAt: () => 70 },
    });
    apply(rooms, 'group', [group(12, [member(1)]), group(10, [member(1)]), group(11, [member(1)])]);
    rebuild(rooms, { scope: [11], publish: [12, 10] });
    const [one, two] = [keyOf(rooms, 1), keyOf(rooms, 2)];
    writeAccount(rooms, one, { login: 'Anna', groups: [id(10)] }, { pingedAt: 5 });
    rooms.removals.propose(one, 'disable', 'gone', 'delta round', 0);
    rooms.people.setIssue(two, { kind: 'no-login', detail: 'nothing', loginKey: null, since: 0 });
    const people = rooms.people.load([two, one], true);
    expect(people.map(({ key }) => key)).toEqual([two, one]);
    expect(people[0]).toEqual({
      key: two,
      user: { id: id(2), state: 'present', properties: { accountEnabled: true, mailNickname: 'user2' } },
      account: undefined,
      removal: undefined,
      hasIssue: true,
      inScopeGroup: false,
      groups: [],
      cause: 'notification',
      pingedAt: 70,
    });
    expect(people[1]).toMatchObject({
      account: { login: 'Anna', groups: [id(10)], present: true, revision: 1, pingedAt: 5 },
      removal: 'proposed',
      hasIssue: false,
      inScopeGroup: true,
      groups: [id(10), id(12)],
    });
  });

  it('gives deleted users with their state, and no user at all for what was never read or is none', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    apply(rooms, 'user', [tombstone(1, 'deleted')]);
    apply(rooms, 'group', [group(10, [member(2), member(3, 'other')])]);
    const people = rooms.people.load(
      [1, 2, 3, 10].map((one) => keyOf(rooms, one)),
      true,
    );
    expect(people.map((person) => person.user?.state)).toEqual(['gone', undefined, undefined, undefined]);
  });

  it('names a reason for those who were not marked', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    settleAll(rooms);
    expect(rooms.people.load([keyOf(rooms, 1)], true)[0]).toMatchObject({
      cause: 'login freed',
      pingedAt: null,
    });
  });
});

describe('the queue of people to settle', () => {
  it('is taken in the order of keys, and forgets whom it is told are done', () => {
    const rooms = makeRooms();
    rooms.people.mark([5, 3, 9, 3], 'test');
    expect([rooms.people.count(), rooms.people.isEmpty()]).toEqual([3, false]);
    expect(rooms.people.nextKeys(2)).toEqual([3, 5]);
    rooms.people.done([3, 5, 7]);
    expect(rooms.people.nextKeys(2)).toEqual([9]);
    rooms.people.done([9]);
    expect(rooms.people.isEmpty()).toBe(true);
  });

  it('takes those first whose change was notified', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2), user(3)]);
    apply(rooms, 'user', [user(2, { mail: 'x' })], { cause: { text: 'delta round', pingedAt: () => 5 } });
    expect(rooms.people.nextKeys(10)).toEqual([keyOf(rooms, 2)]);
    rooms.people.done([keyOf(rooms, 2)]);
    expect(rooms.people.nextKeys(10)).toEqual([keyOf(rooms, 1), keyOf(rooms, 3)]);
  });

  it('keeps the first reason for which somebody was marked', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1)]);
    settleAll(rooms);
    const key = keyOf(rooms, 1);
    rooms.people.mark([key], 'operator');
    rooms.people.mark([key], 'later');
    expect(rooms.people.load([key], true)[0]?.cause).toBe('operator');
  });

  it('takes up every user that was read, range by range: the deleted too, the unread and groups not', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2), user(3), user(4)]);
    apply(rooms, 'user', [tombstone(4, 'changed')]);
    apply(rooms, 'group', [group(10, [member(1), member(5)])]);
    settleAll(rooms);
    let ranges = 0;
    for (let key: number | undefined = 0; key !== undefined; ranges += 1)
      key = rooms.people.markRange(key, 4, 'rules changed');
    expect([ranges, waiting(rooms)]).toEqual([3, [1, 2, 3, 4]]);
  });
});

describe('issues', () => {
  it('stand once for each person, dated by the first of their kind', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2)]);
    const [one, two] = [keyOf(rooms, 1), keyOf(rooms, 2)];
    rooms.people.setIssue(one, { kind: 'login-collision', detail: 'a', loginKey: 'anna', since: 10 });
    rooms.people.setIssue(one, { kind: 'login-collision', detail: 'b', loginKey: 'bert', since: 20 });
    rooms.people.setIssue(two, { kind: 'no-login', detail: 'c', loginKey: null, since: 15 });
    expect(rooms.people.countIssues()).toBe(2);
    expect(rooms.people.issues(10)).toEqual([
      { key: two, id: id(2), kind: 'no-login', detail: 'c', loginKey: null, since: 15 },
      { key: one, id: id(1), kind: 'login-collision', detail: 'b', loginKey: 'bert', since: 10 },
    ]);
    rooms.people.setIssue(one, { kind: 'no-login', detail: 'd', loginKey: null, since: 30 });
    expect(rooms.people.issues(1)).toMatchObject([{ since: 30, detail: 'd' }]);
    rooms.people.clearIssue(one);
    expect(rooms.people.countIssues()).toBe(1);
  });

  it('over a login mark who waits for it, when it comes free', () => {
    const rooms = makeRooms();
    apply(rooms, 'user', [user(1), user(2)]);
    settleAll(rooms);
    rooms.people.setIssue(keyOf(rooms, 1), {
      kind: 'login-collision',
      detail: '',
      loginKey: 'anna',
      since: 0,
    });
    rooms.people.setIssue(keyOf(rooms, 2), {
      kind: 'login-collision',
      detail: '',
      loginKey: 'bert',
      since: 0,
    });
    rooms.people.markWaiting([], 'login freed');
    rooms.people.markWaiting(['anna', 'carl'], 'login freed');
    expect(waiting(rooms)).toEqual([1]);
  });

  it('and marks tell who is still unresolved', () => {
    const rooms = makeRooms();
    rooms.people.mark([1], 'test');
    rooms.people.setIssue(2, { kind: 'login-collision', detail: '', loginKey: 'x', since: 0 });
    rooms.people.setIssue(3, { kind: 'no-login', detail: '', loginKey: null, since: 0 });
    expect(rooms.people.unresolved([1, 2, 3, 4])).toEqual([1, 2]);
  });
});

it('an account is read as it was written', () => {
  const rooms = makeRooms();
  apply(rooms, 'user', [user(1)]);
  const key = keyOf(rooms, 1);
  const fields = {
    ...account(1).fields,
    displayName: 'Ännchen',
    printCode: '007',
    homeDirectory: String.raw`\\srv\a`,
  };
  writeAccount(
    rooms,
    key,
    { fields, enabled: false, groups: [id(3), id(4)] },
    { disabledSince: 9, present: false },
  );
  expect(rooms.people.load([key], true)[0]?.account).toEqual({
    key,
    externalId: id(key),
    login: `user${key}`,
    fields,
    enabled: false,
    groups: [id(3), id(4)],
    present: false,
    disabledSince: 9,
    revision: 1,
    pingedAt: null,
  });
});
