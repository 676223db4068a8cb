// Tests the thread that copies the write-ahead log: it copies while the owner writes on, and lets go of the file.
import { rmSync, statSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { startCheckpoints } from '../../src/state/checkpoints.ts';
import { openState } from '../../src/state/database.ts';
import { temporaryFile } from '../helpers/state.ts';

test('what is written reaches the database file, though its owner copies nothing', async () => {
  const file = temporaryFile();
  const state = openState(file);
  const before = statSync(file).size;
  const end = startCheckpoints(file);
  let rows = 0;
  // Far below the size at which the owner's connection copies by itself.
  await vi.waitFor(
    () => {
      const add = state.sql('INSERT INTO meta(key, value) VALUES (?, ?)');
      state.transaction(() => add.run(`row ${(rows += 1)}`, 'x'.repeat(20_000)));
      expect(statSync(file).size).toBeGreaterThan(before + 100_000);
    },
    { timeout: 20_000, interval: 20 },
  );
  await Promise.all([end(), end()]);
  await end();
  state.close();
  const again = openState(file, { migrations: 'require' });
  expect(again.sql(`SELECT count(*) FROM meta WHERE key LIKE 'row %'`).pluck().get()).toBe(rows);
  again.close();
});

test('where it cannot work it is missed by nobody', async () => {
  const file = temporaryFile();
  openState(file).close();
  rmSync(file);
  const end = startCheckpoints(file);
  await end();
  expect(statSync(file, { throwIfNoEntry: false })).toBeUndefined();
});
