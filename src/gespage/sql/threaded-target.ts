// Owns a SQL target in a thread of its own: an embedded database writes in the calling thread, and the doors must not wait.
import { Worker } from 'node:worker_threads';
import type { Applied, ChangeBatch, Holdings, Position, Target } from '../target.ts';
import type { SqlTargetOptions } from './create-sql-target.ts';

/** What the thread is asked to do. */
export type ThreadCall =
  | { readonly call: 'open' | 'position' | 'close' }
  | { readonly call: 'apply'; readonly batch: ChangeBatch }
  | { readonly call: 'holdings'; readonly after: string; readonly limit: number };

export type ThreadRequest = ThreadCall & { readonly id: number };

export type ThreadAnswer = { readonly id: number } & (
  { readonly result: unknown } | { readonly error: { readonly name: string; readonly message: string } }
);

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Compiled or not, the thread's file lies beside this one. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './target-thread.ts' : './target-thread.js',
  import.meta.url,
);

/** Small limits: a target's thread holds one batch at a time. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/** The same target as `createSqlTarget`, at work in a thread that starts with the first call and again after a failure. */
export function createThreadedSqlTarget(name: string, options: SqlTargetOptions): Target {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;

  function start(): Worker {
    const made = new Worker(threadFile, { workerData: options, resourceLimits });
    // Work in hand keeps the process alive through the promises of those who wait, not through the thread.
    made.unref();
    made.on('message', (answer: ThreadAnswer) => {
      const one = waiting.get(answer.id);
      waiting.delete(answer.id);
      if ('error' in answer)
        one?.reject(Object.assign(new Error(answer.error.message), { name: answer.error.name }));
      else one?.resolve(answer.result);
    });
    const fail = (reason: string) => {
      if (worker === made) worker = undefined;
      for (const one of waiting.values())
        one.reject(new Error(`The thread of the target ${name} ended: ${reason}`));
      waiting.clear();
    };
    made.on('error', (error) => fail(error instanceof Error ? error.message : String(error)));
    made.on('exit', (code) => fail(`exit code ${code}`));
    return made;
  }

  function ask(request: ThreadCall) {
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
    open: async () => void (await ask({ call: 'open' })),
    position: async () => (await ask({ call: 'position' })) as Position | undefined,
    apply: async (batch) => (await ask({ call: 'apply', batch })) as Applied,
    holdings: async (after, limit) => (await ask({ call: 'holdings', after, limit })) as Holdings,
    async close() {
      if (!worker) return;
      await ask({ call: 'close' });
      const ended = worker;
      worker = undefined;
      await ended.terminate();
    },
  };
}
