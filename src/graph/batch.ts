// Owns many reads in one request: Graph's `$batch`, whose outer 200 says nothing about what is inside.
import { batchPath, type GraphClient } from './client.ts';
import { classify, unreadable, type GraphFailure } from './errors.ts';
import { batchEnvelopeSchema, batchItemSchema } from './shapes.ts';

/** How one item ended. */
export type BatchResult =
  | { readonly kind: 'answered'; readonly body: unknown }
  | { readonly kind: 'failed'; readonly failure: GraphFailure };

/** Graph takes no more items in one batch. */
export const batchSize = 20;

/**
 * Reads up to 20 addresses at once. The result has one entry for each path, in the same order, whatever the order of
 * the answer. Items that were throttled close the gate for the longest wait that any of them asks for.
 * @throws {GraphFailure} when the batch as a whole failed.
 * @see https://learn.microsoft.com/graph/json-batching
 */
export async function readBatch(
  client: GraphClient,
  operation: string,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<BatchResult[]> {
  const answer = await client.request({
    operation,
    method: 'POST',
    path: batchPath,
    body: { requests: paths.map((url, index) => ({ id: String(index + 1), method: 'GET', url })) },
    signal,
  });
  const envelope = batchEnvelopeSchema.safeParse(answer.body);
  if (!envelope.success) throw unreadable(operation, 'it is no answer to a batch');
  const results = new Map<string, BatchResult>();
  for (const raw of envelope.data.responses) {
    const item = batchItemSchema.safeParse(raw);
    if (item.success && !results.has(item.data.id)) results.set(item.data.id, judge(operation, item.data));
  }
  const ordered = paths.map((_path, index) => results.get(String(index + 1)) ?? missing(operation));
  return heedThrottling(client, ordered);
}

interface Item {
  readonly status: number;
  readonly headers?: Record<string, unknown> | null | undefined;
  readonly body?: unknown;
}

function judge(operation: string, item: Item): BatchResult {
  const { status, body } = item;
  if (status >= 200 && status <= 299) return { kind: 'answered', body };
  return {
    kind: 'failed',
    failure: classify({ operation, status, headers: item.headers ?? undefined, body }),
  };
}

function missing(operation: string): BatchResult {
  return { kind: 'failed', failure: unreadable(operation, 'it leaves out one of the batch') };
}

/** All throttled items wait as long as the one that must wait longest. */
function heedThrottling(client: GraphClient, results: BatchResult[]): BatchResult[] {
  const failures = results.flatMap((result) => (result.kind === 'failed' ? [result.failure] : []));
  const asking = failures.filter(
    ({ kind, status, retryAfterMs }) =>
      kind === 'throttled' || (status === 503 && retryAfterMs !== undefined),
  );
  if (asking.length === 0) {
    client.flowing();
    return results;
  }
  const waits = asking.flatMap(({ retryAfterMs }) => (retryAfterMs === undefined ? [] : [retryAfterMs]));
  const waitMs = client.throttled(waits.length === 0 ? undefined : Math.max(...waits));
  return results.map((result) =>
    result.kind === 'failed' && result.failure.kind === 'throttled'
      ? { kind: 'failed', failure: result.failure.waiting(waitMs) }
      : result,
  );
}
