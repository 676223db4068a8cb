// Owns the reading of GESPAGE_SQL_URL. It can hold a password, so no sentence of this file repeats any part of it.
import { accept, refuse, type Parsed } from './parsed.ts';

/** Where the standard tables are. */
export type SqlTarget =
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'postgres' | 'mysql';
      /** For the driver; holds the password. */
      readonly url: string;
      /** For people: may be logged. */
      readonly host: string;
      readonly database: string;
      /** Decoded; undefined where the URL has none. */
      readonly password: string | undefined;
    };

const forms = 'sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE';

const servers: Readonly<Record<string, 'postgres' | 'mysql'>> = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
};

/** Reads the three forms; `postgresql:` and `mariadb:` are other names for two of them. */
export function parseSqlUrl(text: string): Parsed<SqlTarget> {
  const scheme = /^([a-z]+):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return refuse(`is not a database address; write it as ${forms}`);
  if (scheme === 'sqlite') return parseSqlite(text.slice('sqlite:'.length));
  const kind = servers[`${scheme}:`];
  if (kind === undefined)
    return refuse(`names a kind of database that is not supported; write it as ${forms}`);
  return parseServer(kind, `${kind}${text.slice(scheme.length)}`);
}

function parseSqlite(rest: string): Parsed<SqlTarget> {
  // sqlite:///var/x.db is common elsewhere and can mean one thing only; sqlite://x/y.db cannot be told.
  const path = rest.replace(/^\/\/(?=\/)/, '');
  if (path === '')
    return refuse('names no file; write it as sqlite:PATH, for example sqlite:./data/gespage.db');
  if (path.startsWith('//'))
    return refuse('must not have // before a relative path; write it as sqlite:PATH');
  if (path.startsWith(':memory:'))
    return refuse('must be a file, since nobody else can read a database in memory; write it as sqlite:PATH');
  return accept({ kind: 'sqlite', path });
}

function parseServer(kind: 'postgres' | 'mysql', text: string): Parsed<SqlTarget> {
  const encoding =
    'write special characters of user and password percent-encoded (@ as %40, / as %2F, # as %23, % as %25)';
  if (!text.startsWith(`${kind}://`) || !URL.canParse(text))
    return refuse(
      `cannot be read as an address; write it as ${kind}://USER:PASSWORD@HOST/DATABASE and ${encoding}`,
    );
  const url = new URL(text);
  // PostgreSQL takes it from the query as well.
  const password = decode(url.password || encodeURIComponent(url.searchParams.get('password') ?? ''));
  const database = decode(url.pathname.slice(1));
  if (password === undefined || database === undefined || decode(url.username) === undefined)
    return refuse(`has a % that begins no percent-encoded character; ${encoding}`);
  if (url.hash !== '') return refuse(`holds a #; ${encoding}`);
  // A / in the user or the password ends the host too early, and the rest would be shown as the database's name.
  if (url.pathname.includes('@')) return refuse(`holds an @ behind the host; ${encoding}`);
  // PostgreSQL's own way to name a socket's directory.
  const socket = kind === 'postgres' ? url.searchParams.get('host') : null;
  const host = url.host || (socket ?? '');
  if (host === '') return refuse(`names no host; write it as ${kind}://USER:PASSWORD@HOST/DATABASE`);
  if (database === '' || database.includes('/'))
    return refuse(`must name one database after the host; write it as ${kind}://USER:PASSWORD@HOST/DATABASE`);
  const problem =
    kind === 'mysql' ? findMysqlProblem(url.searchParams) : findPostgresProblem(url.searchParams);
  if (problem !== undefined) return refuse(problem);
  return accept({ kind, url: text, host, database, password: password || undefined });
}

const sslModes = /^(disabled?|required?|verify[-_](ca|identity|full))$/i;

/** A misspelt parameter would otherwise silently mean plain text. */
function findMysqlProblem(parameters: URLSearchParams): string | undefined {
  const known = ['ssl-mode', 'sslmode', 'ssl-ca'];
  if ([...parameters.keys()].some((name) => !known.includes(name)))
    return 'has a parameter that is not known; MariaDB and MySQL take ssl-mode and ssl-ca';
  const mode = parameters.get('ssl-mode') ?? parameters.get('sslmode');
  if (mode !== null && !sslModes.test(mode))
    return 'has an ssl-mode that is not known; write disabled, required, verify-ca or verify-identity';
  return undefined;
}

function findPostgresProblem(parameters: URLSearchParams): string | undefined {
  return parameters.get('schema') === ''
    ? 'has an empty schema=; name a schema, or leave the parameter out'
    : undefined;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
