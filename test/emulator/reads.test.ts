// Owns the proof that ordinary reads, $batch, throttling and faults of the emulated tenant behave on the wire.
import { Agent, get } from 'node:https';
import { afterEach, describe, expect, test } from 'vitest';
import type { EmulatorOptions } from './options.ts';
import { requestToken, startClient } from './test-client.ts';
import type { Client } from './test-client.ts';

let client: Client;
const start = async (options: EmulatorOptions = {}): Promise<Client> => (client = await startClient(options));
afterEach(() => client.close());

type BatchReply = {
  id: string;
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
};

async function batch(requests: unknown[]): Promise<{ status: number; responses: BatchReply[] }> {
  const { status, body } = await client.ask('/$batch', { method: 'POST', body: { requests } });
  return { status, responses: (body['responses'] ?? []) as BatchReply[] };
}

const codeOf = (body: Record<string, unknown>): unknown =>
  (body['error'] as { code?: string } | undefined)?.code;

describe('one object', () => {
  test('comes with its selected properties, null where one was never set', async () => {
    const { tenant } = await start();
    const { id } = tenant.createUser({ displayName: 'Ann', department: 'Law' });
    const { status, body } = await client.ask(`/users/${id}?$select=displayName,department,jobTitle`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id, displayName: 'Ann', department: 'Law', jobTitle: null });
    const byName = await client.ask(`/users/new.user0@${tenant.domain}?$select=id`);
    expect(byName.body['id']).toBe(id);
  });

  test('is 404 once deleted, and stands in deletedItems until it is gone for good', async () => {
    const { tenant } = await start({ users: 2 });
    const id = tenant.userId(0);
    expect((await client.ask(`/directory/deletedItems/${id}`)).status).toBe(404);
    tenant.softDeleteUser(id);
    const gone = await client.ask(`/users/${id}`);
    expect([gone.status, codeOf(gone.body)]).toEqual([404, 'Request_ResourceNotFound']);
    for (const path of [id, `${id}/microsoft.graph.user`]) {
      const { body } = await client.ask(`/directory/deletedItems/${path}?$select=displayName`);
      expect(body).toMatchObject({ id, deletedDateTime: expect.any(String) as unknown });
    }
    const list = await client.ask('/directory/deletedItems/microsoft.graph.user');
    expect(list.body.value?.map((each) => each.id)).toEqual([id]);
    tenant.hardDeleteUser(id);
    expect((await client.ask(`/directory/deletedItems/${id}`)).status).toBe(404);
  });

  test('is 404 on a lagging replica, then appears', async () => {
    const { tenant } = await start({ settings: { lag: { getMs: 5000 } } });
    const { id } = tenant.createUser();
    expect((await client.ask(`/users/${id}`)).status).toBe(404);
    tenant.advance(5001);
    expect((await client.ask(`/users/${id}`)).status).toBe(200);
  });

  test('is refused without the permission, with the code of Graph', async () => {
    await start({ users: 1, roles: ['Group.Read.All'] });
    const { status, body } = await client.ask(`/users/${client.tenant.userId(0)}`);
    expect([status, codeOf(body)]).toEqual([403, 'Authorization_RequestDenied']);
  });
});

describe('lists', () => {
  test('come in pages that add up to everybody', async () => {
    const { tenant } = await start({ users: 250 });
    tenant.softDeleteUser(tenant.userId(9));
    const seen: string[] = [];
    let link = '/users?$select=displayName&$top=60';
    while (link) {
      const { body } = await client.ask(link);
      seen.push(...(body.value ?? []).map(({ id }) => id));
      link = (body['@odata.nextLink'] as string | undefined) ?? '';
    }
    expect(new Set(seen).size).toBe(249);
    expect((await client.ask('/users?$top=1000')).status).toBe(400);
    const upn = tenant.user(tenant.userId(3))?.props['userPrincipalName'] as string;
    const found = await client.ask(`/users?$filter=${encodeURIComponent(`userPrincipalName eq '${upn}'`)}`);
    expect(found.body.value?.map(({ id }) => id)).toEqual([tenant.userId(3)]);
  });

  test('of members are direct or nested, and survive a circle', async () => {
    const { tenant } = await start({ users: 4, groups: 0 });
    const [outer, inner] = [tenant.createGroup().id, tenant.createGroup().id];
    tenant.changeMembers(outer, { add: [tenant.userId(0), inner] });
    tenant.changeMembers(inner, { add: [tenant.userId(1), tenant.userId(2), outer] });
    tenant.softDeleteUser(tenant.userId(2));
    const ids = async (path: string) =>
      ((await client.ask(path)).body.value ?? []).map(({ id }) => id).sort();
    expect(await ids(`/groups/${outer}/members?$select=id`)).toEqual([tenant.userId(0), inner].sort());
    expect(await ids(`/groups/${outer}/transitiveMembers`)).toEqual(
      [tenant.userId(0), tenant.userId(1), inner].sort(),
    );
    expect(tenant.effectiveMembers(outer)).toEqual([tenant.userId(0), tenant.userId(1)].sort());
    const cast = `/groups/${outer}/transitiveMembers/microsoft.graph.user`;
    expect((await client.ask(cast)).status).toBe(400);
    const eventual = await client.ask(`${cast}?$count=true`, { headers: { consistencylevel: 'eventual' } });
    expect(eventual.body.value).toHaveLength(2);
    const check = await client.ask(`/users/${tenant.userId(1)}/checkMemberGroups`, {
      method: 'POST',
      body: { groupIds: [outer, crypto.randomUUID()] },
    });
    expect(check.body.value).toEqual([outer]);
    expect((await client.ask(`/users/${tenant.userId(1)}/transitiveMemberOf`)).status).toBe(403);
  });

  test('give type and id alone for members that the app may not read', async () => {
    const { tenant } = await start();
    const [group, device] = [tenant.createGroup().id, tenant.createDevice().id];
    tenant.addMember(group, device);
    const { body } = await client.ask(`/groups/${group}/members?$select=id,displayName`);
    expect(body.value).toEqual([{ '@odata.type': '#microsoft.graph.device', id: device, displayName: null }]);
  });

  test('by ids leave out what is unknown or deleted', async () => {
    const { tenant } = await start({ users: 3, roles: ['Directory.Read.All'] });
    tenant.softDeleteUser(tenant.userId(1));
    const ids = [tenant.userId(0), tenant.userId(1), crypto.randomUUID()];
    const { body } = await client.ask('/directoryObjects/getByIds?$select=id', {
      method: 'POST',
      body: { ids, types: ['User'] },
    });
    expect(body.value).toEqual([{ '@odata.type': '#microsoft.graph.user', id: tenant.userId(0) }]);
  });
});

describe('$batch', () => {
  test('answers each request with its own status, in another order', async () => {
    const { tenant } = await start({ users: 19 });
    const requests = Array.from({ length: 20 }, (_, i) => ({
      id: `${i}`,
      method: 'GET',
      url: `/users/${i < 19 ? tenant.userId(i) : crypto.randomUUID()}?$select=id`,
    }));
    const { status, responses } = await batch(requests);
    expect(status).toBe(200);
    expect(responses.map(({ id }) => id)).not.toEqual(requests.map(({ id }) => id));
    for (const { id, status: own, body } of responses) {
      expect(own).toBe(id === '19' ? 404 : 200);
      if (own === 200) expect(body['id']).toBe(tenant.userId(Number(id)));
    }
  });

  test('refuses more than twenty, and ids that differ only in case', async () => {
    await start();
    const request = (id: string) => ({ id, method: 'GET', url: '/users' });
    expect((await batch(Array.from({ length: 21 }, (_, i) => request(`${i}`)))).status).toBe(400);
    expect((await batch([request('a'), request('A')])).status).toBe(400);
    expect((await batch([])).status).toBe(400);
  });

  test('throttles single requests, each with its own Retry-After, under an outer 200', async () => {
    const { tenant } = await start({ users: 5 });
    for (const [index, seconds] of [
      [1, 3],
      [2, 9],
    ] as const) {
      tenant.addFault({
        scope: 'batch-item',
        path: tenant.userId(index),
        times: 1,
        action: { type: 'status', status: 429, retryAfter: seconds },
      });
    }
    const requests = [0, 1, 2].map((i) => ({ id: `${i}`, method: 'GET', url: `/users/${tenant.userId(i)}` }));
    const { status, responses } = await batch(requests);
    expect(status).toBe(200);
    const waits = Object.fromEntries(responses.map(({ id, headers }) => [id, headers['Retry-After']]));
    expect(waits).toEqual({ '0': undefined, '1': '3', '2': '9' });
    expect((await batch(requests)).responses.every((each) => each.status === 200)).toBe(true);
  });

  test('fails what depends on a failure', async () => {
    await start();
    const { responses } = await batch([
      { id: '1', method: 'GET', url: `/users/${crypto.randomUUID()}` },
      { id: '2', method: 'GET', url: '/users', dependsOn: ['1'] },
    ]);
    expect(responses.find(({ id }) => id === '2')?.status).toBe(424);
  });
});

describe('throttling', () => {
  test('refuses everything until its time, and names the wait', async () => {
    const { tenant } = await start({ users: 1 });
    tenant.throttle({ forMs: 20_000 });
    const refused = await client.ask('/users');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('20');
    expect(refused.headers.get('x-ms-throttle-scope')).toContain(tenant.clientId);
    const inside = await batch([{ id: '1', method: 'GET', url: '/users' }]);
    expect([inside.status, inside.responses[0]?.status]).toEqual([200, 429]);
    tenant.advance(20_001);
    expect((await client.ask('/users')).status).toBe(200);
    tenant.throttle({ forMs: 20_000, retryAfter: null });
    expect((await client.ask('/users')).headers.has('retry-after')).toBe(false);
    expect(tenant.throttledRequests()).toBe(3);
  });

  test('warns from 80 % of the quota of resource units', async () => {
    const { tenant } = await start({ users: 1 });
    tenant.setQuota({ units: 10, perMs: 60_000 });
    const percentages: (string | null)[] = [];
    for (let i = 0; i < 6; i++) {
      const { headers, status } = await client.ask('/users');
      percentages.push(status === 429 ? '429' : headers.get('x-ms-throttle-limit-percentage'));
    }
    expect(percentages).toEqual([null, null, null, '0.8', '1.0', '429']);
  });
});

describe('faults', () => {
  test('hit the next requests on a path and then end', async () => {
    const { tenant } = await start({ users: 2 });
    tenant.addFault({
      path: '^/v1.0/users/delta',
      skip: 1,
      times: 2,
      action: { type: 'status', status: 503 },
    });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await client.ask('/users/delta?$select=mail')).status);
    expect(statuses).toEqual([200, 503, 503, 200]);
    expect((await client.ask('/users')).status).toBe(200);
  });

  test('reset connections, lose answers, cut bodies and send what is not JSON', async () => {
    const { tenant } = await start({ users: 2 });
    const once = (type: 'reset' | 'lost-answer' | 'truncate' | 'non-json') =>
      tenant.addFault({ times: 1, action: { type } });
    for (const type of ['reset', 'lost-answer', 'truncate'] as const) {
      once(type);
      await expect(client.ask('/users')).rejects.toThrow();
    }
    once('non-json');
    await expect(client.ask('/users')).rejects.toThrow(/JSON/);
    expect((await client.ask('/users')).status).toBe(200);
    expect(tenant.faultHits()).toBe(4);
  });

  test('happen with a share that the seed repeats', async () => {
    const outcome = async (): Promise<number[]> => {
      await start({ users: 1, seed: 7 });
      client.tenant.addFault({ probability: 0.4, action: { type: 'status', status: 504 } });
      const statuses: number[] = [];
      for (let i = 0; i < 20; i++) statuses.push((await client.ask('/users')).status);
      return statuses;
    };
    const first = await outcome();
    await client.close();
    expect(await outcome()).toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 504]));
  });

  test('can stick to one connection, so that only a new one helps', async () => {
    const { tenant } = await start({ users: 1 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const token = (await requestToken(tenant)).body['access_token'] as string;
    const status = async (over: Agent | undefined): Promise<number | undefined> =>
      await new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` };
        get(`${tenant.graphBaseUrl}/v1.0/users`, { headers, ...(over ? { agent: over } : {}) }, (res) => {
          res.resume().on('end', () => resolve(res.statusCode));
        }).on('error', reject);
      });
    tenant.addFault({ times: 1, action: { type: 'status', status: 503, poison: true } });
    expect([await status(agent), await status(agent)]).toEqual([503, 503]);
    expect(await status(new Agent())).toBe(200);
    agent.destroy();
  });

  test('spoil the token endpoint too', async () => {
    const { tenant } = await start();
    tenant.addFault({ scope: 'token', action: { type: 'status', status: 503 } });
    const answer = await fetch(`${tenant.authorityHost}/${tenant.tenantId}/oauth2/v2.0/token`, {
      method: 'POST',
    });
    expect(answer.status).toBe(503);
  });
});

describe('the request log', () => {
  test('counts by path and notices two readers of one stream', async () => {
    const { tenant } = await start({ users: 1 });
    await client.ask(`/users/${tenant.userId(0)}`);
    tenant.addFault({ path: 'delta', times: 2, action: { type: 'delay', ms: 300 } });
    await Promise.all([client.ask('/users/delta'), client.ask('/users/delta')]);
    const { byPath, maxConcurrentDelta, violations } = tenant.requests();
    expect(byPath).toEqual({ 'GET /users/{id}': 1, 'GET /users/delta': 2 });
    expect(maxConcurrentDelta).toEqual({ users: 2, groups: 0 });
    expect(violations).toHaveLength(1);
  });
});
