// Owns the replacement of a file: written beside it, put safely on disk, and renamed over it; never seen half.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Replaced {
  /** False where the file had these very bytes already; it was not touched then. */
  readonly written: boolean;
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly checksum: string;
}

export interface ReplaceOptions {
  readonly rename?: (from: string, to: string) => Promise<void>;
  /** How often a file that another program holds open is tried, and how long lies between, in ms. */
  readonly attempts?: number;
  readonly pauseMs?: number;
}

/**
 * Makes the file hold these bytes. Whoever reads it sees the old content or the new one, and a power cut leaves one of
 * the two. The rights of the old file are kept.
 * @throws Error with advice, where the folder or the file cannot be written; the old file stays as it is.
 */
export async function replaceFile(
  path: string,
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
  options: ReplaceOptions = {},
): Promise<Replaced> {
  const target = await followLinks(path);
  const temporary = temporaryOf(target);
  try {
    const { bytes, checksum } = await writeSafely(target, temporary, content);
    if (checksum === (await checksumOf(target))) return { written: false, bytes, checksum };
    await renamePatiently(temporary, target, options);
    await syncFolder(dirname(target));
    return { written: true, bytes, checksum };
  } finally {
    await rm(temporary, { force: true });
  }
}

/** One name for all times, so that what a power cut leaves behind is written over. */
export function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.part`);
}

/** SHA-256 of a file, undefined where there is none. */
export async function checksumOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw describe(path, error);
  }
  return hash.digest('hex');
}

/** A link stays a link: what it leads to is replaced. */
async function followLinks(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

async function writeSafely(
  target: string,
  temporary: string,
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<{ bytes: number; checksum: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const handle = await openForWriting(target, temporary);
  try {
    for await (const piece of content) {
      hash.update(piece);
      bytes += piece.length;
      await handle.writeFile(piece);
    }
    await handle.sync();
  } catch (error) {
    throw describe(target, error);
  } finally {
    await handle.close();
  }
  return { bytes, checksum: hash.digest('hex') };
}

async function openForWriting(target: string, temporary: string): Promise<FileHandle> {
  try {
    const old = await stat(target).catch(() => undefined);
    if (old?.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
    const handle = await open(temporary, 'w', old?.mode);
    // The mask of the process does not hold where somebody chose the rights.
    if (old !== undefined) await handle.chmod(old.mode & 0o777);
    return handle;
  } catch (error) {
    throw describe(target, error);
  }
}

/** Windows does not let a file be replaced that somebody has open; most readers are done in a moment. */
async function renamePatiently(
  from: string,
  to: string,
  { rename: move = rename, attempts = 10, pauseMs = 300 }: ReplaceOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await move(from, to);
      return;
    } catch (error) {
      if (!heldOpen.has(codeOf(error)) || attempt >= attempts) throw describe(to, error);
    }
    await sleep(pauseMs);
  }
}
const heldOpen: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EBUSY']);

/** The new name is safe only when its folder is on disk. Windows has no such call, and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function describe(path: string, error: unknown): Error {
  const code = codeOf(error);
  const [what, advice] = reasons[code] ?? [
    error instanceof Error ? error.message : String(error),
    'It is tried again by itself.',
  ];
  return new Error(`The file ${path} cannot be written: ${what} It stays as it was. ${advice}`, {
    cause: error,
  });
}

const mayNot =
  'the service may not write there, or another program, such as Excel or Gespage, holds the file open.';
const letIt =
  'Close it there, and give the service the right to write in the folder; it is tried again by itself.';
const reasons: Readonly<Record<string, readonly [string, string]>> = {
  EACCES: [mayNot, letIt],
  EPERM: [mayNot, letIt],
  EBUSY: ['another program, such as Excel or Gespage, holds it open.', letIt],
  EROFS: ['the disk can only be read.', 'Set GESPAGE_FILE_PATH to a folder that can be written.'],
  ENOSPC: ['the disk is full.', 'Make room; it is tried again by itself.'],
  EDQUOT: ['the quota of the disk is used up.', 'Make room; it is tried again by itself.'],
  ENOENT: ['its folder is gone.', 'Make the folder again; it is tried again by itself.'],
  ENOTDIR: ['its folder is a file.', 'Set GESPAGE_FILE_PATH to a file in a folder.'],
  EISDIR: ['it is a folder.', 'Set GESPAGE_FILE_PATH to the name of a file, not of a folder.'],
};

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
