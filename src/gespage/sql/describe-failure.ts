// Owns what is said when a SQL target fails: where, what happened, and what to do, never a password.
import { errorProperty } from './engine.ts';
import type { SqlLocation } from './sql-url.ts';

const advice: readonly (readonly [pattern: RegExp, text: string])[] = [
  [
    /^(28P01|28000|ER_ACCESS_DENIED_ERROR)$/,
    'The server refuses the user. Check user and password in GESPAGE_SQL_URL (special characters percent-encoded).',
  ],
  [
    /^(3D000|ER_BAD_DB_ERROR)$/,
    'The database does not exist. Create it, or correct the name in GESPAGE_SQL_URL.',
  ],
  [/^3F000$/, 'The schema does not exist. Create it, or correct schema= in GESPAGE_SQL_URL.'],
  [
    /^(42501|ER_DBACCESS_DENIED_ERROR|ER_TABLEACCESS_DENIED_ERROR|ER_COLUMNACCESS_DENIED_ERROR|SQLITE_READONLY.*|SQLITE_CANTOPEN.*|SQLITE_PERM|EACCES|EROFS)$/,
    'The user of this service may not do that here. Grant it SELECT, INSERT, UPDATE and DELETE on the tables, ' +
      'and CREATE for those of this program that the first start makes (with SQLite: the right to write the file and its directory).',
  ],
  [
    /^(42P01|42703|ER_NO_SUCH_TABLE|ER_BAD_FIELD_ERROR|SQLITE_ERROR)$/,
    'A table or column is missing. The standard tables are created again at the next opening; gespage-sync check says what is wrong.',
  ],
  [
    /^(57014|55P03|40P01|40001|ER_LOCK_WAIT_TIMEOUT|ER_LOCK_DEADLOCK|ER_STATEMENT_TIMEOUT|SQLITE_BUSY.*|PROTOCOL_SEQUENCE_TIMEOUT|ETIMEDOUT|ECONNABORTED)$/,
    'The server is too slow, does not answer, or another program holds locks on the tables.',
  ],
  [
    /^(.*CERT.*|ERR_TLS.*|ERR_SSL.*|HANDSHAKE_SSL_ERROR|HANDSHAKE_NO_SSL_SUPPORT)$/,
    'The encrypted connection fails. Check the TLS parameters in GESPAGE_SQL_URL: sslmode and sslrootcert for PostgreSQL, ' +
      'ssl-mode and ssl-ca for MySQL and MariaDB.',
  ],
  [/^(53100|SQLITE_FULL|ENOSPC|ER_DISK_FULL)$/, 'The disk of the database is full. Make room.'],
  [
    /^(SQLITE_CORRUPT.*|SQLITE_NOTADB)$/,
    'The file is damaged or no SQLite database. Move it away; it is written anew.',
  ],
];

const usual = 'Check that the server runs and can be reached from here, and that GESPAGE_SQL_URL is right.';

/** An error for people and logs in place of the driver's own, which may carry whole statements. */
export function describeFailure(location: SqlLocation, error: unknown): Error {
  const code = errorProperty(error, 'code');
  const found = advice.find(([pattern]) => pattern.test(code))?.[1] ?? usual;
  const message = `The Gespage database ${location.label} failed: ${withoutPassword(location, driverMessage(error))}. ${found}`;
  return Object.assign(
    new Error(`${message} Nothing is lost: what is missing is written once the database works.`),
    { code },
  );
}

function driverMessage(error: unknown): string {
  // An attempt at several addresses of one host fails with an AggregateError that has no message of its own.
  if (error instanceof AggregateError) return error.errors.map(driverMessage).join('; ');
  return (errorProperty(error, 'message') || errorProperty(error, 'code') || String(error)).replace(
    /\.$/,
    '',
  );
}

function withoutPassword(location: SqlLocation, text: string): string {
  if (location.engine === 'sqlite' || location.password === '') return text;
  return text.replaceAll(location.password, '***');
}
