// Owns the thread that reads and judges pages of the first full round of users, so that parsing goes on while the page
// before is written. Until it is ready, and should it fail, pages are judged here.
import { Worker } from 'node:worker_threads';
import type { CompiledMapping } from '../accounts/decide.ts';
import { readPage } from '../graph/delta.ts';
import { unreadable } from '../graph/errors.ts';
import { type FirstRules, judgeFirst, type JudgedPage } from './first-people.ts';

export interface JudgeRequest {
  readonly id: number;
  readonly body: string;
  readonly read: number;
  readonly operation: string;
}

/** `ready` once; then an answer to each request. A page that cannot be read is read again here, for its failure. */
export type JudgeAnswer =
  | { readonly ready: true }
  | { readonly id: number; readonly page: JudgedPage }
  | { readonly id: number; readonly failed: true };

export interface PageJudge {
  readPage(body: string, read: number, operation: string): Promise<JudgedPage>;
  /** Ends the thread; the next page starts another. */
  close(): void;
}

/** Compiled or not, the thread's file lies beside this one. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './first-page-thread.ts' : './first-page-thread.js',
  import.meta.url,
);
/** It holds a page or two. */
const resourceLimits = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 256 };

/** Reads a page's body where it is. @throws {GraphFailure} as `readPage` does, also when it is no JSON. */
export function judgePage(
  { body, read, operation }: Omit<JudgeRequest, 'id'>,
  mapping: CompiledMapping,
  rules: FirstRules,
): JudgedPage {
  const page = readPage(parse(body, operation), read, operation);
  const people = judgeFirst(page.objects, mapping, rules);
  // What is left of the objects tells pages and people apart.
  return { ...page, objects: people.ids.map((id) => ({ id, properties: {} })), people };
}

export function createPageJudge(mapping: CompiledMapping, rules: FirstRules): PageJudge {
  let worker: Worker | undefined;
  let isReady = false;
  let isBroken = false;
  let lastId = 0;
  let firstRead: number | undefined;
  const waiting = new Map<number, (page: JudgedPage | undefined) => void>();

  function end(): void {
    const ended = worker;
    worker = undefined;
    isReady = false;
    for (const settle of waiting.values()) settle(undefined);
    waiting.clear();
    void ended?.terminate();
  }

  function start(): Worker {
    const made = new Worker(threadFile, { workerData: { mapping: mapping.mapping, rules }, resourceLimits });
    made.unref();
    made.on('message', (answer: JudgeAnswer) => {
      if ('ready' in answer) isReady = worker === made;
      else {
        waiting.get(answer.id)?.('page' in answer ? answer.page : undefined);
        waiting.delete(answer.id);
      }
    });
    const fail = (): void => {
      if (worker !== made) return;
      isBroken = true;
      end();
    };
    made.on('error', fail);
    made.on('exit', fail);
    return made;
  }

  return {
    async readPage(body, read, operation) {
      // Small tenants come in one page.
      if (!isBroken && firstRead !== undefined) worker ??= start();
      firstRead ??= read;
      if (worker && isReady) {
        const id = (lastId += 1);
        const answer = new Promise<JudgedPage | undefined>((resolve) => waiting.set(id, resolve));
        worker.postMessage({ id, body, read, operation } satisfies JudgeRequest);
        const page = await answer;
        if (page) return page;
      }
      return judgePage({ body, read, operation }, mapping, rules);
    },
    close: end,
  };
}

function parse(body: string, operation: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw unreadable(operation, 'it is no JSON, or it is cut off');
  }
}
