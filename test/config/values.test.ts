// Owns the proof that each other variable takes what it should and nothing beyond, on both sides of each limit.
import { describe, expect, it } from 'vitest';
import { parseSqlUrl } from '../../src/gespage/sql/sql-url.ts';
import { configOf, filesWith, problemsOf, token, warningsOf } from './environment.ts';

describe('the doors', () => {
  it.each(['LISTEN_PORT', 'ADMIN_PORT'])('%s is a port from 0 (any free one) to 65535', (name) => {
    for (const value of ['0', '1', '65535']) expect(problemsOf({ [name]: value }), value).toEqual([]);
    for (const value of ['-1', '65536', '100000', '8080.5', '0x50', '8e3', 'http', '+80'])
      expect(problemsOf({ [name]: value }), value).toHaveLength(1);
  });

  it.each(['LISTEN_HOST', 'ADMIN_HOST'])('%s is an address or a name', (name) => {
    for (const value of ['::', '[::1]', '10.0.0.1', 'localhost', 'sync-1.internal'])
      expect(problemsOf({ [name]: value }), value).toEqual([]);
    for (const value of ['*', '1.2.3', '256.1.1.1', 'http://x', 'a b', 'host:80', '[::1'])
      expect(problemsOf({ [name]: value }), value).toHaveLength(1);
    expect(configOf({ ADMIN_HOST: '[::1]' }).adminDoor.host).toBe('::1');
  });

  it('may not be one and the same', () => {
    expect(problemsOf({ ADMIN_PORT: '8080' })[0]).toContain('LISTEN_PORT and ADMIN_PORT are the same');
    expect(problemsOf({ ADMIN_PORT: '8080', LISTEN_HOST: '127.0.0.1' })).toHaveLength(1);
    expect(problemsOf({ ADMIN_PORT: '8080', LISTEN_HOST: '10.0.0.1' })).toEqual([]);
    expect(problemsOf({ ADMIN_PORT: '0', LISTEN_PORT: '0' })).toEqual([]);
  });

  it('hint at a private door that others can reach', () => {
    expect(warningsOf({ ADMIN_HOST: '0.0.0.0' })[0]).toMatch(/^ADMIN_HOST opens/);
    for (const host of ['127.0.0.1', '::1', '[::1]', 'localhost', '127.0.0.2'])
      expect(warningsOf({ ADMIN_HOST: host }), host).toEqual([]);
  });

  it('have a key of 32 characters or more that fits into a header', () => {
    expect(problemsOf({ ADMIN_TOKEN: 'x'.repeat(31) })[0]).toContain(
      'has 31 characters and needs at least 32',
    );
    expect(problemsOf({ ADMIN_TOKEN: 'x'.repeat(32) })).toEqual([]);
    for (const sign of [' ', '\t', 'é', '\u007f'])
      expect(problemsOf({ ADMIN_TOKEN: `${token}${sign}${token}` })).toHaveLength(1);
  });
});

describe('the target', () => {
  it.each([
    ['sqlite:./data/x.db', './data/x.db'],
    ['sqlite:x.db', 'x.db'],
    ['sqlite:/var/x.db', '/var/x.db'],
    ['sqlite:///var/x.db', '/var/x.db'],
    ['SQLITE:a b.db', 'a b.db'],
    ['sqlite:C:\\data\\x.db', 'C:\\data\\x.db'],
  ])('%s is the file %s', (url, path) => {
    expect(configOf({ GESPAGE_SQL_URL: url }).targets.sql).toEqual({ kind: 'sqlite', path });
  });

  it.each([
    ['postgres://u:p%40w@h:5433/d', 'postgres', 'postgres://u:p%40w@h:5433/d', 'h:5433', 'd', 'p@w'],
    [
      'postgresql://u@h/d?sslmode=require',
      'postgres',
      'postgres://u@h/d?sslmode=require',
      'h',
      'd',
      undefined,
    ],
    [
      'postgres:///d?host=/run/postgresql&user=u',
      'postgres',
      'postgres:///d?host=/run/postgresql&user=u',
      '/run/postgresql',
      'd',
      undefined,
    ],
    [
      'postgres://h/d?user=u&password=p%26w',
      'postgres',
      'postgres://h/d?user=u&password=p%26w',
      'h',
      'd',
      'p&w',
    ],
    ['mysql://u:p@h/d', 'mysql', 'mysql://u:p@h/d', 'h', 'd', 'p'],
    ['mariadb://u:p@[::1]:3306/d', 'mysql', 'mysql://u:p@[::1]:3306/d', '[::1]:3306', 'd', 'p'],
  ])('%s is a server', (text, kind, url, host, database, password) => {
    expect(configOf({ GESPAGE_SQL_URL: text }).targets.sql).toEqual({ kind, url, host, database, password });
  });

  it.each([
    'sqlite:',
    'sqlite://x.db',
    'sqlite::memory:',
    'x.db',
    '/var/x.db',
    'mssql://u:p@h/d',
    'postgres://u:p@h',
    'postgres://u:p@h/',
    'postgres://u:p@h/d/e',
    'postgres:d',
    'mysql://u:p%@h/d',
    'mysql://u:p#w@h/d',
    'mysql://u:p/w@h/d',
    'postgres:///d',
    'mysql:///d?host=/run/mysql',
    'postgres::pw@h?host=/run/postgresql',
    'postgres://u/:pw@h',
    'mysql://u:p@h/d?tls=yes',
    'mysql://u:p@h/d?ssl-mode=on',
    'postgres://u:p@h/d?schema=',
  ])('is not %s', (url) => {
    const problems = problemsOf({ GESPAGE_SQL_URL: url });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^GESPAGE_SQL_URL .+\.$/);
  });

  it.each([
    'sqlite:./x.db',
    'postgres://u:p%40@h:5432/d?sslmode=verify-full&sslrootcert=x&schema=s',
    'postgres:///d?host=/run/postgresql',
    'mysql://u:p@h/d',
    ...['disabled', 'DISABLE', 'required', 'verify-ca', 'VERIFY_IDENTITY', 'verify-full'].map(
      (mode) => `mariadb://u:p@[::1]/d?ssl-mode=${mode}&ssl-ca=x`,
    ),
  ])('that is let in here is not refused by the target: %s', (url) => {
    const { sql } = configOf({ GESPAGE_SQL_URL: url }).targets;
    if (sql === undefined) throw new Error('there is no SQL target');
    expect(() => parseSqlUrl(sql.kind === 'sqlite' ? `sqlite:${sql.path}` : sql.url)).not.toThrow();
  });

  it('is not the state database', () => {
    expect(problemsOf({ STATE_PATH: 'data/../x.db', GESPAGE_SQL_URL: 'sqlite:./x.db' })[0]).toContain(
      'name the same file',
    );
  });
});

describe('timing and removals', () => {
  it.each([
    ['POLL_SECONDS', '0.1', '86400', ['0', '0.09', '86400.1']],
    ['SWEEP_MINUTES', '0.01', '1440', ['0', '0.009', '1441']],
    ['FULL_RESYNC_DAYS', '0.001', '365', ['0', '0.0009', '366']],
    ['REMOVAL_GRACE_DAYS', '0', '3650', ['-1', '3651']],
  ])('%s lies from %s to %s', (name, least, most, beyond) => {
    for (const value of [least, most]) expect(problemsOf({ [name]: value }), value).toEqual([]);
    for (const value of [...beyond, '1,5', '1e2', 'Infinity', 'NaN', '.5', '5s', '0x10'])
      expect(problemsOf({ [name]: value }), value).toHaveLength(1);
  });

  it('become whole milliseconds', () => {
    const { timing, removal } = configOf({
      POLL_SECONDS: '0.1',
      SWEEP_MINUTES: '0.5',
      FULL_RESYNC_DAYS: '0.5',
      REMOVAL_GRACE_DAYS: '1.5',
    });
    expect(timing).toEqual({ pollMs: 100, sweepMs: 30_000, fullResyncMs: 43_200_000 });
    expect(removal.graceMs).toBe(129_600_000);
  });

  it.each([
    ['0', { kind: 'count', n: 0 }],
    ['50', { kind: 'count', n: 50 }],
    ['0%', { kind: 'percent', p: 0 }],
    ['12.5%', { kind: 'percent', p: 12.5 }],
  ])('REMOVAL_LIMIT may be %s', (text, limit) => {
    expect(configOf({ REMOVAL_LIMIT: text }).removal.limit).toEqual(limit);
  });

  it.each(['101%', '-5', '5.5', 'all'])('REMOVAL_LIMIT may not be %s', (text) => {
    expect(problemsOf({ REMOVAL_LIMIT: text })[0]).toMatch(/^REMOVAL_LIMIT: /);
  });

  it.each([
    ['REMOVAL_POLICY', ['disable', 'delete', 'keep']],
    ['LOG_LEVEL', ['debug', 'info', 'warn', 'error']],
    ['LOG_FORMAT', ['json', 'pretty']],
    ['GRAPH_CLOUD', ['global', 'usgov', 'usgov-dod', 'china']],
  ])('%s is one of its words', (name, words) => {
    for (const word of words) expect(problemsOf({ [name]: word }), word).toEqual([]);
    expect(problemsOf({ [name]: 'other' })).toEqual([
      `${name} must be one of ${words.join(', ')}; choose one of them.`,
    ]);
  });
});

describe('the mapping file', () => {
  it('is read and judged by the rules of the mapping', () => {
    const config = configOf(
      { MAPPING_FILE: 'm.json' },
      { 'm.json': '{"login":{"from":["mail"],"case":"preserve"}}' },
    );
    expect(config.mapping.login).toEqual({ from: ['mail'], case: 'preserve' });
  });

  it('adds its problems to the others', () => {
    const problems = problemsOf(
      { MAPPING_FILE: 'm.json', LOG_LEVEL: 'loud' },
      filesWith({ 'm.json': '{"login":{"from":[]},"scop":{}}' }),
    );
    expect(problems.filter((problem) => problem.startsWith('MAPPING_FILE: '))).toHaveLength(2);
    expect(problems).toHaveLength(3);
  });

  it('must be there and be JSON', () => {
    expect(problemsOf({ MAPPING_FILE: 'none.json' })).toEqual([
      'MAPPING_FILE names a file that does not exist; set it to the path of an existing one.',
    ]);
    expect(problemsOf({ MAPPING_FILE: 'm.json' }, filesWith({ 'm.json': '{' }))[0]).toContain('not JSON');
  });
});
