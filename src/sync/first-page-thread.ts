// Owns the inside of the thread that judges pages of the first full round of users: one page after the other.
import { parentPort, workerData } from 'node:worker_threads';
import { compileMapping } from '../accounts/decide.ts';
import type { Mapping } from '../accounts/mapping.ts';
import { type JudgeAnswer, judgePage, type JudgeRequest } from './first-page-judge.ts';
import type { FirstRules } from './first-people.ts';

const port = parentPort;
if (port === null) throw new Error('This file runs as a thread of the service only.');

const { mapping, rules } = workerData as { readonly mapping: Mapping; readonly rules: FirstRules };
const compiled = compileMapping(mapping);
const answer = (message: JudgeAnswer): void => port.postMessage(message);

port.on('message', (request: JudgeRequest) => {
  const { id } = request;
  try {
    answer({ id, page: judgePage(request, compiled, rules) });
  } catch {
    answer({ id, failed: true });
  }
});
answer({ ready: true });
