// Owns a small disk for tests, which can be full or read-only: a file system in memory, mounted in a temporary folder.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

export interface SmallDisk {
  readonly folder: string;
  /** Takes all the room that is left. */
  fill(): void;
  /** Gives it back. */
  makeRoom(): void;
  makeReadOnly(): void;
}

const megabytes = 24;
const largestPiece = 65_536;

function mount(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'gespage-test', folder], {
    stdio: 'pipe',
  });
}

/** Lazily, so that a process that still has a file open there does not keep it. */
function unmount(folder: string): void {
  execFileSync('umount', ['-l', folder], { stdio: 'pipe' });
}

/** Why no small disk can be had here; undefined where it can. */
export const noSmallDisk: string | undefined = (() => {
  if (process.platform !== 'linux') return 'only Linux mounts a file system in memory';
  if (process.getuid?.() !== 0) return 'only root may mount a file system';
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-disk-'));
  try {
    mount(folder);
    unmount(folder);
    return undefined;
  } catch (error) {
    return `mounting fails here (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)})`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

/** For tests that are left out without one: says so, once for each file. */
export function sayIfNoSmallDisk(what: string): boolean {
  if (noSmallDisk === undefined) return false;
  console.warn(`SKIPPED: ${what}, since ${noSmallDisk}.`);
  return true;
}

/** Mounts one; it goes with the test. */
export function makeSmallDisk(): SmallDisk {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-disk-'));
  mount(folder);
  onTestFinished(() => {
    unmount(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  const filler = path.join(folder, 'filler');
  return {
    folder,
    fill() {
      const handle = openSync(filler, 'a');
      for (let size = largestPiece; size >= 1;) {
        try {
          writeSync(handle, Buffer.alloc(size, 1));
        } catch {
          size = Math.floor(size / 2);
        }
      }
      closeSync(handle);
    },
    makeRoom: () => rmSync(filler, { force: true }),
    makeReadOnly: () => void execFileSync('mount', ['-o', 'remount,ro', folder], { stdio: 'pipe' }),
  };
}
