// Owns the way to the thread that makes the file: 100,000 rows take a second, and the doors must not wait.
import { Worker } from 'node:worker_threads';
import { threadFile } from '../../ops/thread-file.ts';
import type { PublishAnswer } from './publish-thread.ts';
import type { Published, PublishOrder } from './publish.ts';

const file = threadFile(import.meta.url, 'publish-thread');

/** The rows go through as a stream, whatever the tenant's size. */
const resourceLimits = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 64 };

/** As `publishFile`, in a thread that ends with it. */
export function publishInThread(order: PublishOrder): Promise<Published> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: order, resourceLimits });
    worker.on('message', (answer: PublishAnswer) => {
      if ('published' in answer) resolve(answer.published);
      else reject(new Error(answer.problem));
    });
    worker.on('error', (error) => reject(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', (code) =>
      reject(new Error(`The thread that writes the file ended with code ${code}.`)),
    );
  });
}
