// Owns the proof of signing in, with the real MSAL against a small authority.
import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTokenSource, type Credential, type TokenSource } from '../../src/graph/token.ts';
import { makeClientCredential, type ClientCredential } from '../emulator/certificates.ts';
import { startWireServer, type Answer, type WireServer } from './wire-server.ts';

const tenantId = '11111111-2222-3333-4444-555555555555';
const clientId = '66666666-7777-8888-9999-000000000000';
const discovery = `/${tenantId}/v2.0/.well-known/openid-configuration`;

let server: WireServer;
let skewMs = 0;
beforeAll(async () => {
  server = await startWireServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.asked.length = 0;
  skewMs = 0;
});

const secret: Credential = { kind: 'secret', secret: 'the-secret~value' };

function makeSource(credential: Credential = secret): TokenSource {
  return createTokenSource({
    tenantId,
    clientId,
    credential,
    authorityHost: server.origin,
    graphBaseUrl: `${server.origin}/`,
    now: () => Date.now() + skewMs,
  });
}

/** An authority that gives `give(n)` to the n-th token request. */
function authority(give: (number: number) => Answer): void {
  let number = 0;
  server.answer(({ url }) => {
    if (url.startsWith(discovery)) {
      return {
        body: {
          issuer: `${server.origin}/${tenantId}/v2.0`,
          token_endpoint: `${server.origin}/${tenantId}/oauth2/v2.0/token`,
          authorization_endpoint: `${server.origin}/${tenantId}/oauth2/v2.0/authorize`,
          jwks_uri: `${server.origin}/keys`,
        },
      };
    }
    number += 1;
    return give(number);
  });
}

const given = (token: string, lifeSeconds = 3600): Answer => ({
  body: { token_type: 'Bearer', expires_in: lifeSeconds, ext_expires_in: lifeSeconds, access_token: token },
});
const refused = (number: number, status = 401): Answer => ({
  status,
  body: { error: 'invalid_client', error_description: `AADSTS${number}: words`, error_codes: [number] },
});
const tokenRequests = () => server.asked.filter(({ method }) => method === 'POST');

describe('signing in with a secret', () => {
  it("asks the tenant's own authority for Graph's default scope", async () => {
    authority(() => given('one'));
    expect(await makeSource().token()).toBe('one');
    const [asked] = tokenRequests();
    expect(asked?.url.split('?')[0]).toBe(`/${tenantId}/oauth2/v2.0/token`);
    const form = new URLSearchParams(asked?.body);
    expect(form.get('grant_type')).toBe('client_credentials');
    expect(form.get('client_id')).toBe(clientId);
    expect(form.get('client_secret')).toBe('the-secret~value');
    expect(form.get('scope')?.split(' ')).toContain(`${server.origin}/.default`);
  });

  it('happens once for many callers, and once for many requests', async () => {
    authority((number) => given(`token ${number}`));
    const source = makeSource();
    const tokens = await Promise.all([source.token(), source.token(), source.token({ fresh: true })]);
    expect(new Set([...tokens, await source.token()])).toEqual(new Set(['token 1']));
    expect(tokenRequests()).toHaveLength(1);
  });

  it('happens anew when a fresh token is asked for', async () => {
    authority((number) => given(`token ${number}`));
    const source = makeSource();
    await source.token();
    expect(await source.token({ fresh: true })).toBe('token 2');
    expect(await source.token()).toBe('token 2');
  });

  it('is repeated ahead of the end, while the old token still serves', async () => {
    authority((number) => given(`token ${number}`));
    const source = makeSource();
    await source.token();
    skewMs = 54 * 60_000;
    expect(await source.token()).toBe('token 1');
    expect(tokenRequests()).toHaveLength(1);
    skewMs = 56 * 60_000;
    expect(await source.token()).toBe('token 1');
    await vi.waitFor(async () => expect(await source.token()).toBe('token 2'));
    expect(tokenRequests()).toHaveLength(2);
  });

  it('that fails ahead of the end leaves the old token in use, and is not tried all the time', async () => {
    authority((number) => (number === 1 ? given('one') : { status: 500, body: {} }));
    const source = makeSource();
    await source.token();
    skewMs = 56 * 60_000;
    for (let times = 0; times < 5; times += 1) {
      expect(await source.token()).toBe('one');
      await vi.waitFor(() => expect(tokenRequests()).toHaveLength(2));
    }
    skewMs = 61 * 60_000;
    await expect(source.token()).rejects.toMatchObject({ kind: 'transient' });
  });

  it('renews in the last fifth of a short life', async () => {
    authority((number) => given(`token ${number}`, 100));
    const source = makeSource();
    await source.token();
    skewMs = 78_000;
    await source.token();
    expect(tokenRequests()).toHaveLength(1);
    skewMs = 82_000;
    await vi.waitFor(async () => expect(await source.token()).toBe('token 2'));
  });
});

describe('an answer that grants a token', () => {
  it.each([
    ['whose life is no number', { expires_in: [3_599] }],
    ['with a line end in it', { access_token: 'one\r\nx: y' }],
    ['with letters that no header carries', { access_token: 'é' }],
    ['that is no text', { access_token: { value: 'one' } }],
  ])('%s is not believed, and asked for again', async (_, changes) => {
    const granted = { token_type: 'Bearer', expires_in: 3_599, access_token: 'one' };
    authority((number) => ({ status: 200, body: number === 1 ? { ...granted, ...changes } : granted }));
    const source = makeSource();
    await expect(source.token()).rejects.toMatchObject({ name: 'GraphFailure', kind: 'transient' });
    expect(await source.token()).toBe('one');
  });

  it('is believed for a day at most, however long it says', async () => {
    authority((number) => given(`token ${number}`, 10 * 365 * 86_400));
    const source = makeSource();
    await source.token();
    skewMs = 25 * 3_600_000;
    expect(await source.token()).toBe('token 2');
  });
});

describe('signing in with a certificate', () => {
  let credential: ClientCredential;
  beforeAll(async () => {
    credential = await makeClientCredential({ expires: new Date('2031-01-01T00:00:00Z') });
  });

  it("sends a signed assertion with the certificate's SHA-256 thumbprint and chain", async () => {
    authority(() => given('one'));
    const source = makeSource({ kind: 'certificate', pem: credential.pem });
    expect(await source.token()).toBe('one');
    expect(source.credentialExpiresAt).toEqual(new Date('2031-01-01T00:00:00Z'));
    const form = new URLSearchParams(tokenRequests()[0]?.body);
    expect(form.get('client_secret')).toBeNull();
    const [head = '', claims = '', signature = ''] = (form.get('client_assertion') ?? '').split('.');
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>;
    const raw = new X509Certificate(credential.certificate).raw;
    expect(header['x5t#S256']).toBe(createHash('sha256').update(raw).digest('base64url'));
    expect(header['x5c']).toEqual([raw.toString('base64')]);
    const key = { key: createPublicKey(credential.certificate), padding: 6, saltLength: 32 };
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
  });

  it('works with the certificate before the key, a chain, and Windows line ends', async () => {
    authority(() => given('one'));
    const other = await makeClientCredential();
    const key = credential.pem.slice(0, credential.pem.indexOf('-----BEGIN CERTIFICATE'));
    const pem = `${other.certificate}\n${credential.certificate}\n${key}`.replaceAll('\n', '\r\n');
    await makeSource({ kind: 'certificate', pem }).token();
    const head = new URLSearchParams(tokenRequests()[0]?.body).get('client_assertion')?.split('.')[0] ?? '';
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as { x5c: string[] };
    expect(header.x5c[0]).toBe(new X509Certificate(credential.certificate).raw.toString('base64'));
    expect(header.x5c).toHaveLength(2);
  });

  it('is refused at once when the file is no good, without showing it', async () => {
    const other = await makeClientCredential();
    const key = credential.pem.slice(0, credential.pem.indexOf('-----BEGIN CERTIFICATE'));
    for (const [pem, code] of [
      ['', 'certificate-unreadable'],
      [key, 'certificate-unreadable'],
      [credential.certificate, 'certificate-unreadable'],
      [credential.pem.replace('MII', 'MIX'), 'certificate-unreadable'],
      [key + other.certificate, 'certificate-key-mismatch'],
    ] as const) {
      expect(() => makeSource({ kind: 'certificate', pem })).toThrow(
        expect.objectContaining({ kind: 'auth', code }),
      );
    }
  });
});

describe('a sign-in that fails', () => {
  it('for a wrong secret says so, and shows neither secret nor token in the log or the error', async () => {
    const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) => vi.spyOn(console, name));
    const writes = vi.spyOn(process.stdout, 'write');
    authority((number) => (number === 1 ? refused(7000215) : given('token-value')));
    const source = makeSource();
    const error: unknown = await source.token().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'auth', code: 'AADSTS7000215', status: 401, operation: 'sign-in' });
    expect(JSON.stringify(error) + String(error)).not.toContain('the-secret');
    await source.token();
    const said = [...spies, writes].flatMap((spy) => spy.mock.calls.flat().map(String)).join();
    vi.restoreAllMocks();
    expect(said).not.toMatch(/the-secret|token-value/);
  });

  it('because the tenant does not exist is one of set-up', async () => {
    server.answer(() => ({
      status: 400,
      body: {
        error: 'invalid_tenant',
        error_description: 'AADSTS90002: Tenant not found',
        error_codes: [90002],
      },
    }));
    await expect(makeSource().token()).rejects.toMatchObject({ kind: 'auth', code: 'AADSTS90002' });
  });

  it.each<[string, Answer]>([
    ['Entra is down', { status: 503, body: '<html>' }],
    ['Entra answers nonsense', { body: 'nonsense' }],
    ['the connection breaks', { raw: (response) => response.destroy() }],
    ['there is no token in the answer', { body: {} }],
    ['a redirect leads elsewhere', { status: 302, headers: { location: 'https://127.0.0.1:1/' } }],
  ])('because %s passes, and the next attempt is made at once', async (_name, answer) => {
    authority((number) => (number === 1 ? answer : given('two')));
    const source = makeSource();
    await expect(source.token()).rejects.toMatchObject({ kind: 'transient' });
    expect(await source.token()).toBe('two');
  });

  it('because discovery fails passes too', async () => {
    server.answer(() => ({ status: 502, body: 'bad gateway' }));
    await expect(makeSource().token()).rejects.toMatchObject({ kind: 'transient', status: 502 });
  });

  it('because of throttling is not repeated before its time', async () => {
    authority((number) =>
      number === 1 ? { ...refused(50196, 429), headers: { 'retry-after': 20 } } : given('two'),
    );
    const source = makeSource();
    await expect(source.token()).rejects.toMatchObject({ kind: 'throttled', retryAfterMs: 20_000 });
    skewMs = 15_000;
    const again: unknown = await source.token().catch((thrown: unknown) => thrown);
    expect(again).toMatchObject({ kind: 'throttled' });
    expect((again as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(5000);
    expect(tokenRequests()).toHaveLength(1);
    skewMs = 21_000;
    expect(await source.token()).toBe('two');
  });
});

describe('granted permissions', () => {
  it('are the roles of the token', async () => {
    const claims = Buffer.from(JSON.stringify({ roles: ['User.Read.All', 'Group.Read.All', 3] })).toString(
      'base64url',
    );
    authority(() => given(`e30.${claims}.x`));
    expect(await makeSource().roles()).toEqual(['User.Read.All', 'Group.Read.All']);
  });

  it('are none where the token cannot be read', async () => {
    authority(() => given('opaque'));
    expect(await makeSource().roles()).toEqual([]);
  });
});
