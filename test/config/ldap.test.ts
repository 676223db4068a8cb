// Owns the proof of the GESPAGE_LDAP_ variables: what they are alone, and what they must be together.
import { generateKeyPairSync } from 'node:crypto';
import { generate } from 'selfsigned';
import { beforeAll, describe, expect, it } from 'vitest';
import { secretsOf } from '../../src/config.ts';
import { normalizeDn } from '../../src/gespage/ldap/dn.ts';
import { createBase } from '../../src/gespage/ldap/store/names.ts';
import { configOf, filesWith, problemsOf, warningsOf } from './environment.ts';

const password = 'password-of-the-reader';
const smallest = { GESPAGE_LDAP_PORT: '3389', GESPAGE_LDAP_BIND_PASSWORD: password };

describe('the LDAP directory', () => {
  it('is not there without a port, and the embedded database is', () => {
    const { ldap, sql } = configOf().targets;
    expect([ldap, sql]).toEqual([undefined, { kind: 'sqlite', path: './data/gespage.db' }]);
  });

  it('takes a port and a password, and has defaults for the rest; the embedded database is then left out', () => {
    expect(configOf(smallest).targets).toEqual({
      sql: undefined,
      ldap: {
        host: '127.0.0.1',
        port: 3389,
        baseDn: 'dc=gespage,dc=sync',
        bindDn: 'cn=reader,dc=gespage,dc=sync',
        password,
        tls: undefined,
      },
    });
  });

  it('stands beside a database that is set as well', () => {
    const { sql, ldap } = configOf({ ...smallest, GESPAGE_SQL_URL: 'sqlite:./data/gespage.db' }).targets;
    expect([sql?.kind, ldap?.port]).toEqual(['sqlite', 3389]);
  });

  it('makes the name of the reader from the base, unless it is told', () => {
    const withBase = { ...smallest, GESPAGE_LDAP_BASE_DN: 'o=Lycée Nord, c=fr' };
    expect(configOf(withBase).targets.ldap?.bindDn).toBe('cn=reader,o=Lycée Nord, c=fr');
    const told = { ...withBase, GESPAGE_LDAP_BIND_DN: 'uid=gespage,o=x' };
    expect(configOf(told).targets.ldap?.bindDn).toBe('uid=gespage,o=x');
  });

  it('is refused without a password', () => {
    expect(problemsOf({ GESPAGE_LDAP_PORT: '3389' })).toEqual([
      expect.stringMatching(/^GESPAGE_LDAP_BIND_PASSWORD is not set, .+ openssl rand -hex 32\.$/),
    ]);
  });

  it.each([
    ['GESPAGE_LDAP_HOST', '0.0.0.0'],
    ['GESPAGE_LDAP_BASE_DN', 'dc=x'],
    ['GESPAGE_LDAP_BIND_DN', 'cn=x'],
    ['GESPAGE_LDAP_BIND_PASSWORD', password],
  ])('without a port is a problem, not ignored: %s', (name, value) => {
    const [problem, ...others] = problemsOf({ [name]: value });
    expect(problem).toMatch(new RegExp(`^${name} is set, but GESPAGE_LDAP_PORT is not`));
    expect(problem).not.toContain(password);
    expect(others).toEqual([]);
  });

  it('does not want the port of a door, on one address', () => {
    expect(problemsOf({ ...smallest, GESPAGE_LDAP_PORT: '8081' })).toEqual([
      expect.stringContaining('GESPAGE_LDAP_PORT and ADMIN_PORT are the same'),
    ]);
    expect(problemsOf({ ...smallest, GESPAGE_LDAP_PORT: '8080' })).toHaveLength(1);
    expect(problemsOf({ ...smallest, GESPAGE_LDAP_PORT: '8081', GESPAGE_LDAP_HOST: '127.0.0.2' })).toEqual(
      [],
    );
    const anyPort = { ...smallest, GESPAGE_LDAP_PORT: '0', ADMIN_PORT: '0' };
    expect(problemsOf(anyPort)).toEqual([]);
  });

  it('warns where passwords would travel in the open to other machines', () => {
    expect(warningsOf(smallest)).toEqual([]);
    expect(warningsOf({ ...smallest, GESPAGE_LDAP_HOST: '0.0.0.0' })).toEqual([
      expect.stringMatching(/^GESPAGE_LDAP_HOST opens .+ without encryption/),
    ]);
  });

  it('keeps its password out of sight', () => {
    expect(secretsOf(configOf(smallest))).toContain(password);
    const problems = problemsOf({ ...smallest, GESPAGE_LDAP_BIND_PASSWORD: `${password}\u0007x` });
    expect(problems).toHaveLength(1);
    expect(problems[0]).not.toContain(password);
  });
});

describe('a distinguished name', () => {
  it.each(['dc=example', 'dc=example,dc=org', 'O = Some\\, Ltd , c=fr', 'ou=Été,dc=x', 'cn=a\\#b\\+c,dc=x'])(
    'is taken, and the directory reads it: %s',
    (dn) => {
      expect(configOf({ ...smallest, GESPAGE_LDAP_BASE_DN: dn }).targets.ldap?.baseDn).toBe(dn);
      expect(createBase(dn).normal).toBe(normalizeDn(dn));
    },
  );

  it.each([
    'example.org',
    'dc=',
    'dc=x,',
    ',dc=x',
    'dc=a+dc=b',
    'dc="x"',
    'dc=a;dc=b',
    'dc=\\zz',
    '=x',
    '1x=y',
    'dc=x\\',
  ])('is refused: %s', (dn) => {
    expect(problemsOf({ ...smallest, GESPAGE_LDAP_BASE_DN: dn })).toEqual([
      expect.stringMatching(/^GESPAGE_LDAP_BASE_DN is not a distinguished name; write parts/),
    ]);
  });
});

describe('encryption', () => {
  let own: { private: string; cert: string };
  const tls = { ...smallest, GESPAGE_LDAP_TLS_CERT: 'c.pem', GESPAGE_LDAP_TLS_KEY: 'k.pem' };
  const problemsWith = (files: Record<string, string>): string[] => problemsOf(tls, filesWith(files));
  const elliptic = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
    publicKeyEncoding: { format: 'pem', type: 'spki' },
  });

  beforeAll(async () => {
    own = await generate([{ name: 'commonName', value: 'own' }], { keySize: 2048, algorithm: 'sha256' });
  });

  it('takes a certificate with its key, and the key is a secret', () => {
    const config = configOf(tls, { 'c.pem': own.cert, 'k.pem': own.private });
    expect(config.targets.ldap?.tls).toEqual({ cert: own.cert, key: own.private });
    expect(secretsOf(config)).toContain(own.private);
    expect(warningsOf({ ...tls, GESPAGE_LDAP_HOST: '0.0.0.0' })).toEqual([]);
  });

  it('takes both or none', () => {
    const { GESPAGE_LDAP_TLS_KEY: _, ...certificateAlone } = tls;
    expect(problemsOf(certificateAlone, filesWith({ 'c.pem': own.cert }))).toEqual([
      'GESPAGE_LDAP_TLS_CERT is set, but GESPAGE_LDAP_TLS_KEY is not; encryption takes both, as PEM files.',
    ]);
  });

  it('is refused with files that are absent, damaged, locked or of different pairs', () => {
    expect(problemsWith({ 'c.pem': own.cert })).toEqual([
      expect.stringMatching(/^GESPAGE_LDAP_TLS_KEY names a file that does not/),
    ]);
    expect(problemsWith({ 'c.pem': 'x', 'k.pem': own.private })[0]).toMatch(
      /^GESPAGE_LDAP_TLS_CERT .+ readable/,
    );
    expect(problemsWith({ 'c.pem': own.cert, 'k.pem': 'x' })[0]).toMatch(/^GESPAGE_LDAP_TLS_KEY .+ readable/);
    const locked = '-----BEGIN ENCRYPTED PRIVATE KEY-----';
    expect(problemsWith({ 'c.pem': own.cert, 'k.pem': locked })[0]).toMatch(/has a password/);
    expect(problemsWith({ 'c.pem': own.cert, 'k.pem': elliptic.privateKey })[0]).toMatch(/is not the key of/);
  });
});
