// Owns the proof that the app registration, the clouds and the public URL are read as Microsoft needs them.
import { describe, expect, it } from 'vitest';
import { cloudNames } from '../../src/config/urls.ts';
import { configOf, problemsOf, tenant, warningsOf } from './environment.ts';

describe('the app registration', () => {
  it.each(['contoso.onmicrosoft.com', 'contoso.com', 'a-b.example.co.uk'])(
    'may be in a tenant known by its domain %s',
    (name) => {
      const { azure } = configOf({ AZURE_TENANT_ID: name });
      expect(azure).toMatchObject({ tenant: name, tenantId: undefined });
      expect(azure.authority).toBe(`https://login.microsoftonline.com/${name}`);
    },
  );

  it.each([
    'common',
    'organizations',
    'consumers',
    'x/y.com',
    '11111111-2222-3333-4444-55555555555',
    'a..b',
    '-a.com',
  ])('is not in the tenant %s', (name) =>
    expect(problemsOf({ AZURE_TENANT_ID: name })[0]).toMatch(/^AZURE_TENANT_ID is neither/),
  );

  it('has a client ID in either case', () => {
    expect(problemsOf({ AZURE_CLIENT_ID: 'ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB' })).toEqual([]);
    expect(problemsOf({ AZURE_CLIENT_ID: 'ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAG' })).toHaveLength(1);
  });

  it("hints at a secret's ID where its value belongs", () => {
    expect(warningsOf({ AZURE_CLIENT_SECRET: '11111111-2222-3333-4444-555555555555' })[0]).toMatch(
      /^AZURE_CLIENT_SECRET looks like/,
    );
  });
});

describe('the clouds', () => {
  it.each([
    ['global', 'https://login.microsoftonline.com', 'https://graph.microsoft.com'],
    ['usgov', 'https://login.microsoftonline.us', 'https://graph.microsoft.us'],
    ['usgov-dod', 'https://login.microsoftonline.us', 'https://dod-graph.microsoft.us'],
    ['china', 'https://login.chinacloudapi.cn', 'https://microsoftgraph.chinacloudapi.cn'],
  ])('%s has its own hosts and its own scope', (cloud, authority, graph) => {
    const config = configOf({ GRAPH_CLOUD: cloud, AZURE_TENANT_ID: 'contoso.com' });
    expect(config.azure.authority).toBe(`${authority}/contoso.com`);
    expect(config.azure.foreignAuthorityHost).toBeUndefined();
    expect(config.graph).toEqual({ cloud, baseUrl: graph, scope: `${graph}/.default` });
  });

  it('are the four of the contract', () => {
    expect(cloudNames).toEqual(['global', 'usgov', 'usgov-dod', 'china']);
  });

  it('can be overridden by hosts with a port, which MSAL must be told of', () => {
    const config = configOf({
      AZURE_AUTHORITY_HOST: 'https://localhost:9443/',
      GRAPH_BASE_URL: 'https://127.0.0.1:9444',
    });
    expect(config.azure.authority).toBe(`https://localhost:9443/${tenant}`);
    expect(config.azure.foreignAuthorityHost).toBe('localhost:9443');
    expect(config.graph.baseUrl).toBe('https://127.0.0.1:9444');
    expect(config.graph.scope).toBe('https://127.0.0.1:9444/.default');
  });

  it.each(['AZURE_AUTHORITY_HOST', 'GRAPH_BASE_URL'])('%s takes https hosts only', (name) => {
    for (const value of [
      'http://localhost:1',
      'ftp://host',
      'host',
      'host:443',
      'https://',
      'https://h/path',
      'https://h/?a',
      'https://h/#a',
      'https://h?',
      'https://u:p@h',
      'https://h:99999',
    ])
      expect(problemsOf({ [name]: value }), value).toHaveLength(1);
    for (const value of ['https://h', 'https://h/', 'https://h:443', 'https://[::1]:8443', 'HTTPS://Host'])
      expect(problemsOf({ [name]: value }), value).toEqual([]);
  });

  it('are hinted at where two overrides do not fit each other', () => {
    expect(warningsOf({ GRAPH_BASE_URL: 'https://graph.microsoft.us' })[0]).toContain('different clouds');
    expect(warningsOf({ GRAPH_CLOUD: 'usgov', GRAPH_BASE_URL: 'https://dod-graph.microsoft.us' })).toEqual(
      [],
    );
    expect(warningsOf({ GRAPH_BASE_URL: 'https://localhost:1' })).toEqual([]);
  });
});

describe('the public URL', () => {
  it.each([
    ['https://sync.example.org', 'https://sync.example.org'],
    ['https://sync.example.org/', 'https://sync.example.org'],
    ['https://sync.example.org:8443/a/b//', 'https://sync.example.org:8443/a/b'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080'],
    ['http://127.1.2.3', 'http://127.1.2.3'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
  ])('%s gives both routes and notification mode', (url, start) => {
    const config = configOf({ PUBLIC_URL: url });
    expect(config.mode).toBe('notifications');
    expect(config.publicDoor.urls).toEqual({
      notification: `${start}/graph/notifications`,
      lifecycle: `${start}/graph/lifecycle`,
    });
  });

  it.each([
    'http://sync.example.org',
    'http://128.0.0.1',
    'http://10.0.0.1',
    'http://127.0.0.1.example.org',
    'http://localhost.example.org',
    'sync.example.org',
    'ftp://localhost',
    'https://h?x=1',
    'https://h/#',
    'https://u:p@h',
    'https://h/graph/notifications',
    'https://h/p/graph/lifecycle/',
  ])('is refused as %s', (url) => {
    const problems = problemsOf({ PUBLIC_URL: url });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^PUBLIC_URL /);
  });
});
