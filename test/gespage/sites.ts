// Owns the tables that sites might have: the standard ones and some made by hand, each with a plain way to read them.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TableMapping } from '../../src/gespage/sql/table-mapping.ts';
import { parseSqlMapping } from '../../src/config/sql-mapping.ts';
import type { TestDatabase, TestEngine } from './databases.ts';

export interface SeenAccount {
  readonly login: string;
  readonly name: string | null;
  readonly enabled: boolean;
  /** Object ids of groups; empty where the site has no groups. */
  readonly groups: readonly string[];
}

/** What the tables hold, as somebody sees who reads them with the bookkeeping beside them. */
export interface Seen {
  /** By object id. */
  readonly accounts: ReadonlyMap<string, SeenAccount>;
  /** Rows that are not ours: login and name. */
  readonly foreign: readonly (readonly [login: string, name: string | null])[];
  readonly groups: ReadonlyMap<string, string>;
}

export interface Site {
  readonly name: string;
  /** Undefined for the standard tables. */
  readonly mapping: TableMapping | undefined;
  readonly hasGroups: boolean;
  /** Whether a membership has to wait for the row of its group. */
  readonly areGroupsKeyed: boolean;
  /** Whether a disabled account has a row. */
  readonly hasFlag: boolean;
  /** Characters of a display name. */
  readonly nameLimit: number;
  create(database: TestDatabase, engine: TestEngine['name']): Promise<void>;
  /** Empties all tables. */
  clear(database: TestDatabase): Promise<void>;
  /** Adds a row by hand. */
  insert(database: TestDatabase, engine: TestEngine['name'], login: string, name: string): Promise<void>;
  see(database: TestDatabase, engine: TestEngine['name']): Promise<Seen>;
}

/** Statements may name `ID` for a key that the database fills, and double quotes for names. */
async function runAll(database: TestDatabase, engine: TestEngine['name'], statements: readonly string[]) {
  for (const statement of statements) await database.query(dialect(statement, engine));
}

function dialect(statement: string, engine: TestEngine['name']): string {
  const key = {
    sqlite: 'INTEGER PRIMARY KEY',
    postgres: 'int GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
    mysql: 'int unsigned AUTO_INCREMENT PRIMARY KEY',
  }[engine];
  const guid = engine === 'postgres' ? 'uuid' : 'char(36)';
  const made = statement.replaceAll(/\bGUID\b/g, guid).replaceAll(/\bID\b/g, key);
  return engine === 'mysql' ? made.replaceAll('"', '`') : made;
}

interface Parts {
  readonly name: string;
  readonly tables: readonly string[];
  readonly mapping: unknown;
  readonly hasFlag?: boolean;
  readonly nameLimit?: number;
  readonly clear: readonly string[];
  readonly insert: (login: string, name: string) => string;
  /** Selects id (null for rows of others), login, name, is_on (1, 0). */
  readonly accounts: string;
  /** Selects id, name. */
  readonly groups?: string;
  /** Selects account_id, group_id. */
  readonly members?: string;
}

function makeSite(parts: Parts): Site {
  const { hasFlag = true, nameLimit = Infinity } = parts;
  const parsed = parts.mapping === undefined ? undefined : parseSqlMapping(JSON.stringify(parts.mapping));
  if (parsed?.ok === false) throw new Error(parsed.problems.join('\n'));
  return {
    name: parts.name,
    mapping: parsed?.mapping,
    hasGroups: parts.groups !== undefined,
    areGroupsKeyed: parsed?.mapping.groups?.key.from === 'database',
    hasFlag,
    nameLimit,
    create(database, engine) {
      if (engine === 'sqlite') mkdirSync(dirname(database.url.slice('sqlite:'.length)), { recursive: true });
      return runAll(database, engine, parts.tables);
    },
    async clear(database) {
      const engine = engineOf(database);
      await runAll(
        database,
        engine,
        [...parts.clear, 'gespage_sync_row', 'gespage_sync_state'].map((table) => `DELETE FROM ${table}`),
      );
    },
    insert: async (database, engine, login, name) =>
      void (await database.query(dialect(parts.insert(login, name), engine))),
    async see(database, engine) {
      const read = (sql: string | undefined) =>
        sql === undefined ? Promise.resolve([]) : database.query(dialect(sql, engine));
      const rows = await read(parts.accounts);
      const members = await read(parts.members);
      const groups = await read(parts.groups);
      const ours = rows.filter((row) => row.id !== null);
      return {
        accounts: new Map(
          ours.map((row) => [
            String(row.id),
            {
              login: String(row.login),
              name: row.name as string | null,
              enabled: Number(row.is_on) === 1,
              groups: members
                .filter((one) => one.account_id === row.id)
                .map((one) => String(one.group_id))
                .sort(),
            },
          ]),
        ),
        foreign: rows
          .filter((row) => row.id === null)
          .map((row) => [String(row.login), row.name as string | null] as const),
        groups: new Map(groups.map((row) => [String(row.id), String(row.name)])),
      };
    },
  };
}

function engineOf({ url }: TestDatabase): TestEngine['name'] {
  return url.startsWith('sqlite:') ? 'sqlite' : url.startsWith('mysql') ? 'mysql' : 'postgres';
}

const own = (alias: string, letter: string, key: string): string =>
  `LEFT JOIN gespage_sync_row ${alias} ON ${alias}.row_key = CONCAT('${letter}:', ${key})`;

export const standardSite = makeSite({
  name: 'the standard tables',
  tables: [],
  mapping: undefined,
  clear: ['gespage_membership', 'gespage_account', 'gespage_group'],
  insert: (login, name) =>
    `INSERT INTO gespage_account (external_id, login, display_name, enabled, updated_at)
     VALUES ('by hand ${login}', '${login}', '${name}', '1', '2001-01-01 00:00:00')`,
  accounts: `SELECT o.external_id AS id, login, display_name AS name, CASE WHEN enabled THEN 1 ELSE 0 END AS is_on
               FROM gespage_account a LEFT JOIN gespage_sync_row o ON o.external_id = a.external_id`,
  groups: 'SELECT external_id AS id, name FROM gespage_group',
  members: 'SELECT account_id, group_id FROM gespage_membership',
});

/** A key of the database's own, short columns, an inverted flag, foreign keys, columns that insist on a value. */
export const numberedSite = makeSite({
  name: 'tables with keys that the database fills',
  tables: [
    `CREATE TABLE users (id ID, entra_id GUID UNIQUE, login varchar(20) NOT NULL UNIQUE,
       name varchar(8) NOT NULL, locked smallint NOT NULL, source varchar(10) NOT NULL, credit int DEFAULT 100)`,
    'CREATE TABLE teams (id ID, label varchar(20) NOT NULL, kind int NOT NULL)',
    `CREATE TABLE user_teams (user_id int NOT NULL, team_id int NOT NULL, PRIMARY KEY (user_id, team_id))`,
  ],
  mapping: {
    accounts: {
      table: 'users',
      key: { column: 'id', from: 'database' },
      externalId: 'entra_id',
      login: 'login',
      fields: { displayName: { column: 'name', empty: '' } },
      enabled: { column: 'locked', yes: 0, no: 1 },
      constants: { source: 'entra' },
    },
    groups: {
      table: 'teams',
      key: { column: 'id', from: 'database' },
      name: 'label',
      constants: { kind: 7 },
    },
    memberships: { table: 'user_teams', account: 'user_id', group: 'team_id' },
  },
  nameLimit: 8,
  clear: ['user_teams', 'users', 'teams', 'gespage_sync_pending'],
  insert: (login, name) =>
    `INSERT INTO users (login, name, locked, source) VALUES ('${login}', '${name}', 0, 'local')`,
  accounts: `SELECT o.external_id AS id, u.login, CASE WHEN u.name = '' THEN NULL ELSE u.name END AS name,
                    1 - u.locked AS is_on FROM users u ${own('o', 'a', 'u.id')}`,
  groups: `SELECT o.external_id AS id, t.label AS name FROM teams t ${own('o', 'g', 't.id')}`,
  members: `SELECT oa.external_id AS account_id, og.external_id AS group_id FROM user_teams m
              ${own('oa', 'a', 'm.user_id')} ${own('og', 'g', 'm.team_id')}`,
});

/** One flat table with odd names, the login as its key, a flag in letters, a time. */
export const flatSite = makeSite({
  name: 'one flat table with the login as its key',
  tables: [
    `CREATE TABLE "Print Users" ("Login" varchar(20) PRIMARY KEY, "Last ""Name" varchar(8), active char(1) NOT NULL,
       "select" varchar(10) NOT NULL, changed timestamp NULL)`.replace('""', ''),
  ],
  mapping: {
    accounts: {
      table: 'Print Users',
      key: { column: 'Login', from: 'login' },
      login: 'Login',
      fields: { displayName: 'Last Name' },
      enabled: { column: 'active', yes: 'Y', no: 'N' },
      updatedAt: 'changed',
      constants: { select: 'x' },
    },
  },
  nameLimit: 8,
  clear: ['"Print Users"', 'gespage_sync_pending'],
  insert: (login, name) =>
    `INSERT INTO "Print Users" ("Login", "Last Name", active, "select") VALUES ('${login}', '${name}', 'Y', 'y')`,
  accounts: `SELECT o.external_id AS id, u."Login" AS login, u."Last Name" AS name,
                    CASE WHEN u.active = 'Y' THEN 1 ELSE 0 END AS is_on FROM "Print Users" u ${own('o', 'a', 'u."Login"')}`,
});

/** The login as the key of accounts and memberships, no flag, no foreign keys, object ids as keys of groups. */
export const bareSite = makeSite({
  name: 'tables by login that cannot say who is disabled',
  tables: [
    'CREATE TABLE people (login varchar(64) PRIMARY KEY, name varchar(200))',
    'CREATE TABLE teams (id GUID PRIMARY KEY, label varchar(200) NOT NULL)',
    'CREATE TABLE members (login varchar(64) NOT NULL, team GUID NOT NULL, origin varchar(9) NOT NULL)',
  ],
  mapping: {
    accounts: {
      table: 'people',
      key: { column: 'login', from: 'login' },
      login: 'login',
      fields: { displayName: 'name' },
      enabled: null,
    },
    groups: { table: 'teams', key: { column: 'id', from: 'object-id' }, name: 'label' },
    memberships: { table: 'members', account: 'login', group: 'team', constants: { origin: 'entra' } },
  },
  hasFlag: false,
  clear: ['members', 'people', 'teams', 'gespage_sync_pending'],
  insert: (login, name) => `INSERT INTO people (login, name) VALUES ('${login}', '${name}')`,
  accounts: `SELECT o.external_id AS id, p.login, p.name, 1 AS is_on FROM people p ${own('o', 'a', 'p.login')}`,
  groups: 'SELECT id, label AS name FROM teams',
  members: `SELECT o.external_id AS account_id, m.team AS group_id FROM members m ${own('o', 'a', 'm.login')}`,
});

/** The standard form under other names. */
export const renamedSite = makeSite({
  name: 'tables of the standard form with other names',
  tables: [
    `CREATE TABLE accounts (guid GUID PRIMARY KEY, uid varchar(255) NOT NULL UNIQUE, cn varchar(512), active boolean NOT NULL)`,
    'CREATE TABLE circles (guid GUID PRIMARY KEY, title varchar(100) NOT NULL)',
    'CREATE TABLE in_circle (a GUID, c GUID, PRIMARY KEY (a, c))',
  ],
  mapping: {
    accounts: {
      table: 'accounts',
      key: { column: 'guid', from: 'object-id' },
      login: 'uid',
      fields: { displayName: 'cn' },
      enabled: 'active',
    },
    groups: { table: 'circles', key: { column: 'guid', from: 'object-id' }, name: 'title' },
    memberships: { table: 'in_circle', account: 'a', group: 'c' },
  },
  clear: ['in_circle', 'accounts', 'circles'],
  insert: (login, name) =>
    `INSERT INTO accounts VALUES ('99999999-0000-4000-8000-00000000${Buffer.from(login).toString('hex').slice(0, 4).padStart(4, '0')}', '${login}', '${name}', '1')`,
  accounts: `SELECT o.external_id AS id, uid AS login, cn AS name, CASE WHEN active THEN 1 ELSE 0 END AS is_on
               FROM accounts LEFT JOIN gespage_sync_row o ON o.external_id = CONCAT('', guid)`,
  groups: 'SELECT guid AS id, title AS name FROM circles',
  members: 'SELECT a AS account_id, c AS group_id FROM in_circle',
});

export const sites: readonly Site[] = [standardSite, renamedSite, numberedSite, flatSite, bareSite];
