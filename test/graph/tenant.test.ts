// Owns the proof of the whole room against the emulated tenant: real sign-in, real sockets, real batches.
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGraphClient, type GraphClient } from '../../src/graph/client.ts';
import { readDelta, type DeltaObject, type DeltaOptions, type Stream } from '../../src/graph/delta.ts';
import type { GraphFailure } from '../../src/graph/errors.ts';
import { lookUpDeletedUsers, lookUpGroups, lookUpUsers } from '../../src/graph/lookups.ts';
import { createPauseGate } from '../../src/graph/pause-gate.ts';
import {
  createSubscription,
  deleteSubscription,
  getSubscription,
  listSubscriptions,
  renewSubscription,
  sameResource,
} from '../../src/graph/subscriptions.ts';
import { createTokenSource, type TokenSource } from '../../src/graph/token.ts';
import { makeClientCredential, trustAuthority } from '../emulator/certificates.ts';
import { startEmulator, type Emulator } from '../emulator/emulator.ts';
import { resetStyles } from '../emulator/delta-token.ts';

const select = ['displayName', 'userPrincipalName', 'accountEnabled', 'mail', 'department'];
let tenant: Emulator;
let tokens: TokenSource;
let client: GraphClient;
let reads = 0;
const beginRead = () => (reads += 1);

beforeAll(async () => {
  tenant = await startEmulator({ users: 120, groups: 12, seed: 7 });
  trustAuthority(tenant.caPem);
});
afterAll(() => tenant.close());
beforeEach(() => {
  tenant.clearFaults();
  tenant.stopThrottle();
  const now = () => Date.now();
  tokens = createTokenSource({
    tenantId: tenant.tenantId,
    clientId: tenant.clientId,
    credential: { kind: 'secret', secret: tenant.clientSecret },
    authorityHost: tenant.authorityHost,
    graphBaseUrl: tenant.graphBaseUrl,
    now,
  });
  const gate = createPauseGate({ now, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) });
  client = createGraphClient({
    baseUrl: tenant.graphBaseUrl,
    tokens,
    gate,
    now,
    random: Math.random,
    newId: randomUUID,
  });
});

interface Round {
  readonly objects: DeltaObject[];
  readonly link: string;
  readonly pages: number;
  readonly invalid: number;
}

async function readRound(stream: Stream, more: Partial<DeltaOptions> = {}): Promise<Round> {
  const objects: DeltaObject[] = [];
  let link = '';
  let pages = 0;
  let invalid = 0;
  const fields = stream === 'users' ? select : ['displayName'];
  for await (const page of readDelta({
    client,
    stream,
    select: fields,
    beginRead,
    prefetch: true,
    ...more,
  })) {
    objects.push(...page.objects);
    pages += 1;
    invalid += page.invalid;
    link = page.deltaLink ?? link;
  }
  return { objects, link, pages, invalid };
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as GraphFailure,
  );

describe('rounds', () => {
  it.each([1, 7, 999])('read every user of the tenant, %i a page', async (pageSize) => {
    tenant.configure({ delta: { pageSize } });
    const { objects, link, invalid } = await readRound('users');
    tenant.configure({ delta: { pageSize: 100 } });
    const present = new Set(objects.filter(({ removed }) => removed === undefined).map(({ id }) => id));
    expect(present.size).toBeGreaterThan(100);
    for (const user of tenant.snapshot().users.filter(({ status }) => status === 'active')) {
      expect(present).toContain(user.id.toLowerCase());
    }
    expect(link).toContain('/users/delta');
    expect(invalid).toBe(0);
  });

  it('put the pieces of every group together to its members [pitfall 21]', async () => {
    tenant.configure({ delta: { pageSize: 3 } });
    const { objects } = await readRound('groups');
    const members = new Map<string, Set<string>>();
    for (const object of objects) {
      const set = members.get(object.id) ?? new Set<string>();
      members.set(object.id, set);
      for (const member of object.members ?? []) {
        if (member.removed) set.delete(member.id);
        else set.add(member.id);
      }
    }
    expect(members.size).toBeGreaterThan(10);
    for (const group of tenant.snapshot().groups.filter(({ status }) => status === 'active')) {
      const expected = group.members.map(({ id }) => id.toLowerCase()).sort();
      expect([...(members.get(group.id.toLowerCase()) ?? [])].sort()).toEqual(expected);
    }
  });

  it('show what changed since the last', async () => {
    const before = await readRound('users');
    const id = tenant.userId(5);
    tenant.updateUser(id, { displayName: 'Somebody Else', department: null });
    tenant.softDeleteUser(tenant.userId(6));
    tenant.hardDeleteUser(tenant.userId(7));
    const after = await readRound('users', { link: before.link });
    const changed = after.objects.findLast((object) => object.id === id);
    expect(changed?.properties['displayName']).toBe('Somebody Else');
    expect(changed?.properties['department'] ?? null).toBeNull();
    expect(after.objects.findLast((object) => object.id === tenant.userId(6))?.removed).toBe('changed');
    expect(after.objects.findLast((object) => object.id === tenant.userId(7))?.removed).toBe('deleted');
    expect(after.link).not.toBe(before.link);
  });

  it.each(resetStyles)('whose link has died are gone: %s [trouble 13.12]', async (style) => {
    const { link } = await readRound('users');
    tenant.expireDeltaTokens('users', style);
    const failure = await failureOf(readRound('users', { link }));
    expect(failure).toMatchObject({ kind: 'gone' });
    if (failure?.location !== undefined) {
      expect((await readRound('users', { link: failure.location })).objects.length).toBeGreaterThan(100);
    }
  });

  it.each(['same-link', 'fresh-links'] as const)(
    'that never end are cut: %s [pitfall 22] [trouble 13.12]',
    async (loop) => {
      tenant.configure({ delta: { pageSize: 10 }, deltaFaults: { loop } });
      const failure = await failureOf(readRound('users'));
      tenant.configure({ deltaFaults: { loop: null } });
      expect(failure).toMatchObject({ kind: 'permanent', code: 'link-loop' });
    },
  );

  it('refuse links that lead elsewhere [trouble 13.17]', async () => {
    tenant.configure({ delta: { pageSize: 10 }, deltaFaults: { foreignOrigin: 'https://evil.example' } });
    const failure = await failureOf(readRound('users'));
    tenant.configure({ deltaFaults: { foreignOrigin: null } });
    expect(failure).toMatchObject({ kind: 'permanent', code: 'foreign-link' });
  });

  it.each([
    [{ type: 'reset' }, 'transient'],
    [{ type: 'truncate' }, 'transient'],
    [{ type: 'non-json' }, 'transient'],
    [{ type: 'status', status: 504 }, 'transient'],
    [{ type: 'status', status: 429, retryAfter: 30 }, 'throttled'],
  ] as const)('broken by %j can be taken up again at the same link', async (action, kind) => {
    tenant.configure({ delta: { pageSize: 20 } });
    // Twice in a row: a read on a kept connection that turns out closed is sent again at once.
    tenant.addFault({ path: 'skiptoken', skip: 1, times: 2, action });
    const options = { client, stream: 'users', select, beginRead } as const;
    let link: string | undefined;
    const failure = await failureOf(
      (async () => {
        for await (const page of readDelta(options)) link = page.nextLink;
      })(),
    );
    expect(failure?.kind).toBe(kind);
    expect(link).toBeDefined();
    tenant.clearFaults();
    if (kind === 'throttled') return;
    const rest = await readRound('users', { link });
    expect(rest.link).not.toBe('');
  });

  it('after a 503 that sticks to its connection go on over a new one [trouble 13.12]', async () => {
    tenant.addFault({
      path: '/users/delta',
      times: 1,
      action: { type: 'status', status: 503, poison: true },
    });
    expect(await failureOf(readRound('users'))).toMatchObject({ kind: 'transient', status: 503 });
    expect((await readRound('users')).link).not.toBe('');
  });
});

describe('lookups', () => {
  it('find users, and those deleted among the deleted', async () => {
    const gone = tenant.userId(20);
    const purged = tenant.userId(21);
    tenant.softDeleteUser(gone);
    tenant.hardDeleteUser(purged);
    const ids = Array.from({ length: 45 }, (_, index) => tenant.userId(index + 15));
    const { results } = await lookUpUsers({ client, ids, select, beginRead });
    expect(results.size).toBe(45);
    const missing = ids.filter((id) => results.get(id)?.kind === 'not-found');
    expect(missing).toEqual([gone, purged]);
    const found = results.get(tenant.userId(30));
    expect(found?.kind === 'found' && found.object.properties['userPrincipalName']).toBe(
      tenant.user(tenant.userId(30))?.props['userPrincipalName'],
    );
    const deleted = await lookUpDeletedUsers({ client, ids: missing, beginRead });
    expect([deleted.results.get(gone)?.kind, deleted.results.get(purged)?.kind]).toEqual([
      'found',
      'not-found',
    ]);
  });

  it('find groups', async () => {
    const ids = [tenant.groupId(0), randomUUID()];
    const { results } = await lookUpGroups({ client, ids, select: ['displayName'], beginRead });
    expect(ids.map((id) => results.get(id)?.kind)).toEqual(['found', 'not-found']);
  });

  it('keep what came when single items are throttled [pitfall 6] [trouble 13.16]', async () => {
    tenant.addFault({
      scope: 'batch-item',
      times: 3,
      action: { type: 'status', status: 429, retryAfter: 9 },
    });
    const ids = Array.from({ length: 20 }, (_, index) => tenant.userId(index + 60));
    const { results } = await lookUpUsers({ client, ids, select, beginRead });
    const failed = [...results.values()].filter((result) => result.kind === 'failed');
    expect(failed).toHaveLength(3);
    for (const { failure } of failed)
      expect(failure).toMatchObject({ kind: 'throttled', retryAfterMs: 9000 });
    expect(await failureOf(client.request({ operation: 'x', path: '/users' }))).toMatchObject({
      kind: 'throttled',
    });
  });
});

describe('sign-in', () => {
  it('tells the permissions granted', async () => {
    expect(await tokens.roles()).toEqual(['User.Read.All', 'Group.Read.All']);
  });

  it('is renewed when the tenant revokes the token', async () => {
    await readRound('users');
    tenant.revokeTokens();
    expect((await readRound('users')).link).not.toBe('');
  });

  it('works with a registered certificate, and says what to do with one that is not', async () => {
    const credential = await makeClientCredential();
    const certificate = () =>
      createTokenSource({
        tenantId: tenant.tenantId,
        clientId: tenant.clientId,
        credential: { kind: 'certificate', pem: credential.pem },
        authorityHost: tenant.authorityHost,
        graphBaseUrl: tenant.graphBaseUrl,
        now: Date.now,
      });
    expect(await failureOf(certificate().token())).toMatchObject({ kind: 'auth', code: 'AADSTS700027' });
    tenant.configure({ signIn: { certificates: [credential.certificate] } });
    expect(await certificate().roles()).toContain('User.Read.All');
  });

  it('with a wrong or expired secret, tenant or application says so', async () => {
    const expired = { value: 'expired~secret', expires: Date.now() - 1 };
    tenant.configure({ signIn: { secrets: [{ value: tenant.clientSecret, expires: Infinity }, expired] } });
    const attempt = (secret: string, more = {}) =>
      failureOf(
        createTokenSource({
          tenantId: tenant.tenantId,
          clientId: tenant.clientId,
          credential: { kind: 'secret', secret },
          authorityHost: tenant.authorityHost,
          graphBaseUrl: tenant.graphBaseUrl,
          now: Date.now,
          ...more,
        }).token(),
      );
    expect(await attempt('wrong')).toMatchObject({ kind: 'auth', code: 'AADSTS7000215' });
    expect(await attempt('expired~secret')).toMatchObject({ kind: 'auth', code: 'AADSTS7000222' });
    expect(await attempt('x', { clientId: randomUUID() })).toMatchObject({
      kind: 'auth',
      code: 'AADSTS700016',
    });
    expect(await attempt('x', { tenantId: randomUUID() })).toMatchObject({
      kind: 'auth',
      code: 'AADSTS90002',
    });
  });
});

describe('subscriptions', () => {
  let listener: Server;
  let url = '';
  beforeAll(async () => {
    listener = createServer((request, response) => {
      const token = new URL(request.url ?? '', 'http://x').searchParams.get('validationToken');
      response.writeHead(200, { 'content-type': 'text/plain' }).end(token);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  });
  afterAll(() => listener.close());

  it('live from creation over renewal to deletion', async () => {
    const wanted = {
      resource: 'users',
      changeType: 'updated,deleted',
      notificationUrl: `${url}/n`,
      lifecycleNotificationUrl: `${url}/l`,
      clientState: 'state',
      expiration: new Date(Date.now() + 3_600_000),
    } as const;
    const made = await createSubscription(client, wanted);
    expect(sameResource(made.resource, 'users')).toBe(true);
    expect(await failureOf(createSubscription(client, wanted))).toMatchObject({
      kind: 'permanent',
      status: 409,
    });
    expect((await listSubscriptions(client)).map(({ id }) => id)).toEqual([made.id]);
    const expiration = new Date(Math.ceil(Date.now() / 1000) * 1000 + 86_400_000);
    const renewed = await renewSubscription(client, made.id, expiration);
    expect(renewed.expirationDateTime.getTime()).toBe(expiration.getTime());
    tenant.vanishSubscription(made.id);
    expect(await getSubscription(client, made.id)).toBeUndefined();
    expect(await failureOf(renewSubscription(client, made.id, expiration))).toMatchObject({
      kind: 'not-found',
    });
    await deleteSubscription(client, made.id);
  });

  it('whose address does not answer the handshake are refused', async () => {
    const failure = await failureOf(
      createSubscription(client, {
        resource: 'groups',
        changeType: 'updated,deleted',
        notificationUrl: 'http://127.0.0.1:1/n',
        lifecycleNotificationUrl: 'http://127.0.0.1:1/l',
        clientState: 'state',
        expiration: new Date(Date.now() + 3_600_000),
      }),
    );
    expect(failure).toMatchObject({ kind: 'permanent', status: 400 });
  });
});
