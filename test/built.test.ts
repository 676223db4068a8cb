// Tests the word to whoever starts the program before it is built.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

test('a start without a build says what to run; with one it says nothing', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'gespage-built-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const folder of ['scripts', 'dist']) mkdirSync(path.join(root, folder));
  const script = path.join(root, 'scripts', 'built.mjs');
  copyFileSync('scripts/built.mjs', script);
  const start = () => spawnSync(process.execPath, [script], { encoding: 'utf8' });

  const without = start();
  expect([without.status, without.stdout]).toEqual([1, '']);
  expect(without.stderr).toContain('npm run build');
  writeFileSync(path.join(root, 'dist', 'main.js'), '');
  expect(start()).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
