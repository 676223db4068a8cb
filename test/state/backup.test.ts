// Owns the proof that a backup is one state of the database, however much is written meanwhile, and no ledger of another's.
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { backUp } from '../../src/state/backup.ts';
import { openState, StateError } from '../../src/state/database.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { makeRooms, temporaryFile, writeAccount } from '../helpers/state.ts';
import { makeFile, overwrite, pagesOf } from './spoilt.ts';

describe('a backup', () => {
  it('ends although somebody else writes all the while, and shows none of it', async () => {
    const file = makeFile();
    const { state, meta } = makeRooms(file);
    // More pages than are copied at once.
    meta.setText('large', 'x'.repeat(20_000_000));
    const other = new Database(file);
    onTestFinished(() => void other.close());
    const write = other.prepare(`INSERT INTO meta(key, value) VALUES ('other ' || ?, 'y')`);
    let writes = 0;
    let isOver = false;
    const goOn = (): void => {
      if (isOver) return;
      write.run((writes += 1));
      setImmediate(goOn);
    };
    const copy = temporaryFile('copy.db');
    const done = backUp(file, copy);
    goOn();
    const { bytes } = await done;
    isOver = true;
    expect(writes).toBeGreaterThan(3);
    expect(bytes).toBe(statSync(copy).size);
    const sqlite = new Database(copy, { readonly: true });
    onTestFinished(() => void sqlite.close());
    expect(sqlite.prepare(`SELECT count(*) FROM meta WHERE key LIKE 'other %'`).pluck().get()).toBeLessThan(
      2,
    );
    expect(sqlite.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(state.trouble()).toBeUndefined();
    expect(readdirSync(path.dirname(copy))).toEqual(['copy.db']);
  });

  it('keeps everything but the name of the ledger', async () => {
    const rooms = makeRooms();
    writeAccount(rooms, 1);
    const ids = new Set([rooms.meta.ledgerId]);
    for (const name of ['one.db', 'two.db']) {
      const copy = temporaryFile(name);
      await backUp(rooms.state.path, copy);
      const restored = createStateRooms(openState(copy, { migrations: 'require' }));
      expect([restored.ledger.get(1)?.login, restored.ledger.revision()]).toEqual(['user1', 1]);
      ids.add(restored.meta.ledgerId);
      restored.state.close();
    }
    expect(ids.size).toBe(3);
    expect(rooms.meta.ledgerId).toBe(createStateRooms(rooms.state).meta.ledgerId);
  });

  it('is made of a database of any schema, even one that has none of our tables yet', async () => {
    const file = temporaryFile();
    const sqlite = new Database(file);
    sqlite.exec('CREATE TABLE of_long_ago (a)');
    sqlite.close();
    const copy = temporaryFile('copy.db');
    await backUp(file, copy);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
  });

  it('is not made of a damaged database, nor over another file', async () => {
    const file = makeFile();
    overwrite(file, pagesOf(file, 'directory_object').at(-2) as number);
    const copy = temporaryFile('copy.db');
    await expect(backUp(file, copy)).rejects.toThrow(
      /is damaged .*no backup was made of it\. Stop the service/,
    );
    expect(readdirSync(path.dirname(copy))).toEqual([]);
    writeFileSync(copy, 'precious');
    await expect(backUp(makeFile(), copy)).rejects.toThrow(StateError);
    expect(readdirSync(path.dirname(copy))).toEqual(['copy.db']);
  });
});
