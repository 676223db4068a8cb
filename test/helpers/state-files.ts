// Owns what a state database leaves on disk when its process is gone in an instant, or the power with it.
import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import type { State } from '../../src/state/database.ts';

export interface StateFiles {
  /** To be called before the database is opened, and after. */
  beforeOpening(): void;
  watch(state: State): void;
  /**
   * Keeps the files as they are at this instant.
   * @param powerCut of what is not on disk for certain, this share is kept, from 0 to 1.
   * @returns makes them the database again.
   */
  keep(powerCut?: number): () => void;
}

/**
 * Knows which part of a database is on disk for certain. SQLite writes a commit to the end of the log beside the
 * database; but for durable transactions it is the system's affair when that reaches the disk. The log must stay short
 * enough that none of it is moved to the database meanwhile.
 */
export function createStateFiles(file: string): StateFiles {
  const log = `${file}-wal`;
  const lengthOfLog = (): number => (existsSync(log) ? statSync(log).size : 0);
  let certain = 0;
  return {
    beforeOpening() {
      certain = Math.min(certain, lengthOfLog());
    },
    watch(state) {
      const { durably } = state;
      state.durably = (work) => {
        const result = durably(work);
        certain = lengthOfLog();
        return result;
      };
    },
    keep(powerCut) {
      const names = [file, log].filter((name) => existsSync(name));
      for (const name of names) copyFileSync(name, `${name}.kept`);
      if (powerCut !== undefined && names.includes(log)) {
        certain += Math.floor((lengthOfLog() - certain) * powerCut);
        cut(`${log}.kept`, certain);
      }
      return () => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
        for (const name of names) renameSync(`${name}.kept`, name);
      };
    },
  };
}

function cut(file: string, length: number): void {
  const handle = openSync(file, 'r+');
  ftruncateSync(handle, length);
  closeSync(handle);
}
