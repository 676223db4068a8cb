// Owns the proof that delta, however unpleasant its settings, always tells the truth to a reader that follows the rules.
import { afterEach, describe, expect, test } from 'vitest';
import type { DeltaSettings } from './delta-plan.ts';
import type { Emulator } from './emulator.ts';
import { startClient } from './test-client.ts';
import type { Client, GraphObject } from './test-client.ts';

let client: Client;
afterEach(() => client.close());

const userNames = ['displayName', 'department', 'mail', 'accountEnabled', 'userPrincipalName'];
const groupNames = ['displayName', 'description'];

/** A reader that merges by id, in order, and drops the memberships of people who are gone for good. */
function createMirror() {
  const users = new Map<string, Record<string, unknown>>();
  const groups = new Map<string, Record<string, unknown>>();
  const members = new Map<string, Set<string>>();
  const purged = new Set<string>();

  const apply = (store: typeof users, item: GraphObject): void => {
    const removed = item['@removed'] as { reason: string } | undefined;
    if (removed) {
      store.delete(item.id);
      if (removed.reason === 'deleted') purged.add(item.id);
      return;
    }
    const { 'members@delta': changes, ...props } = item;
    store.set(item.id, { ...store.get(item.id), ...props });
    const own = members.get(item.id) ?? new Set<string>();
    members.set(item.id, own);
    for (const member of (changes ?? []) as GraphObject[]) {
      if ('@removed' in member) own.delete(member.id);
      else own.add(member.id);
    }
  };
  return {
    user: (item: GraphObject) => apply(users, item),
    group: (item: GraphObject) => apply(groups, item),
    state: () => ({
      users: [...users].map(([id, props]) => describeObject(id, props, userNames)).sort(),
      groups: [...groups].map(([id, props]) => describeObject(id, props, groupNames)).sort(),
      members: [...groups.keys()]
        .flatMap((id) =>
          [...(members.get(id) ?? [])].filter((each) => !purged.has(each)).map((each) => `${id} ${each}`),
        )
        .sort(),
    }),
  };
}

function describeObject(id: string, props: Record<string, unknown>, names: string[]): string {
  return JSON.stringify([id, ...names.map((name) => props[name] ?? null)]);
}

function truthOf(tenant: Emulator) {
  const { users, groups } = tenant.snapshot();
  const active = groups.filter(({ status }) => status === 'active');
  return {
    users: users
      .filter(({ status }) => status === 'active')
      .map(({ id, props }) => describeObject(id, props, userNames))
      .sort(),
    groups: active.map(({ id, props }) => describeObject(id, props, groupNames)).sort(),
    members: active.flatMap((group) => group.members.map(({ id }) => `${group.id} ${id}`)).sort(),
  };
}

const nasty: Partial<DeltaSettings> = {
  pageSize: [1, 30],
  membersPerPage: [1, 60],
  memberChunk: [1, 15],
  emptyPages: 0.2,
  unknownTombstones: 3,
  formerMembers: 4,
  repeatObjects: 0.5,
};

const cases: [string, Partial<DeltaSettings>, Record<string, string>, boolean][] = [
  ['plainly', { shuffle: false, emptyPages: 0 }, {}, true],
  ['in pieces, shuffled, repeated and interleaved', nasty, {}, true],
  ['with replays and each membership event', { ...nasty, replayChanges: 40, memberEvents: 'all' }, {}, true],
  ['in minimal answers', { ...nasty, replayChanges: 10 }, { prefer: 'return=minimal' }, true],
  ['where purged members are reported', nasty, {}, false],
];

describe('a reader that follows the rules', () => {
  test.each(cases)('ends with the truth when delta comes %s', async (_, delta, headers, silentHardDelete) => {
    client = await startClient({
      users: 120,
      groups: 10,
      memberships: 500,
      seed: 11,
      settings: { delta, mutations: { silentHardDelete } },
    });
    const { tenant } = client;
    tenant.churn(60, { seed: 1 });
    const mirror = createMirror();
    let userLink = `/users/delta?$select=${userNames.join(',')}`;
    let groupLink = `/groups/delta?$select=${groupNames.join(',')},members`;
    for (let round = 0; round < 6; round++) {
      const users = await client.round(userLink, headers);
      const groups = await client.round(groupLink, headers);
      users.items.forEach(mirror.user);
      groups.items.forEach(mirror.group);
      [userLink, groupLink] = [users.deltaLink, groups.deltaLink];
      expect(mirror.state()).toEqual(truthOf(tenant));
      tenant.churn(50, { seed: 100 + round });
    }
  });

  test('hears who left a group that was deleted and restored meanwhile', async () => {
    client = await startClient({ users: 3, groups: 0 });
    const { tenant } = client;
    const group = tenant.createGroup().id;
    const [stays = '', leaves = ''] = [tenant.userId(0), tenant.userId(1)];
    tenant.changeMembers(group, { add: [stays, leaves] });
    const first = await client.round('/groups/delta?$select=displayName,members');
    tenant.removeMember(group, leaves);
    tenant.deleteGroup(group);
    tenant.restoreGroup(group);
    const mirror = createMirror();
    first.items.forEach(mirror.group);
    (await client.round(first.deltaLink)).items.forEach(mirror.group);
    expect(mirror.state().members).toEqual([`${group} ${stays}`]);
  });

  test('ends with the truth when pages are read while the tenant changes and replicas lag', async () => {
    client = await startClient({ users: 100, groups: 8, memberships: 300, settings: { delta: nasty } });
    const { tenant } = client;
    tenant.configure({ lag: { deltaMs: 1000, probability: 0.5 } });
    const mirror = createMirror();
    const links = {
      user: `/users/delta?$select=${userNames.join(',')}`,
      group: `/groups/delta?$select=${groupNames.join(',')},members`,
    };
    const read = async (kind: 'user' | 'group'): Promise<void> => {
      for (let done = false; !done;) {
        const { body } = await client.ask(links[kind]);
        body.value?.forEach(mirror[kind]);
        done = '@odata.deltaLink' in body;
        links[kind] = (body['@odata.deltaLink'] ?? body['@odata.nextLink']) as string;
        if (tenant.lastSeq() < 250) tenant.churn(2, { seed: tenant.lastSeq() });
        tenant.advance(50);
      }
    };
    while (tenant.lastSeq() < 250) {
      await read('user');
      await read('group');
    }
    tenant.advance(2000);
    await read('user');
    await read('group');
    expect(mirror.state()).toEqual(truthOf(tenant));
  });
});
