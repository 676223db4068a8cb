// Owns the proof that emulated delta rounds behave as documented, and misbehave as observed.
import { afterEach, describe, expect, test } from 'vitest';
import { startClient } from './test-client.ts';
import type { Client, GraphObject } from './test-client.ts';
import type { EmulatorOptions } from './options.ts';

let client: Client;
const start = async (options: EmulatorOptions): Promise<Client> => (client = await startClient(options));
afterEach(() => client.close());

type Member = { id: string; '@removed'?: { reason: string } };
const membersOf = (items: GraphObject[], id: string): Member[] =>
  items.filter((item) => item.id === id).flatMap((item) => (item['members@delta'] ?? []) as Member[]);

describe('a first round', () => {
  test('brings everyone once, on pages of every size, with empty pages between', async () => {
    await start({ users: 700, settings: { delta: { pageSize: [1, 60], emptyPages: 0.3 } } });
    const { items, pages } = await client.round('/users/delta?$select=displayName,accountEnabled');
    expect(new Set(items.map(({ id }) => id)).size).toBe(700);
    expect(items).toHaveLength(700);
    expect(pages.some(({ value }) => value?.length === 0)).toBe(true);
    for (const page of pages) expect('@odata.nextLink' in page).not.toBe('@odata.deltaLink' in page);
    expect(new Set(pages.map(({ value }) => value?.length)).size).toBeGreaterThan(10);
  });

  test('leaves out what was never set and gives null for what was cleared', async () => {
    const { tenant } = await start({});
    const { id } = tenant.createUser({ department: null });
    const { items } = await client.round('/users/delta?$select=department,jobTitle,mailNickname');
    expect(items).toEqual([{ id, department: null, mailNickname: 'new.user0' }]);
  });

  test('shows people deleted before it as removed, restorable or for good', async () => {
    const { tenant } = await start({ users: 4 });
    tenant.softDeleteUser(tenant.userId(0));
    tenant.hardDeleteUser(tenant.userId(1));
    const { items } = await client.round('/users/delta?$select=displayName');
    const removed = items.filter((item) => '@removed' in item);
    expect(removed).toHaveLength(2);
    expect(removed).toContainEqual({ id: tenant.userId(0), '@removed': { reason: 'changed' } });
    expect(removed).toContainEqual({ id: tenant.userId(1), '@removed': { reason: 'deleted' } });
    tenant.configure({ delta: { firstRoundTombstones: false, unknownTombstones: 2 } });
    const again = await client.round('/users/delta?$select=displayName');
    const unknown = again.items.filter((item) => '@removed' in item);
    expect(unknown).toHaveLength(2);
    for (const { id } of unknown) expect(tenant.user(id)).toBeUndefined();
  });

  test('splits a large group over objects with one id, with other groups between', async () => {
    const { tenant } = await start({
      users: 900,
      groups: 6,
      memberships: 3000,
      settings: { delta: { memberChunk: [20, 90], membersPerPage: 200, pageSize: [1, 5] } },
    });
    const { items } = await client.round('/groups/delta?$select=displayName,members');
    const order = items.map(({ id }) => id);
    expect(order.length).toBeGreaterThan(20);
    for (let i = 0; i < 6; i++) {
      const id = tenant.groupId(i);
      const seen = membersOf(items, id).map((member) => member.id);
      const truth = tenant.group(id)?.members.map((member) => member.id) ?? [];
      expect(seen.sort()).toEqual(truth.sort());
    }
    const largest = tenant.snapshot().groups.sort((a, b) => b.members.length - a.members.length)[0]?.id;
    const places = order.flatMap((id, at) => (id === largest ? [at] : []));
    expect((places.at(-1) ?? 0) - (places[0] ?? 0)).toBeGreaterThan(places.length - 1);
  });

  test('names former members as removed beside the current ones when asked to', async () => {
    const { tenant } = await start({
      users: 50,
      groups: 2,
      memberships: 30,
      settings: { delta: { formerMembers: 5 } },
    });
    const { items } = await client.round('/groups/delta?$select=members');
    const removed = membersOf(items, tenant.groupId(1)).filter((member) => member['@removed']);
    expect(removed.length).toBeGreaterThan(0);
    const truth = new Set(tenant.group(tenant.groupId(1))?.members.map(({ id }) => id));
    for (const { id } of removed) expect(truth.has(id)).toBe(false);
  });

  test('includes members without $select, and none when only names are selected', async () => {
    await start({ users: 20, groups: 3, memberships: 30 });
    const all = await client.round('/groups/delta');
    expect(all.items.some((item) => 'members@delta' in item)).toBe(true);
    const names = await client.round('/groups/microsoft.graph.delta()?$select=displayName');
    expect(names.items.some((item) => 'members@delta' in item)).toBe(false);
    expect(names.items).toHaveLength(3);
  });
});

describe('a later round', () => {
  test('shows only what changed in tracked properties', async () => {
    const { tenant } = await start({ users: 30 });
    const first = await client.round('/users/delta?$select=displayName,mail');
    tenant.updateUser(tenant.userId(3), { displayName: 'Renamed', mail: null });
    tenant.updateUser(tenant.userId(4), { jobTitle: 'Untracked' });
    const second = await client.round(first.deltaLink);
    expect(second.items).toEqual([{ id: tenant.userId(3), displayName: 'Renamed', mail: null }]);
    expect((await client.round(second.deltaLink)).items).toEqual([]);
  });

  test('sends only the changed properties under return=minimal', async () => {
    const { tenant } = await start({ users: 3 });
    const headers = { prefer: 'return=minimal' };
    const first = await client.round('/users/delta?$select=displayName,mail,department', headers);
    tenant.updateUser(tenant.userId(1), { department: null });
    tenant.updateUser(tenant.userId(1), { department: 'Law' });
    const second = await client.round(first.deltaLink, headers);
    expect(second.items).toEqual([{ id: tenant.userId(1), department: 'Law' }]);
  });

  test('shows deletion, restoration and permanent deletion', async () => {
    const { tenant } = await start({ users: 3 });
    const id = tenant.userId(1);
    let { deltaLink } = await client.round('/users/delta?$select=mailNickname');
    const next = async () => {
      const round = await client.round(deltaLink);
      deltaLink = round.deltaLink;
      return round.items;
    };
    tenant.softDeleteUser(id);
    expect(await next()).toEqual([{ id, '@removed': { reason: 'changed' } }]);
    tenant.restoreUser(id);
    expect(await next()).toEqual([{ id, mailNickname: tenant.user(id)?.props['mailNickname'] }]);
    tenant.softDeleteUser(id);
    tenant.hardDeleteUser(id);
    expect(await next()).toEqual([{ id, '@removed': { reason: 'deleted' } }]);
  });

  test('shows members who came and left, and stays silent about the deleted', async () => {
    const { tenant } = await start({ users: 10, groups: 1, memberships: 0 });
    const group = tenant.groupId(0);
    const [a, b, c] = [tenant.userId(0), tenant.userId(1), tenant.userId(2)];
    tenant.changeMembers(group, { add: [a, b] });
    const first = await client.round('/groups/delta?$select=displayName,members');
    tenant.changeMembers(group, { add: [c], remove: [a] });
    tenant.softDeleteUser(b);
    const second = await client.round(first.deltaLink);
    expect(membersOf(second.items, group)).toEqual(
      expect.arrayContaining([
        { '@odata.type': '#microsoft.graph.user', id: c },
        { '@odata.type': '#microsoft.graph.user', id: a, '@removed': { reason: 'deleted' } },
      ]),
    );
    expect(membersOf(second.items, group)).toHaveLength(2);
    tenant.hardDeleteUser(b);
    const third = await client.round(second.deltaLink);
    expect(third.items).toEqual([]);
    expect(tenant.group(group)?.members.map(({ id }) => id)).toEqual([c]);
    tenant.configure({ mutations: { silentHardDelete: false } });
    tenant.hardDeleteUser(c);
    const fourth = await client.round(third.deltaLink);
    expect(membersOf(fourth.items, group)).toEqual([
      { '@odata.type': '#microsoft.graph.user', id: c, '@removed': { reason: 'deleted' } },
    ]);
  });

  test('can show the older state of an object before the newer one, in order', async () => {
    const { tenant } = await start({ users: 3, settings: { delta: { repeatObjects: 1 } } });
    const first = await client.round('/users/delta?$select=displayName');
    tenant.updateUser(tenant.userId(0), { displayName: 'Older' });
    tenant.updateUser(tenant.userId(0), { displayName: 'Newer' });
    const { items } = await client.round(first.deltaLink);
    expect(items.map((item) => item['displayName'])).toEqual(['Older', 'Newer']);
  });

  test('can replay changes that were already seen', async () => {
    const { tenant } = await start({ users: 3 });
    const first = await client.round('/users/delta?$select=displayName');
    tenant.updateUser(tenant.userId(0), { displayName: 'Once' });
    const second = await client.round(first.deltaLink);
    tenant.configure({ delta: { replayChanges: 5 } });
    expect((await client.round(second.deltaLink)).items).toEqual(second.items);
  });

  test('starts from now with $deltatoken=latest', async () => {
    const { tenant } = await start({ users: 5 });
    const { body } = await client.ask('/users/delta?$select=displayName&$deltaToken=latest');
    expect(body.value).toEqual([]);
    tenant.updateUser(tenant.userId(2), { displayName: 'After' });
    const { items } = await client.round(body['@odata.deltaLink'] as string);
    expect(items).toEqual([{ id: tenant.userId(2), displayName: 'After' }]);
  });

  test('keeps a round going on the same state while the tenant changes', async () => {
    const { tenant } = await start({ users: 20, settings: { delta: { pageSize: 5, emptyPages: 0 } } });
    const page = await client.ask('/users/delta?$select=displayName');
    const { id } = tenant.createUser({ displayName: 'Meanwhile' });
    const rest = await client.round(page.body['@odata.nextLink'] as string);
    expect([...(page.body.value ?? []), ...rest.items]).toHaveLength(20);
    expect((await client.round(rest.deltaLink)).items).toEqual([{ id, displayName: 'Meanwhile' }]);
  });

  test('follows only the objects of a filter', async () => {
    const { tenant } = await start({ users: 9 });
    const wanted = [tenant.userId(1), tenant.userId(7)];
    const filter = encodeURIComponent(wanted.map((id) => `id eq '${id}'`).join(' or '));
    const first = await client.round(`/users/delta?$select=displayName&$filter=${filter}`);
    expect(first.items.map(({ id }) => id).sort()).toEqual([...wanted].sort());
    for (let i = 0; i < 9; i++) tenant.updateUser(tenant.userId(i), { displayName: 'All' });
    const second = await client.round(first.deltaLink);
    expect(second.items.map(({ id }) => id).sort()).toEqual([...wanted].sort());
  });
});

describe('what delta refuses', () => {
  test('answers 400 to options it does not support', async () => {
    await start({ users: 3, settings: { delta: { pageSize: 1, emptyPages: 0 } } });
    const status = async (path: string) => (await client.ask(path)).status;
    for (const option of ['$top=5', '$expand=members', '$orderby=displayName', '$search=x', '$count=true']) {
      expect(await status(`/users/delta?${option}`)).toBe(400);
    }
    expect(await status("/users/delta?$filter=displayName eq 'x'")).toBe(400);
    expect(await status('/users/delta?$select=noSuchProperty')).toBe(400);
    expect(await status('/users/delta?$select=skills')).toBe(501);
    const { body } = await client.ask('/users/delta?$select=displayName');
    expect(await status(`${body['@odata.nextLink'] as string}&$select=mail`)).toBe(400);
    expect(await status('/users/delta?$skiptoken=nonsense')).toBe(400);
  });

  test('refuses tokens after seven days and after a reset, in several ways', async () => {
    const { tenant } = await start({ users: 3 });
    const first = await client.round('/users/delta?$select=displayName');
    const { deltaLink } = first;
    tenant.expireDeltaTokens('users', 'gone-location');
    const gone = await client.ask(deltaLink);
    expect(gone.status).toBe(410);
    expect(gone.headers.get('location')).toBe(
      `${tenant.graphBaseUrl}/v1.0/users/delta?$select=displayName&$deltatoken=`,
    );
    expect((await client.round(gone.headers.get('location') ?? '')).items).toHaveLength(3);
    tenant.expireDeltaTokens('users', 'gone-upper');
    expect((await client.ask(deltaLink)).body['error']).toMatchObject({ code: 'SyncStateNotFound' });
    tenant.expireDeltaTokens('users', 'not-found');
    expect((await client.ask(deltaLink)).status).toBe(404);
    tenant.expireDeltaTokens('users', 'bad-request-nested-lower');
    expect((await client.ask(deltaLink)).body['error']).toMatchObject({
      innererror: { innererror: { code: 'SyncStatenotfound' } },
    });
    const fresh = await client.round('/users/delta?$select=displayName');
    tenant.configure({ delta: { tokenLifeMs: 1000 } });
    tenant.advance(1001);
    expect((await client.ask(fresh.deltaLink)).status).toBeGreaterThanOrEqual(400);
  });

  test('needs the permission of the stream', async () => {
    await start({ users: 3, groups: 1, roles: ['Group.Read.All'] });
    expect((await client.ask('/users/delta')).status).toBe(403);
    expect((await client.ask('/groups/delta')).status).toBe(200);
  });
});

describe('delta gone wrong', () => {
  test('shows a change only after the replica caught up', async () => {
    const { tenant } = await start({ users: 3, settings: { lag: { deltaMs: 60_000 } } });
    const first = await client.round('/users/delta?$select=displayName');
    tenant.updateUser(tenant.userId(0), { displayName: 'Late' });
    const second = await client.round(first.deltaLink);
    expect(second.items).toEqual([]);
    tenant.advance(60_001);
    expect((await client.round(second.deltaLink)).items).toHaveLength(1);
    tenant.configure({ lag: { deltaMs: 0 } });
    tenant.freeze('delta');
    tenant.updateUser(tenant.userId(0), { displayName: 'Frozen' });
    const link = (await client.ask('/users/delta?$deltatoken=latest')).body['@odata.deltaLink'] as string;
    tenant.thaw('delta');
    expect((await client.round(link)).items).toHaveLength(1);
  });

  test('loops, loses its links, points elsewhere, or ends empty when told to', async () => {
    const { tenant } = await start({ users: 3 });
    const first = '/users/delta?$select=displayName';
    const link = async () => (await client.ask(first)).body['@odata.nextLink'] as string;
    tenant.configure({ deltaFaults: { loop: 'fresh-links' } });
    const a = await link();
    const b = (await client.ask(a)).body;
    expect(b.value).toHaveLength(3);
    expect(b['@odata.nextLink']).not.toBe(a);
    tenant.configure({ deltaFaults: { loop: 'same-link' } });
    const c = await link();
    expect((await client.ask(c)).body['@odata.nextLink']).toBe(c);
    tenant.configure({ deltaFaults: { foreignOrigin: 'https://graph.attacker.example' } });
    expect(await link()).toMatch(/^https:\/\/graph\.attacker\.example\//);
    tenant.expireDeltaTokens('users', 'gone-location-bare');
    expect((await client.ask(c)).headers.get('location')).toBe(
      'https://graph.attacker.example/v1.0/users/delta?$deltatoken=',
    );
    tenant.configure({ deltaFaults: { loop: null, foreignOrigin: null, pagesWithoutLink: 1 } });
    const bare = (await client.ask(first)).body;
    expect(Object.keys(bare)).toEqual(['@odata.context', 'value']);
    tenant.configure({ deltaFaults: { emptyRounds: 1 } });
    expect((await client.round(first)).items).toEqual([]);
    expect((await client.round(first)).items).toHaveLength(3);
  });

  test('hides the members of a hidden group from an app without the permission', async () => {
    const { tenant } = await start({ users: 3, groups: 0 });
    const group = tenant.createGroup({ visibility: 'HiddenMembership' }).id;
    tenant.addMember(group, tenant.userId(0));
    const { items } = await client.round('/groups/delta?$select=displayName,members');
    expect(items).toHaveLength(1);
    expect(membersOf(items, group)).toEqual([]);
    expect((await client.ask(`/groups/${group}/members`)).body.value).toEqual([]);
  });
});
