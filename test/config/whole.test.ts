// Owns the proof that a right environment becomes a whole configuration, and a wrong one a complete list of plain sentences.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfig, formatProblems, secretsOf, type Environment } from '../../src/config.ts';
import { settingSchemas } from '../../src/config/schema.ts';
import { variableList } from '../../src/config/variables.ts';
import { base, configOf, failWith, filesWith, problemsOf, tenant, token, warningsOf } from './environment.ts';

describe('the smallest configuration', () => {
  it('needs four variables and has the promised defaults for the rest', () => {
    const config = configOf();
    expect(config).toMatchObject({
      mode: 'polling',
      azure: {
        tenant: base['AZURE_TENANT_ID'],
        tenantId: '11111111-2222-3333-4444-55555555555a',
        clientId: base['AZURE_CLIENT_ID'],
        credential: { kind: 'secret', secret: 'client-secret-value' },
        authority: `https://login.microsoftonline.com/${tenant}`,
        foreignAuthorityHost: undefined,
      },
      graph: {
        cloud: 'global',
        baseUrl: 'https://graph.microsoft.com',
        scope: 'https://graph.microsoft.com/.default',
      },
      publicDoor: { host: '0.0.0.0', port: 8080, urls: undefined },
      adminDoor: { host: '127.0.0.1', port: 8081, token },
      state: { path: './data/state.db' },
      targets: { sql: { kind: 'sqlite', path: './data/gespage.db' }, file: undefined },
      trigger: undefined,
      timing: { pollMs: 60_000, sweepMs: 900_000, fullResyncMs: 604_800_000 },
      removal: { policy: 'disable', graceMs: 2_592_000_000, limit: { kind: 'percent', p: 5 } },
      log: { level: 'info', format: 'json' },
    });
    expect(config.mapping.login.case).toBe('lower');
    expect(warningsOf({})).toEqual([]);
  });

  it('reads no file', () => {
    expect(readConfig(base, failWith('EIO')).ok).toBe(true);
  });

  it.each(['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET', 'ADMIN_TOKEN'])(
    'is refused without %s, or with nothing or blanks in it [pitfall 18]',
    (name) => {
      for (const value of [undefined, '', '  ', '\n']) {
        const problems = problemsOf({ [name]: value });
        expect(problems).toHaveLength(1);
        expect(problems[0]).toMatch(new RegExp(`^${name} is not set[;,]`));
      }
    },
  );

  it('takes an empty text for absent everywhere', () => {
    const empty = Object.fromEntries(variableList.map(({ name }) => [name, '']));
    expect(configOf({ ...empty, ...base })).toEqual(configOf());
    expect(configOf({ GESPAGE_FILE_PATH: '', GESPAGE_LDAP_PORT: ' ' })).toEqual(configOf());
  });

  it('does not mind spaces around a value that is no secret', () => {
    expect(configOf({ LISTEN_PORT: ' 9000 ' }).publicDoor.port).toBe(9_000);
  });

  it('has no default for any secret that could let somebody in [pitfall 18]', () => {
    const withDefault = variableList.filter(({ secret, ...rest }) => secret && rest.default !== undefined);
    expect(withDefault.map(({ name }) => name)).toEqual([]);
  });
});

describe('problems', () => {
  const wrong: Environment = {
    AZURE_TENANT_ID: 'common',
    AZURE_CLIENT_ID: 'my-app',
    AZURE_CLIENT_SECRET: 'two\nlines',
    GRAPH_CLOUD: 'germany',
    AZURE_AUTHORITY_HOST: 'login.example',
    GRAPH_BASE_URL: 'https://graph.microsoft.com/v1.0',
    PUBLIC_URL: 'http://example.org',
    LISTEN_HOST: '1.2.3',
    LISTEN_PORT: '65536',
    ADMIN_HOST: '*',
    ADMIN_PORT: 'http',
    ADMIN_TOKEN: 'short',
    STATE_PATH: ':memory:',
    MAPPING_FILE: '/missing.json',
    GESPAGE_SQL_URL: 'oracle://x',
    POLL_SECONDS: '0',
    SWEEP_MINUTES: '0',
    FULL_RESYNC_DAYS: '0',
    REMOVAL_POLICY: 'purge',
    REMOVAL_GRACE_DAYS: '-1',
    REMOVAL_LIMIT: 'few',
    LOG_LEVEL: 'loud',
    LOG_FORMAT: 'xml',
    GESPAGE_FILE_PATH: 'x.txt',
    GESPAGE_TRIGGER_URL: 'http://example.org',
    GESPAGE_LDAP_PORT: '0x185',
  };

  it('are reported all at once, one sentence for each variable', () => {
    const problems = problemsOf(wrong);
    const named = problems.map((problem) => /^[A-Z_]+/.exec(problem)?.[0]);
    expect(named.toSorted()).toEqual(Object.keys(wrong).sort());
    for (const problem of problems) expect(problem).toMatch(/\.$/);
  });

  it('are all reported for an empty environment too', () => {
    const result = readConfig({}, filesWith());
    expect(result).toMatchObject({ ok: false });
    expect(result.ok ? [] : result.problems.map((problem) => problem.split(' ')[0])).toEqual([
      'AZURE_TENANT_ID',
      'AZURE_CLIENT_ID',
      'ADMIN_TOKEN',
      'AZURE_CLIENT_SECRET',
    ]);
  });

  it('make one text for the operator', () => {
    expect(formatProblems(['A is wrong.'])).toContain('one setting is missing or wrong:\n  - A is wrong.\n');
    expect(formatProblems(['A is wrong.', 'B is wrong.'])).toContain('2 settings are missing or wrong:');
  });

  it('never repeat a secret', () => {
    const secret = 'hunter22';
    const changes = [
      { ADMIN_TOKEN: secret },
      { ADMIN_TOKEN: `${secret} with spaces and more than 32 characters` },
      { AZURE_CLIENT_SECRET: `${secret}\n${secret}` },
      { AZURE_CLIENT_SECRET_FILE: secret, AZURE_CLIENT_SECRET: undefined },
      { AZURE_CLIENT_SECRET_FILE: secret },
      { ADMIN_TOKEN_FILE: secret, ADMIN_TOKEN: undefined },
      ...[
        'oracle://u:P@h/d',
        'postgres://u:P@/d',
        'postgres://u:P#@h/d',
        'mysql://u:P%zz@h/d',
        'P',
        'postgres://u:P@h',
        'sqlite://P',
      ].map((form) => ({ GESPAGE_SQL_URL: form.replace('P', secret) })),
    ];
    for (const change of changes) {
      const problems = problemsOf(change);
      expect(problems.length, JSON.stringify(change)).toBeGreaterThan(0);
      expect(problems.join('\n')).not.toContain(secret);
    }
  });

  it('never throw, whatever stands in the environment', () => {
    const names = [
      ...variableList.map(({ name }) => name),
      ...variableList.map(({ name }) => `${name}_FILE`),
    ];
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...names, 'GESPAGE_X'), fc.string({ unit: 'binary' })),
        (env) => {
          const result = readConfig({ ...base, ...env }, filesWith({ x: 'y' }));
          expect(result.ok || result.problems.length > 0).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the list of variables', () => {
  it('names exactly what the schema reads', () => {
    expect(Object.keys(settingSchemas)).toEqual(variableList.map(({ name }) => name));
  });

  it('has defaults that the schema accepts, and one or none of default and required', () => {
    for (const { name, default: fallback, required } of variableList) {
      expect(fallback !== undefined && required === true, name).toBe(false);
      if (fallback !== undefined) expect(settingSchemas[name].safeParse(fallback).success, name).toBe(true);
    }
  });

  it('calls required what the schema does not let be absent', () => {
    for (const { name, default: fallback, required } of variableList) {
      const mayBeAbsent = settingSchemas[name].safeParse(undefined).success;
      expect(mayBeAbsent, name).toBe(fallback === undefined && required !== true);
    }
  });
});
describe('the secrets of a configuration', () => {
  it('are the client secret, the admin token, the database address and its password', () => {
    const url = 'postgres://u:p%40ssword@h/d';
    expect(secretsOf(configOf({ GESPAGE_SQL_URL: url })).sort()).toEqual(
      [token, 'client-secret-value', url, 'p@ssword'].sort(),
    );
  });

  it('leave out an address without anything secret', () => {
    expect(secretsOf(configOf())).not.toContain('./data/gespage.db');
  });
});
