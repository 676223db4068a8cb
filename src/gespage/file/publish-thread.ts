// Owns the thread that makes the file: it lives for one publication.
import { parentPort, workerData } from 'node:worker_threads';
import { publishFile, type Published, type PublishOrder } from './publish.ts';

export type PublishAnswer = { readonly published: Published } | { readonly problem: string };

const port = parentPort;
if (port === null) throw new Error('This file runs as a thread of the service only.');

const answer = (message: PublishAnswer): void => port.postMessage(message);
try {
  answer({ published: await publishFile(workerData as PublishOrder) });
} catch (error) {
  answer({ problem: error instanceof Error ? error.message : String(error) });
}
