// Owns a target's thread from within: does what it is asked, and passes on what it has to say.
import { parentPort } from 'node:worker_threads';
import type { Log, LogFields, LogLevel } from '../../ops/log.ts';
import type { Target } from '../target.ts';
import type { ThreadMessage, ThreadRequest } from './messages.ts';

/** Makes the target and answers for it until the thread ends. */
export function serveTarget(create: (log: Log) => Target): void {
  const port = parentPort;
  if (port === null) throw new Error('This file runs as a thread of the service only.');
  const tell = (message: ThreadMessage): void => port.postMessage(message);
  const target = create(createThreadLog(tell));

  port.on('message', (request: ThreadRequest) => {
    carryOut(target, request).then(
      (result) => tell({ id: request.id, result }),
      (error: unknown) => {
        const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
        tell({ id: request.id, error: { name, message } });
      },
    );
  });
}

async function carryOut(target: Target, request: ThreadRequest): Promise<unknown> {
  switch (request.call) {
    case 'open':
      return target.open();
    case 'position':
      return target.position();
    case 'apply':
      return target.apply(request.batch);
    case 'fill':
      return target.fill?.(request.source, request.at);
    case 'holdings':
      return target.holdings(request.after, request.limit);
    case 'serve':
      return target.serve?.();
    case 'close':
      return target.close();
  }
}

/** A log whose lines are written by the service: there is one destination, and one list of secrets. */
function createThreadLog(tell: (message: ThreadMessage) => void, own: LogFields = {}): Log {
  const write =
    (level: LogLevel) =>
    (text: string, fields: LogFields = {}): void =>
      tell({ level, text, fields: { ...own, ...fields } });
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => createThreadLog(tell, { ...own, ...fields }),
  };
}
