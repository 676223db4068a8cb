// Owns the proof that a file is replaced whole or not at all, and that a reader who holds it open is waited for.
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaceFile, temporaryOf } from '../../../src/gespage/file/replace.ts';
import { makeFolder } from './file-kit.ts';

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** As on Windows, while somebody has the file open. */
function heldOpen(times: number, code: string) {
  const tried = { times: 0 };
  const move = async (from: string, to: string): Promise<void> => {
    tried.times += 1;
    if (tried.times <= times) throw failure(code);
    await rename(from, to);
  };
  return { rename: move, pauseMs: 0, attempts: 10, tried };
}

describe('a file that another program holds open', () => {
  it.each(['EPERM', 'EACCES', 'EBUSY'])('is replaced as soon as it is closed: %s', async (code) => {
    const path = join(makeFolder(), 'a.csv');
    await writeFile(path, 'old');
    const held = heldOpen(9, code);
    expect(await replaceFile(path, [Buffer.from('new')], held)).toMatchObject({ written: true, bytes: 3 });
    expect([await readFile(path, 'utf8'), held.tried.times]).toEqual(['new', 10]);
  });

  it('stays as it was where it is never closed, and the failure says who may hold it', async () => {
    const path = join(makeFolder(), 'a.csv');
    await writeFile(path, 'old');
    const held = heldOpen(99, 'EBUSY');
    await expect(replaceFile(path, [Buffer.from('new')], held)).rejects.toThrow(
      `The file ${path} cannot be written: another program, such as Excel or Gespage, holds it open. It stays as it was.`,
    );
    expect([await readFile(path, 'utf8'), held.tried.times]).toEqual(['old', 10]);
    expect(existsSync(temporaryOf(path))).toBe(false);
  });

  it('is not tried again for a failure of another kind', async () => {
    const path = join(makeFolder(), 'a.csv');
    const held = heldOpen(99, 'ENOSPC');
    await expect(replaceFile(path, [], held)).rejects.toThrow('the disk is full.');
    expect(held.tried.times).toBe(1);
  });
});

describe('content that fails on the way', () => {
  it('leaves the old file', async () => {
    const path = join(makeFolder(), 'a.csv');
    await writeFile(path, 'old');
    function* content(): Generator<Buffer> {
      yield Buffer.from('half');
      throw new Error('no more rows');
    }
    await expect(replaceFile(path, content())).rejects.toThrow('no more rows');
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('that a killed process left half written beside the file is written over', async () => {
    const path = join(makeFolder(), 'a.csv');
    await writeFile(temporaryOf(path), 'half of a file that was much longer');
    await replaceFile(path, [Buffer.from('new')]);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(existsSync(temporaryOf(path))).toBe(false);
  });
});
