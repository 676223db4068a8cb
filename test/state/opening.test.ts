// Owns the proof that a state database that cannot be opened says why and what to do, and is left as it was.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { backUp } from '../../src/state/backup.ts';
import { openState } from '../../src/state/database.ts';
import { takeLease } from '../../src/state/lease.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { makeSmallDisk, sayIfNoSmallDisk } from '../helpers/small-disk.ts';
import { apply, temporaryFile, user } from '../helpers/state.ts';
import { failureOf, makeFile, overwrite, wayBack } from './spoilt.ts';

const withoutDisk = sayIfNoSmallDisk('what a full and a read-only disk do to the state database');

describe('opening', () => {
  it.each<[string, (file: string) => void, RegExp[]]>([
    [
      'garbage',
      (file) => writeFileSync(file, 'no database '.repeat(500)),
      [/file is not a database/, wayBack],
    ],
    ['a file cut in half', (file) => truncateSync(file, statSync(file).size / 2), [/malformed/, wayBack]],
    [
      'an empty file',
      (file) => truncateSync(file, 0),
      [/is empty, as a copy to a full disk leaves it/, wayBack],
    ],
    ['a few bytes', (file) => truncateSync(file, 50), [/malformed/, wayBack]],
    ['a first page of something else', (file) => overwrite(file, 0), [/file is not a database/, wayBack]],
    ['a spoilt list of tables', (file) => overwrite(file, 4_096 - 4_000), [/malformed/, wayBack]],
    [
      'the database of another program',
      (file) => {
        rmSync(file);
        const sqlite = new Database(file);
        sqlite.exec('CREATE TABLE invoices (id)');
        sqlite.close();
      },
      [/database of another program: it holds the table invoices/, /STATE_PATH a path of its own/],
    ],
  ])('%s says what it is, and how to come back', (_, spoil, words) => {
    const file = makeFile();
    spoil(file);
    const before = readFileSync(file);
    const { message } = failureOf(() => openState(file));
    expect(message).toContain(file);
    for (const word of words) expect(message).toMatch(word);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('a backup beside the log of another file refuses to join the two', async () => {
    const file = makeFile();
    const copy = `${file}.copy`;
    await backUp(file, copy);
    const rooms = createStateRooms(openState(file));
    apply(rooms, 'user', [user(9_999)]);
    const log = readFileSync(`${file}-wal`);
    rooms.state.close();
    // As after a kill, and a restore that left the log where it was.
    renameSync(copy, file);
    writeFileSync(`${file}-wal`, log);
    const { message } = failureOf(() => openState(file));
    expect(message).toMatch(/-wal of its predecessor is still there.*Move .*-wal and .*-shm aside/);
    rmSync(`${file}-wal`);
    const restored = createStateRooms(openState(file));
    expect(restored.directory.counts().users).toBe(2_000);
    restored.state.close();
  });

  it('a file that another program keeps locked names what may hold it', () => {
    const file = makeFile();
    const other = new Database(file);
    onTestFinished(() => void other.close());
    other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    const { message } = failureOf(() => openState(file, { patienceMs: 20 }));
    expect(message).toMatch(/database is locked.*Another program keeps it locked.*Close that program/);
  });

  it('a lock that something else was written over is told to be deleted', () => {
    const file = temporaryFile();
    writeFileSync(`${file}-lease`, 'no lock '.repeat(1_000));
    expect(failureOf(() => takeLease(file)).message).toMatch(/-lease, the lock .* delete it/);
  });

  it('a folder in the place of the file, or a path through a file, points to STATE_PATH', () => {
    const file = temporaryFile();
    expect(failureOf(() => openState(path.dirname(file))).message).toMatch(/cannot be opened: .*STATE_PATH/);
    writeFileSync(file, '');
    expect(failureOf(() => openState(path.join(file, 'below.db'))).message).toMatch(/STATE_PATH/);
    expect(failureOf(() => takeLease(path.join(file, 'below.db'))).message).toMatch(/STATE_PATH/);
  });

  it.skipIf(withoutDisk)('on a full disk asks for room, and keeps what was there', () => {
    const disk = makeSmallDisk();
    const file = makeFile(path.join(disk.folder, 'state.db'));
    disk.fill();
    const fresh = path.join(disk.folder, 'fresh.db');
    const { message } = failureOf(() => openState(fresh));
    expect(message).toMatch(/The disk is full.*Make room, then start again/);
    disk.makeRoom();
    for (const one of [file, fresh])
      openState(one, { migrations: one === file ? 'require' : 'apply' }).close();
  });

  it.skipIf(withoutDisk)('on a read-only disk asks for the right to write', () => {
    const disk = makeSmallDisk();
    const file = makeFile(path.join(disk.folder, 'state.db'));
    disk.makeReadOnly();
    const words = /read-only for the account that this runs under.*the right to write/;
    expect(failureOf(() => openState(file)).message).toMatch(words);
    expect(failureOf(() => takeLease(file)).message).toMatch(words);
    expect(failureOf(() => openState(path.join(disk.folder, 'no', 'folder.db'))).message).toMatch(
      /STATE_PATH/,
    );
  });
});

describe('an older schema', () => {
  it('is brought up with all that it holds', () => {
    const file = makeFile();
    const rooms = createStateRooms(openState(file));
    rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, 5);
    const before = rooms.directory.counts();
    rooms.state.close();
    const migrationsFolder = addMigration(
      'ALTER TABLE run ADD COLUMN place text; UPDATE run SET place = requested_by;',
    );
    expect(failureOf(() => openState(file, { migrations: 'require', migrationsFolder })).message).toMatch(
      /lacks the migration 0001_more: run "gespage-sync migrate"/,
    );
    const migrated = openState(file, { migrationsFolder });
    const after = createStateRooms(migrated);
    expect(after.directory.counts()).toEqual(before);
    expect(migrated.sql('SELECT place FROM run').pluck().all()).toEqual(['test']);
    migrated.close();
    // And back: an older program refuses it.
    expect(failureOf(() => openState(file)).message).toMatch(/newer version.*Install that version again/);
  });

  it('whose migration finds no room keeps what it was', () => {
    const file = makeFile();
    const sqlite = new Database(file);
    const pages = sqlite.pragma('page_count', { simple: true }) as number;
    sqlite.close();
    const migrationsFolder = addMigration(
      `PRAGMA max_page_count = ${pages}; CREATE TABLE more AS SELECT * FROM directory_object;`,
    );
    const { message } = failureOf(() => openState(file, { migrationsFolder }));
    expect(message).toMatch(/migration 0001_more .*failed\. Nothing of it was kept\..*The disk is full/);
    openState(file, { migrations: 'require' }).close();
  });

  /** The product's migrations and one more. */
  function addMigration(statements: string): string {
    const folder = temporaryFile('migrations');
    const own = path.resolve('drizzle');
    const journal = JSON.parse(readFileSync(path.join(own, 'meta/_journal.json'), 'utf8')) as {
      entries: { tag: string; when: number }[];
    };
    const last = journal.entries.at(-1) as { tag: string; when: number };
    const more = { ...last, tag: '0001_more', when: last.when + 1 };
    writeFiles(folder, {
      'meta/_journal.json': JSON.stringify({ ...journal, entries: [...journal.entries, more] }),
      [`${last.tag}.sql`]: readFileSync(path.join(own, `${last.tag}.sql`), 'utf8'),
      '0001_more.sql': statements.replaceAll('; ', ';--> statement-breakpoint\n'),
    });
    return folder;
  }
});

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}
