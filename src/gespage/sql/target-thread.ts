// Owns the thread of a SQL target: does what it is asked, one request after the other.
import { parentPort, workerData } from 'node:worker_threads';
import { createSqlTarget, type SqlTargetOptions } from './create-sql-target.ts';
import type { ThreadAnswer, ThreadRequest } from './threaded-target.ts';

const target = createSqlTarget(workerData as SqlTargetOptions);
const port = parentPort;
if (port === null) throw new Error('This file runs as a thread of the service only.');

function carryOut(request: ThreadRequest): Promise<unknown> {
  switch (request.call) {
    case 'open':
      return target.open();
    case 'position':
      return target.position();
    case 'apply':
      return target.apply(request.batch);
    case 'holdings':
      return target.holdings(request.after, request.limit);
    case 'close':
      return target.close();
  }
}

port.on('message', (request: ThreadRequest) => {
  const answer = (message: ThreadAnswer): void => port.postMessage(message);
  carryOut(request).then(
    (result) => answer({ id: request.id, result }),
    (error: unknown) => {
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
      answer({ id: request.id, error: { name, message } });
    },
  );
});
