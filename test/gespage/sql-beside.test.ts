// Tests what the embedded engine does with another file beside its own: it reads it, and keeps nobody from writing there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { createSqliteEngine } from '../../src/gespage/sql/sqlite.ts';

test('whoever owns the other file can write it meanwhile, and what is read stays as it was', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-beside-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'other.db');
  const owner = new Database(file, { timeout: 0 });
  owner.pragma('journal_mode = WAL');
  owner.exec('CREATE TABLE t(x); INSERT INTO t VALUES (1)');
  const engine = createSqliteEngine(path.join(folder, 'own.db'), { connect: 1_000, statement: 1_000 });
  onTestFinished(async () => {
    await engine.close();
    owner.close();
  });

  const read = (): Promise<unknown> | undefined =>
    engine.beside?.(file, 'other', ({ all }) => {
      const count = (): unknown => all('SELECT count(*) AS rows FROM other.t')[0]?.['rows'];
      const before = count();
      owner.exec('INSERT INTO t VALUES (2)');
      return [before, count()];
    });
  expect(await read()).toEqual([1, 1]);
  // The other file was let go: the same name can be used again, also after a failure.
  expect(await read()).toEqual([2, 2]);
  const absent = path.join(folder, 'absent', 'x.db');
  await expect(engine.beside?.(absent, 'other', () => 1)).rejects.toThrow('unable to open');
  expect(await read()).toEqual([3, 3]);
});
