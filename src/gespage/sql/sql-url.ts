// Owns the reading of GESPAGE_SQL_URL: which engine, where, and what may be said about it in messages.

/** Where a SQL target is. `label` names it for people and never holds a password. */
export type SqlLocation =
  | { readonly engine: 'sqlite'; readonly label: string; readonly path: string }
  | {
      readonly engine: 'postgres';
      readonly label: string;
      /** For the driver: without the parameters that only this product knows. */
      readonly url: string;
      readonly schema: string | undefined;
      readonly password: string;
    }
  | {
      readonly engine: 'mysql';
      readonly label: string;
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly database: string;
      readonly tls: MysqlTls | undefined;
    };

/** `verify` is false for encryption without a check of the server's certificate, as in MySQL's `REQUIRED`. */
export interface MysqlTls {
  readonly verify: boolean;
  readonly verifyHost: boolean;
  readonly caFile: string | undefined;
}

const forms =
  'sqlite:PATH, postgres://USER:PASSWORD@HOST:5432/DATABASE or mysql://USER:PASSWORD@HOST:3306/DATABASE';

/**
 * Reads a target address: `sqlite:PATH`, `postgres://…` (also `postgresql://`), `mysql://…` (also `mariadb://`).
 * PostgreSQL takes the usual parameters (`sslmode`, `sslrootcert`, …) and `schema`; MySQL takes `ssl-mode`
 * (`disabled`, `required`, `verify-ca`, `verify-identity`) and `ssl-ca`, a path.
 * @throws Error with a message that never repeats the address, since it may hold a password.
 */
export function parseSqlUrl(url: string): SqlLocation {
  if (url.startsWith('sqlite:')) return parseSqlite(url.slice('sqlite:'.length));
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && /^postgres(ql)?:$/.test(parsed.protocol)) return parsePostgres(parsed);
  if (parsed !== undefined && /^(mysql|mariadb):$/.test(parsed.protocol)) return parseMysql(parsed);
  throw new Error(
    `The address of the Gespage database cannot be read. Write it as ${forms}; ` +
      'in user and password write special characters percent-encoded, such as %40 for @.',
  );
}

function parseSqlite(path: string): SqlLocation {
  if (path === '') throw new Error('sqlite: needs a path after the colon, such as sqlite:./data/gespage.db.');
  return { engine: 'sqlite', label: `sqlite:${path}`, path };
}

function parsePostgres(url: URL): SqlLocation {
  const schema = url.searchParams.get('schema') ?? undefined;
  if (schema === '')
    throw new Error('schema= in the address of the Gespage database is empty. Name one or leave it out.');
  const bare = new URL(url);
  bare.searchParams.delete('schema');
  const label = `postgres://${url.host}${url.pathname}${schema === undefined ? '' : ` (schema ${schema})`}`;
  return { engine: 'postgres', label, url: bare.href, schema, password: decode(url.password) };
}

function parseMysql(url: URL): SqlLocation {
  const database = decode(url.pathname.slice(1));
  if (url.hostname === '' || database === '') {
    throw new Error(
      'The address of the Gespage database lacks its host or its database. Write mysql://USER:PASSWORD@HOST:3306/DATABASE.',
    );
  }
  return {
    engine: 'mysql',
    label: `mysql://${url.host}/${database}`,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 3306 : Number(url.port),
    user: decode(url.username),
    password: decode(url.password),
    database,
    tls: parseMysqlTls(url.searchParams),
  };
}

function parseMysqlTls(parameters: URLSearchParams): MysqlTls | undefined {
  // An unknown parameter is refused: a misspelt ssl-mode would otherwise silently mean plain text.
  const unknown = [...parameters.keys()].filter((name) => !['ssl-mode', 'sslmode', 'ssl-ca'].includes(name));
  if (unknown.length > 0) {
    throw new Error(
      `The mysql address has the unknown parameter ${unknown.join(', ')}. Known are ssl-mode and ssl-ca.`,
    );
  }
  const caFile = parameters.get('ssl-ca') ?? undefined;
  const mode =
    parameters.get('ssl-mode') ??
    parameters.get('sslmode') ??
    (caFile === undefined ? 'disabled' : 'verify-ca');
  switch (mode.toLowerCase().replaceAll('_', '-')) {
    case 'disabled':
    case 'disable':
      return undefined;
    case 'required':
    case 'require':
      return { verify: false, verifyHost: false, caFile };
    case 'verify-ca':
      return { verify: true, verifyHost: false, caFile };
    case 'verify-identity':
    case 'verify-full':
      return { verify: true, verifyHost: true, caFile };
    default:
      throw new Error(
        'ssl-mode in the mysql address must be disabled, required, verify-ca or verify-identity.',
      );
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(
      'The address of the Gespage database has a % that is not part of an encoded character. Write it as %25.',
    );
  }
}
