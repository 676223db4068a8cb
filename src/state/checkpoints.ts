// Owns the help with copying the write-ahead log into the database file while much is written: a thread of its own waits
// for the disk, since the doors are open meanwhile. Without it the database's own connection does all of that work.
import { Worker } from 'node:worker_threads';
import { threadFile } from '../ops/thread-file.ts';

const file = threadFile(import.meta.url, 'checkpoint-thread');
const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 };

/**
 * Begins to help with a database.
 * @returns the end of it: resolves when the thread has let go of the file.
 */
export function startCheckpoints(database: string): () => Promise<void> {
  const worker = new Worker(file, { workerData: database, resourceLimits });
  worker.unref();
  // What it cannot do is left to the database's own connection, which says what is wrong.
  worker.on('error', () => undefined);
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  return () => {
    worker.ref();
    worker.postMessage('end');
    return exited;
  };
}
