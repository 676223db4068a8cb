// Owns the tests of target addresses: what is read, what is refused, and that no message repeats a password.
import { describe, expect, test } from 'vitest';
import { parseSqlUrl } from '../../src/gespage/sql/sql-url.ts';

describe('an address of a SQL target', () => {
  test('sqlite: takes any path', () => {
    expect(parseSqlUrl('sqlite:./data/a b%20c.db')).toEqual({
      engine: 'sqlite',
      label: 'sqlite:./data/a b%20c.db',
      path: './data/a b%20c.db',
    });
    expect(parseSqlUrl('sqlite:/var/lib/gespage.db')).toMatchObject({ path: '/var/lib/gespage.db' });
  });

  test('postgres: keeps the driver parameters and takes the schema out', () => {
    const location = parseSqlUrl(
      'postgresql://gespage:s%40cret@db.example:5433/print?sslmode=verify-full&schema=Own',
    );
    expect(location).toEqual({
      engine: 'postgres',
      label: 'postgres://db.example:5433/print (schema Own)',
      url: 'postgresql://gespage:s%40cret@db.example:5433/print?sslmode=verify-full',
      schema: 'Own',
      password: 's@cret',
    });
    expect(parseSqlUrl('postgres://db/print')).toMatchObject({
      label: 'postgres://db/print',
      schema: undefined,
    });
  });

  test('mysql: and mariadb: are decoded into their parts', () => {
    expect(parseSqlUrl('mysql://ges%3Apage:p%2Fw@[::1]/print')).toEqual({
      engine: 'mysql',
      label: 'mysql://[::1]/print',
      host: '::1',
      port: 3306,
      user: 'ges:page',
      password: 'p/w',
      database: 'print',
      tls: undefined,
    });
    expect(parseSqlUrl('mariadb://u@h:33060/d')).toMatchObject({
      engine: 'mysql',
      port: 33060,
      password: '',
    });
  });

  test.each([
    ['ssl-mode=REQUIRED', { verify: false, verifyHost: false, caFile: undefined }],
    ['ssl-mode=verify_ca&ssl-ca=/ca.pem', { verify: true, verifyHost: false, caFile: '/ca.pem' }],
    ['ssl-ca=/ca.pem', { verify: true, verifyHost: false, caFile: '/ca.pem' }],
    ['sslmode=verify-full', { verify: true, verifyHost: true, caFile: undefined }],
    ['ssl-mode=disabled', undefined],
  ])('mysql with %s', (parameters, tls) => {
    expect(parseSqlUrl(`mysql://u:p@h/d?${parameters}`)).toMatchObject({ tls });
  });

  test.each([
    '',
    'sqlite:',
    'hunter2',
    'oracle://user:hunter2@host/db',
    'mysql://user:hunter2@host',
    'mysql://user:hunter2@host/',
    'mysql://user:hunter2@host/db?ssl_mode=required',
    'mysql://user:hunter2@host/db?ssl-mode=hunter2',
    'mysql://user:hunter2%zz@host/db',
    'postgres://user:hunter2%zz@host/db',
    'postgres://user:hunter2@host:port/db',
    'postgres://user:hunter2@host/db?schema=',
  ])('%j is refused without repeating it', (url) => {
    expect(() => parseSqlUrl(url)).toThrow(Error);
    expect(() => parseSqlUrl(url)).not.toThrow(/hunter2/);
  });
});
