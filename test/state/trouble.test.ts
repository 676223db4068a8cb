// Owns the proof that trouble with the open state database is told in words, and that a damaged file is written no more.
import { readFileSync, renameSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openState } from '../../src/state/database.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { directoryObject } from '../../src/state/schema.ts';
import { makeRooms } from '../helpers/state.ts';
import { failureOf, makeFile, overwrite, pagesOf, wayBack } from './spoilt.ts';

describe('at work', () => {
  it.each<[string, (rooms: StateRooms) => unknown]>([
    ['a look', (rooms) => rooms.state.sql('SELECT count(properties) FROM directory_object').get()],
    ['a walk', (rooms) => [...rooms.state.sql('SELECT properties FROM directory_object').iterate()]],
    ['a write', (rooms) => rooms.state.sql('UPDATE directory_object SET read = 7').run()],
    ['drizzle', (rooms) => rooms.state.db.select().from(directoryObject).all()],
    ['a transaction', (rooms) => rooms.state.transaction(() => rooms.people.markRange(0, 9_999, 'test'))],
  ])('%s that meets a spoilt page ends all writing, in words', (_, meet) => {
    const file = makeFile();
    overwrite(file, pagesOf(file, 'directory_object').at(-2) as number);
    const rooms = makeRooms(file);
    expect(rooms.state.trouble()).toBeUndefined();
    const { message } = failureOf(() => meet(rooms));
    expect(message).toMatch(/is damaged: .*Nothing is written any more, nobody is disabled or deleted/);
    expect(message).toMatch(wayBack);
    expect(rooms.state.trouble()?.message).toBe(message);
    const before = readFileSync(file);
    for (const write of [
      () => rooms.meta.flush(),
      () => rooms.inbox.append([], 1),
      () => rooms.state.transaction(() => 1),
      () => rooms.meta.setText('a', 'b'),
      () => rooms.runs.request({ kind: 'renew', requestedBy: 'test' }, 1),
    ]) {
      expect(failureOf(write).message).toBe(message);
    }
    expect(rooms.meta.text('a')).toBeUndefined();
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('a transaction that goes on after it met a spoilt page is undone as a whole', () => {
    const file = makeFile();
    overwrite(file, pagesOf(file, 'directory_object').at(-2) as number);
    const rooms = makeRooms(file);
    failureOf(() =>
      rooms.state.transaction(() => {
        rooms.meta.setText('half', 'way');
        try {
          rooms.state.sql('SELECT count(properties) FROM directory_object').get();
        } catch {
          // Whoever does not care must not commit.
        }
      }),
    );
    expect(rooms.meta.text('half')).toBeUndefined();
  });

  it('a full disk is told, and forgotten once there is room', () => {
    const { state, meta, inbox } = makeRooms();
    const pages = state.sql('PRAGMA page_count').pluck().get() as number;
    state.sql(`PRAGMA max_page_count = ${pages}`).get();
    const item = {
      verdict: 'accepted',
      kind: 'change',
      subscriptionId: 's',
      event: 'e'.repeat(500),
      resource: 'users',
      objectId: null,
      count: 1,
    } as const;
    const { message } = failureOf(() => inbox.append(Array<typeof item>(1_000).fill(item), 1));
    expect(message).toMatch(
      /cannot be written: database or disk is full.*Make room: a running service then goes on/,
    );
    expect(state.trouble()?.kind).toBe('full');
    expect(state.sql('SELECT count(*) FROM notification').pluck().get()).toBe(0);
    state.sql('PRAGMA max_page_count = 1000000').get();
    meta.flush();
    expect(state.trouble()).toBeUndefined();
    inbox.append(Array<typeof item>(1_000).fill(item), 1);
    expect(state.sql('SELECT count(*) FROM notification').pluck().get()).toBe(1_000);
  });

  it('a lock of another program is told after a while', () => {
    const file = makeFile();
    const state = openState(file, { patienceMs: 20 });
    onTestFinished(() => state.close());
    const other = new Database(file);
    onTestFinished(() => void other.close());
    other.exec('BEGIN IMMEDIATE');
    expect(failureOf(() => state.transaction(() => 1)).message).toMatch(/cannot be used: database is locked/);
    other.exec('ROLLBACK');
    expect(state.durably(() => 1)).toBe(1);
    expect(state.trouble()).toBeUndefined();
  });

  it('a file that is replaced, or removed, while it is open is written no more', () => {
    for (const change of [
      (file: string) => rmSync(file),
      (file: string) => renameSync(makeFile(), file),
      (file: string) => renameSync(file, `${file}.old`),
    ]) {
      const file = makeFile();
      const rooms = makeRooms(file);
      rooms.state.examine();
      expect(rooms.state.trouble()).toBeUndefined();
      change(file);
      rooms.state.examine();
      expect(rooms.state.trouble()?.message).toMatch(
        /is not the file any more that was opened.*restart the service/,
      );
      expect(failureOf(() => rooms.meta.flush()).kind).toBe('replaced');
    }
  });

  it('errors of the program stay what they are', () => {
    const { state } = makeRooms();
    expect(() => state.sql('SELECT nobody FROM meta')).toThrow(/no such column/);
    expect(() => state.sql('INSERT INTO meta(key) VALUES (1)').run()).toThrow(/NOT NULL/);
    expect(state.trouble()).toBeUndefined();
  });
});
