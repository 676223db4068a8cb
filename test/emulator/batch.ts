// Owns `$batch`: twenty requests in one, each with its own status, answered in any order.
// https://learn.microsoft.com/graph/json-batching
import { badRequest, errorAnswer, textAnswer } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import { shuffle } from './random.ts';
import type { Random } from './random.ts';

type BatchItem = {
  id: string;
  method: string;
  url: string;
  headers?: Record<string, string>;
  body?: unknown;
  dependsOn?: string[];
};

export type BatchContext = {
  random: Random;
  /** Answers one item, faults and throttling included. */
  run: (request: GraphRequest) => Promise<Answer>;
};

/** Splits `/users/x?$select=id` into what a route is given. */
export function parseTarget(url: string): Pick<GraphRequest, 'segments' | 'path' | 'rawQuery'> {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const segments = path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => decodeLoosely(segment));
  return { segments, path: `/${path.replace(/^\/+/, '')}`, rawQuery: mark < 0 ? '' : url.slice(mark + 1) };
}

/** Percent-decodes; text that is not validly encoded stays as it is. */
export function decodeLoosely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function readItems(body: string): BatchItem[] | Answer {
  let input: { requests?: unknown };
  try {
    input = JSON.parse(body) as typeof input;
  } catch {
    return badRequest('Invalid batch payload format.');
  }
  const items = input.requests;
  if (!Array.isArray(items) || items.length === 0) return badRequest('Invalid batch payload format.');
  if (items.length > 20) {
    return badRequest('Number of batch request steps exceeds the maximum value of 20.');
  }
  const seen = new Set<string>();
  for (const item of items as Partial<BatchItem>[]) {
    if (typeof item.id !== 'string' || typeof item.method !== 'string' || typeof item.url !== 'string') {
      return badRequest('Each batch request needs id, method and url.');
    }
    if (seen.has(item.id.toLowerCase()))
      return badRequest(`Request Id: ${item.id} has to be unique in a batch.`);
    seen.add(item.id.toLowerCase());
  }
  return items as BatchItem[];
}

/** Answers a whole batch. */
export async function answerBatch(request: GraphRequest, context: BatchContext): Promise<Answer> {
  const items = readItems(request.body);
  if ('status' in items) return items;
  const statuses = new Map<string, number>();
  const responses: string[] = [];
  for (const item of items) {
    const answer = await answerItem(item, request, context, statuses);
    statuses.set(item.id.toLowerCase(), answer.status);
    const body = answer.body === '' ? 'null' : answer.body;
    const head = `"id":${JSON.stringify(item.id)},"status":${answer.status}`;
    responses.push(`{${head},"headers":${JSON.stringify(capitalise(answer.headers))},"body":${body}}`);
  }
  return textAnswer(200, `{"responses":[${shuffle(responses, context.random).join(',')}]}`);
}

function capitalise(headers: Record<string, string>): Record<string, string> {
  const named: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    named[name.startsWith('x-ms-') ? name : name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())] =
      value;
  }
  return named;
}

async function answerItem(
  item: BatchItem,
  outer: GraphRequest,
  context: BatchContext,
  statuses: ReadonlyMap<string, number>,
): Promise<Answer> {
  for (const id of item.dependsOn ?? []) {
    const status = statuses.get(id.toLowerCase());
    if (status === undefined || status >= 400) {
      return errorAnswer(424, 'FailedDependency', `The request ${id}, on which this one depends, failed.`);
    }
  }
  const headers = Object.fromEntries(
    Object.entries(item.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  if (item.body !== undefined && headers['content-type'] === undefined) {
    return badRequest('Write request must contain the Content-Type header declaration.');
  }
  return await context.run({
    ...parseTarget(item.url),
    method: item.method.toUpperCase(),
    headers,
    body: item.body === undefined ? '' : JSON.stringify(item.body),
    roles: outer.roles,
    inBatch: true,
  });
}
