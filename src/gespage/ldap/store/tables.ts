// Owns the file in which the directory is kept: its tables, and how a connection for writing or for reading is opened.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { encodeBase, encodeOperational, encodeUnit } from './attributes.ts';
import { packEntry } from './encode.ts';
import { type Base, groupsUnit, peopleUnit } from './names.ts';
import { uuidOf } from './uuid.ts';

/** Rises whenever tables or encoded entries change their form: then the file is filled anew, from the ledger. */
const format = 2;

export const kinds = { unit: 0, person: 1, group: 2 } as const;

/** The base and the units of people and groups are always there, before all others. */
export const lastFixedPosition = 3;

/**
 * `entry` is what readers scan, in the order of positions; `person` and `grp` are what the writer compares with.
 * `entry.groups` lists the keys of a person's groups as `,3,17,`; `membership` is the same the other
 * way round, with the names that `member` is made of. `entry.unit` is the position of the department's unit that the
 * entry belongs to; the unit itself is the first to do so. `entry.packed` is what `packEntry` makes.
 */
const schema = `
  CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, base TEXT NOT NULL,
    departments INTEGER NOT NULL, complete INTEGER NOT NULL, ledger_id TEXT, revision INTEGER);
  CREATE TABLE entry (
    position INTEGER PRIMARY KEY, kind INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    packed BLOB NOT NULL, groups TEXT NOT NULL, cn_key TEXT, mail_key TEXT, unit INTEGER);
  CREATE INDEX entry_group ON entry(position) WHERE kind = ${kinds.group};
  CREATE INDEX entry_is_unit ON entry(position) WHERE kind = ${kinds.unit};
  CREATE INDEX entry_unit ON entry(unit) WHERE unit IS NOT NULL;
  CREATE TABLE person (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, created INTEGER NOT NULL);
  CREATE TABLE grp (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT, wish TEXT, position INTEGER UNIQUE,
    created INTEGER);
  CREATE INDEX grp_wish ON grp(wish);
  CREATE TABLE membership (
    grp INTEGER NOT NULL, person INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (grp, person)) WITHOUT ROWID;
`;

/** By these readers look up; while the file is filled for the first time nobody reads, and they would only cost time. */
export const lookupIndexes = `
  CREATE INDEX IF NOT EXISTS entry_cn ON entry(cn_key) WHERE cn_key IS NOT NULL;
  CREATE INDEX IF NOT EXISTS entry_mail ON entry(mail_key) WHERE mail_key IS NOT NULL;
`;

/** Opens the file for the one writer, and makes it where it is missing or of another form. */
export function openToWrite(file: string, base: Base, now: number): Database.Database {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  const database = new Database(file, { timeout: 5_000 });
  try {
    if (readForm(database) === undefined) database.pragma('page_size = 8192');
    database.pragma('journal_mode = WAL');
    // A power cut may undo the last commits whole; the position that comes back with them has them sent again.
    database.pragma('synchronous = NORMAL');
    database.pragma('cache_size = -16000');
    database.pragma('wal_autocheckpoint = 2000');
    if (readForm(database) !== formOf(base)) database.transaction(() => makeAnew(database, base, now))();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens the file for readers; it exists. */
export function openToRead(file: string): Database.Database {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  database.pragma('cache_size = -8000');
  database.pragma('mmap_size = 268435456');
  return database;
}

function formOf(base: Base): string {
  return `${format} ${Number(base.departments)} ${base.dn}`;
}

function readForm(database: Database.Database): string | undefined {
  const tables = database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'state'`).get();
  if (tables === undefined) return undefined;
  // All columns, since files of the first format lack one.
  const row = database.prepare('SELECT * FROM state').get() as
    { format: number; departments?: number; base: string } | undefined;
  return row && `${row.format} ${row.departments} ${row.base}`;
}

function makeAnew(database: Database.Database, base: Base, now: number): void {
  const names = database
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
    .pluck()
    .all() as string[];
  for (const name of names) database.exec(`DROP TABLE "${name.replaceAll('"', '""')}"`);
  database.exec(schema);
  database
    .prepare('INSERT INTO state(id, format, base, departments, complete) VALUES (1, ?, ?, ?, 0)')
    .run(format, base.dn, Number(base.departments));
  const insert = database.prepare(
    `INSERT INTO entry(position, kind, key, name, packed, groups) VALUES (?, ${kinds.unit}, ?, ?, ?, '')`,
  );
  const units = [
    { name: '', key: '', encoded: encodeBase(base) },
    { ...peopleUnit, encoded: encodeUnit('people') },
    { ...groupsUnit, encoded: encodeUnit('groups') },
  ];
  units.forEach(({ name, key, encoded }, index) => {
    const operational = encodeOperational(uuidOf(base.dnOf(name)), now, now);
    insert.run(index + 1, key, name, packEntry(encoded, operational));
  });
}
