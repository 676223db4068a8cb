import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openState, StateError } from '../../src/state/database.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { makeRooms, temporaryFile, writeAccount } from '../helpers/state.ts';

/** A folder of migrations as drizzle-kit writes it. */
function makeMigrations(...statements: string[]): string {
  const folder = temporaryFile('migrations');
  mkdirSync(path.join(folder, 'meta'), { recursive: true });
  const entries = statements.map((_, idx) => ({
    idx,
    version: '6',
    when: 1_000 + idx,
    tag: `000${idx}_step`,
    breakpoints: true,
  }));
  writeFileSync(
    path.join(folder, 'meta', '_journal.json'),
    JSON.stringify({ version: '7', dialect: 'sqlite', entries }),
  );
  statements.forEach((text, idx) => writeFileSync(path.join(folder, `000${idx}_step.sql`), text));
  return folder;
}

function inspect<T>(file: string, sql: string): T {
  const sqlite = new Database(file);
  try {
    return sqlite.prepare(sql).pluck().all() as T;
  } finally {
    sqlite.close();
  }
}

describe('opening the state database', () => {
  it('makes a fresh one with its folder, and opens it again as it was', () => {
    const file = temporaryFile('made/for/it/state.db');
    const first = openState(file);
    const { ledgerId } = createStateRooms(first).meta;
    first.close();
    const second = openState(file, { migrations: 'require' });
    expect(createStateRooms(second).meta.ledgerId).toBe(ledgerId);
    second.close();
  });

  it('keeps a log for readers beside the writer', () => {
    const { state } = makeRooms();
    expect(state.sql('PRAGMA journal_mode').pluck().get()).toBe('wal');
  });

  it('waits for the disk in a durable transaction, and returns to the cheaper way afterwards, even after an error', () => {
    const { state } = makeRooms();
    const read = () => state.sql('SELECT * FROM pragma_synchronous').pluck().get();
    const usual = read();
    const FULL = 2;
    expect(state.durably(read)).toBe(FULL);
    expect(read()).toBe(usual);
    expect(() =>
      state.durably(() => {
        throw new Error('disk');
      }),
    ).toThrow('disk');
    expect(read()).toBe(usual);
  });

  it.each(['membership', 'group_reach', 'ping'])(
    'stores %s in its primary key alone, without row ids',
    (table) => {
      const { state } = makeRooms();
      expect(() => state.sql(`SELECT rowid FROM ${table}`)).toThrow(/no such column/);
    },
  );

  it('refuses a database of a newer version in one sentence that says what to do', () => {
    const file = temporaryFile();
    openState(file).close();
    inspect(
      file,
      `INSERT INTO __drizzle_migrations(hash, created_at) VALUES ('x', 9999999999999) RETURNING 1`,
    );
    expect(() => openState(file)).toThrow(StateError);
    expect(() => openState(file)).toThrow(/written by a newer version.*Install that version again/s);
  });

  it('refuses, where migrations are required, a database that lacks one, and names it', () => {
    const file = temporaryFile();
    expect(() => openState(file, { migrations: 'require' })).toThrow(
      /lacks the migration 0000_\w+: run "gespage-sync migrate"/,
    );
  });

  it('names the migration that failed, keeps those before it and nothing of it [pitfall 17]', () => {
    const file = temporaryFile();
    const migrationsFolder = makeMigrations(
      'CREATE TABLE first (a);',
      'CREATE TABLE second (a);--> statement-breakpoint\nINSERT INTO nowhere VALUES (1);',
      'CREATE TABLE third (a);',
    );
    expect(() => openState(file, { migrationsFolder })).toThrow(
      /migration 0001_step .* failed: no such table: nowhere/,
    );
    expect(
      inspect<string[]>(
        file,
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('first', 'second', 'third')`,
      ),
    ).toEqual(['first']);
    expect(inspect<number[]>(file, 'SELECT created_at FROM __drizzle_migrations')).toEqual([1_000]);
  });

  it('goes on with the migrations that are still to come', () => {
    const file = temporaryFile();
    openState(file, { migrationsFolder: makeMigrations('CREATE TABLE first (a);') }).close();
    const migrationsFolder = makeMigrations('CREATE TABLE first (a);', 'CREATE TABLE second (a);');
    openState(file, { migrationsFolder }).close();
    openState(file, { migrationsFolder, migrations: 'require' }).close();
    expect(inspect<number[]>(file, 'SELECT created_at FROM __drizzle_migrations')).toEqual([1_000, 1_001]);
  });

  it('says what to do with a file that is no database, or in a place that cannot be used', () => {
    const file = temporaryFile();
    writeFileSync(file, 'this is no database, and long enough to be looked at as one'.repeat(100));
    expect(() => openState(file)).toThrow(/cannot be opened: .*a backup in its place/);
    expect(() => openState(path.join(file, 'below', 'state.db'))).toThrow(/cannot be opened: .*STATE_PATH/);
    expect(() => openState(path.join(file, 'below', 'state.db'))).toThrow(StateError);
  });
});

describe('transactions', () => {
  it('are undone as a whole, the inner with the outer', () => {
    const { state, meta } = makeRooms();
    expect(() =>
      state.transaction(() => {
        meta.setText('outer', '1');
        state.transaction(() => meta.setText('inner', '1'));
        throw new Error('half way');
      }),
    ).toThrow('half way');
    expect([meta.text('outer'), meta.text('inner')]).toEqual([undefined, undefined]);
  });
});

describe('a backup', () => {
  it('is a whole database, also of what is not yet in the main file, and works by itself', async () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1);
    const copy = temporaryFile('copy.db');
    await rooms.state.backup(copy);
    writeAccount(rooms, 2);
    const restored = createStateRooms(openState(copy, { migrations: 'require' }));
    expect(restored.ledger.countPresent()).toBe(1);
    expect(restored.meta.ledgerId).toBe(rooms.meta.ledgerId);
    restored.state.close();
    expect(readdirSync(path.dirname(copy))).toEqual(['copy.db']);
  });
});
