// Owns a target in a thread of its own, seen from the service: an embedded database works in the calling thread, and the
// doors must not wait for it.
import { Worker, type ResourceLimits } from 'node:worker_threads';
import type { Log } from '../../ops/log.ts';
import type { Applied, Holdings, Position, Target } from '../target.ts';
import type { ThreadCall, ThreadMessage } from './messages.ts';

export interface TargetThreadOptions {
  readonly name: string;
  /** Module that calls `serveTarget`. */
  readonly file: URL;
  /** What the thread works by, as `workerData`. */
  readonly data: unknown;
  readonly resourceLimits: ResourceLimits;
  /** Where the lines go that the thread logs. */
  readonly log?: Log;
  /** Called when the thread ended without having been told to. */
  readonly onLost?: () => void;
}

/** A target whose thread can be asked for more than a target's own calls. */
export interface TargetThread extends Target {
  ask(request: ThreadCall): Promise<unknown>;
}

type Fill = NonNullable<Target['fill']>;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The target at work in a thread that starts with the first call, and again after a failure. */
export function createTargetThread(options: TargetThreadOptions): TargetThread {
  const { name, file, data, resourceLimits, log } = options;
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;

  function start(): Worker {
    const made = new Worker(file, { workerData: data, resourceLimits });
    // Work in hand keeps the process alive through the promises of those who wait, not through the thread.
    made.unref();
    made.on('message', (message: ThreadMessage) => {
      if ('level' in message) {
        log?.[message.level](message.text, { target: name, ...message.fields });
        return;
      }
      const one = waiting.get(message.id);
      waiting.delete(message.id);
      if ('error' in message)
        one?.reject(Object.assign(new Error(message.error.message), { name: message.error.name }));
      else one?.resolve(message.result);
    });
    const fail = (reason: string) => {
      const isLost = worker === made;
      if (isLost) worker = undefined;
      for (const one of waiting.values())
        one.reject(new Error(`The thread of the target ${name} ended: ${reason}`));
      waiting.clear();
      if (isLost) options.onLost?.();
    };
    made.on('error', (error) => fail(error instanceof Error ? error.message : String(error)));
    made.on('exit', (code) => fail(`exit code ${code}`));
    return made;
  }

  function ask(request: ThreadCall): Promise<unknown> {
    worker ??= start();
    const id = (lastId += 1);
    const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }));
    worker.ref();
    worker.postMessage({ id, ...request });
    return answer.finally(() => {
      if (waiting.size === 0) worker?.unref();
    });
  }

  return {
    name,
    ask,
    open: async () => void (await ask({ call: 'open' })),
    position: async () => (await ask({ call: 'position' })) as Position | undefined,
    apply: async (batch) => (await ask({ call: 'apply', batch })) as Applied,
    fill: async (source, at) => (await ask({ call: 'fill', source, at })) as Awaited<ReturnType<Fill>>,
    holdings: async (after, limit) => (await ask({ call: 'holdings', after, limit })) as Holdings,
    async close() {
      if (!worker) return;
      await ask({ call: 'close' });
      const ended = worker;
      worker = undefined;
      await ended?.terminate();
    },
  };
}
