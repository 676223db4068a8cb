// Owns the proof that the emulated token authority behaves: MSAL signs in, and wrong credentials get Microsoft's codes.
import { ConfidentialClientApplication } from '@azure/msal-node';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeClientCredential } from './certificates.ts';
import { requestToken, startClient } from './test-client.ts';
import type { Client } from './test-client.ts';

let client: Client;
beforeAll(async () => {
  client = await startClient({ users: 3 });
});
afterAll(() => client.close());

function decode(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;
}

describe('the token endpoint', () => {
  test('gives a token with roles and expiry for the right secret', async () => {
    const { status, body } = await requestToken(client.tenant);
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3599 });
    expect(decode(body['access_token'] as string)).toMatchObject({
      roles: ['User.Read.All', 'Group.Read.All'],
      tid: client.tenant.tenantId,
      appid: client.tenant.clientId,
    });
  });

  test('names each mistake as Microsoft does', async () => {
    const { tenant } = client;
    const codeOf = async (fields: Record<string, string>, id?: string) => {
      const { status, body } = await requestToken(tenant, fields, id);
      return [status, body['error'], (body['error_codes'] as number[])[0]];
    };
    expect(await codeOf({ client_secret: 'wrong' })).toEqual([401, 'invalid_client', 7000215]);
    expect(await codeOf({ client_id: crypto.randomUUID() })).toEqual([400, 'unauthorized_client', 700016]);
    expect(await codeOf({}, crypto.randomUUID())).toEqual([400, 'invalid_request', 90002]);
    expect(await codeOf({ scope: 'https://elsewhere.example/.default' })).toEqual([
      400,
      'invalid_resource',
      500011,
    ]);
    tenant.configure({ signIn: { secrets: [{ value: tenant.clientSecret, expires: Date.now() - 1 }] } });
    expect(await codeOf({})).toEqual([401, 'invalid_client', 7000222]);
    tenant.configure({ signIn: { secrets: [{ value: tenant.clientSecret, expires: Date.now() + 1e9 }] } });
  });

  test('lets MSAL sign in with the secret, and asks nothing of Microsoft', async () => {
    const { tenant } = client;
    const app = new ConfidentialClientApplication({
      auth: {
        clientId: tenant.clientId,
        clientSecret: tenant.clientSecret,
        authority: `${tenant.authorityHost}/${tenant.tenantId}`,
        knownAuthorities: [new URL(tenant.authorityHost).host],
      },
    });
    const result = await app.acquireTokenByClientCredential({ scopes: [`${tenant.graphBaseUrl}/.default`] });
    const answer = await client.ask('/users?$top=1', {
      headers: { authorization: `Bearer ${result?.accessToken}` },
    });
    expect(answer.status).toBe(200);
  });

  test('lets MSAL sign in with a registered certificate and refuses an unknown one', async () => {
    const { tenant } = client;
    const known = await makeClientCredential();
    const unknown = await makeClientCredential();
    tenant.configure({ signIn: { certificates: [known.certificate] } });
    const signIn = async ({ pem }: { pem: string }) => {
      const key = /-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----/.exec(pem)?.[0] ?? '';
      const certificate = /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.exec(pem)?.[0] ?? '';
      const app = new ConfidentialClientApplication({
        auth: {
          clientId: tenant.clientId,
          authority: `${tenant.authorityHost}/${tenant.tenantId}`,
          knownAuthorities: [new URL(tenant.authorityHost).host],
          clientCertificate: {
            privateKey: key,
            thumbprintSha256: new X509Certificate(certificate).fingerprint256.replaceAll(':', ''),
          },
        },
      });
      return await app.acquireTokenByClientCredential({ scopes: [`${tenant.graphBaseUrl}/.default`] });
    };
    expect((await signIn(known))?.accessToken).toContain('.');
    await expect(signIn(unknown)).rejects.toThrow(/AADSTS700027/);
  });
});

describe('the bearer check', () => {
  test('refuses no token, a foreign one, an expired one and a revoked one', async () => {
    const { tenant } = client;
    const status = async (token: string) =>
      (await client.ask('/users', { headers: { authorization: token } })).status;
    expect(await status('')).toBe(401);
    expect(await status('Bearer made.up.token')).toBe(401);
    tenant.configure({ signIn: { expiresIn: 60 } });
    const short = (await requestToken(tenant)).body['access_token'] as string;
    expect(await status(`Bearer ${short}`)).toBe(200);
    tenant.advance(61_000);
    expect(await status(`Bearer ${short}`)).toBe(401);
    tenant.configure({ signIn: { expiresIn: 3599 } });
    const revoked = (await requestToken(tenant)).body['access_token'] as string;
    tenant.revokeTokens();
    const answer = await client.ask('/users', { headers: { authorization: `Bearer ${revoked}` } });
    expect(answer.status).toBe(401);
    expect(answer.body['error']).toMatchObject({ code: 'InvalidAuthenticationToken' });
  });
});
