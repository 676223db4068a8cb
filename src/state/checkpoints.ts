// Owns the help with copying the write-ahead log into the database file while much is written: a thread of its own waits
// for the disk, since the doors are open meanwhile. Without it the service's own connection does all of that work.
import { Worker } from 'node:worker_threads';
import { threadFile } from '../ops/thread-file.ts';

export interface Checkpoints {
  /** May be called again. */
  begin(): void;
  /** Returns when the thread has let go of the file; nothing happens where there is none. */
  end(): Promise<void>;
}

const file = threadFile(import.meta.url, 'checkpoint-thread');
const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 };

export function createCheckpoints(database: string): Checkpoints {
  let current: { readonly worker: Worker; readonly exited: Promise<void> } | undefined;

  return {
    begin() {
      if (current || database === ':memory:') return;
      const worker = new Worker(file, { workerData: database, resourceLimits });
      worker.unref();
      // What it cannot do is left to the service's own connection, which says what is wrong.
      worker.on('error', () => undefined);
      current = { worker, exited: new Promise((resolve) => worker.once('exit', () => resolve())) };
    },
    async end() {
      if (!current) return;
      const { worker, exited } = current;
      current = undefined;
      worker.ref();
      worker.postMessage('end');
      await exited;
    },
  };
}
