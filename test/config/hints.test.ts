// Owns the proof that misspelt names are noticed, and the names of others are left alone.
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { distance } from '../../src/config/environment.ts';
import { filesWith, problemsOf, token, warningsOf } from './environment.ts';

describe('hints at names that nobody knows', () => {
  it.each([
    ['ADMIN_TOKN', 'ADMIN_TOKEN'],
    ['AZURE_TENANTID', 'AZURE_TENANT_ID'],
    ['AZURE_CLIENT_SECRETS', 'AZURE_CLIENT_SECRET'],
    ['AZURE_CLIENT_SERCET_FILE', 'AZURE_CLIENT_SECRET_FILE'],
    ['azure_client_id', 'AZURE_CLIENT_ID'],
    ['REMOVAL_LIMITS', 'REMOVAL_LIMIT'],
    ['GESPGAE_SQL_URL', 'GESPAGE_SQL_URL'],
    ['GRAPH_CLOUDS', 'GRAPH_CLOUD'],
  ])('%s was probably to be %s', (name, meant) => {
    expect(warningsOf({ [name]: 'x' })).toEqual([
      `${name} is not known and has no effect. Did you mean ${meant}?`,
    ]);
    expect(problemsOf({ [name]: 'x' })).toEqual([]);
  });

  it('come for every unknown name that can only be meant for this program', () => {
    expect(warningsOf({ GESPAGE_COLOUR: 'x' })).toEqual(['GESPAGE_COLOUR is not known and has no effect.']);
  });

  it('say that only secrets come as files', () => {
    expect(warningsOf({ AZURE_CLIENT_ID_FILE: 'x' })[0]).toContain('only a secret can come as a file');
  });

  it.each([
    'AZURE_SUBSCRIPTION_ID',
    'AZURE_CLIENT_CERTIFICATE_PASSWORD',
    'ADMIN_EMAIL',
    'LOG_DIR',
    'PATH',
    'HOME',
    'NODE_EXTRA_CA_CERTS',
    'TEST_POSTGRES_URL',
    'PUBLIC_IP',
  ])('do not come for %s, which others use', (name) => expect(warningsOf({ [name]: 'x' })).toEqual([]));

  it('do not come for a name without a value', () => {
    expect(warningsOf({ ADMIN_TOKN: '' })).toEqual([]);
  });

  it('come beside problems too', () => {
    const result = readConfig({ ADMIN_TOKN: token }, filesWith());
    expect(result.ok).toBe(false);
    expect(result.warnings[0]).toContain('Did you mean ADMIN_TOKEN?');
  });

  it('rest on the number of slips between two names', () => {
    expect(distance('ADMIN', 'ADMIN')).toBe(0);
    expect(distance('ADMIN', 'ADMN')).toBe(1);
    expect(distance('ADMIN', 'AMDIN')).toBe(1);
    expect(distance('', 'ABC')).toBe(3);
    expect(distance('KITTEN', 'SITTING')).toBe(3);
  });
});
