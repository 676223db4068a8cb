// Owns reading named objects: users, groups and deleted users by their ids, twenty in one request.
import { batchSize, readBatch, type BatchResult } from './batch.ts';
import type { GraphClient } from './client.ts';
import { readObject, type DeltaObject } from './delta-object.ts';
import { GraphFailure, unreadable } from './errors.ts';

/**
 * How the lookup of one object ended. `not-found` is not proof of deletion: something just created can be missing for
 * a while, and a soft-deleted object stands among the deleted ones.
 */
export type Found =
  | { readonly kind: 'found'; readonly object: DeltaObject }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'failed'; readonly failure: GraphFailure };

export interface LookUps {
  /** The logical number of this read, taken before the first request was sent. */
  readonly read: number;
  /** One entry for each id asked for, by the id in lower case. */
  readonly results: Map<string, Found>;
}

export interface DeletedLookUpOptions {
  readonly client: GraphClient;
  readonly ids: readonly string[];
  /** Gives the next logical read number. */
  beginRead(): number;
  readonly signal?: AbortSignal | undefined;
}

export interface LookUpOptions extends DeletedLookUpOptions {
  readonly select: readonly string[];
}

/** Batches on their way at the same time. */
const parallelBatches = 3;

/**
 * Reads users by id.
 * @throws {GraphFailure} `halted` only; all other failures stand in the results.
 */
export function lookUpUsers(options: LookUpOptions): Promise<LookUps> {
  return lookUp('users.get', (id) => `/users/${id}?$select=${selection(options.select)}`, options);
}

/**
 * Reads groups by id, without their members.
 * @throws {GraphFailure} `halted` only; all other failures stand in the results.
 */
export function lookUpGroups(options: LookUpOptions): Promise<LookUps> {
  return lookUp('groups.get', (id) => `/groups/${id}?$select=${selection(options.select)}`, options);
}

/**
 * Reads soft-deleted users, which can be restored for about 30 days. Groups are found in the same place.
 * Without `$select`: the base type there does not know the properties of users.
 * @throws {GraphFailure} `halted` only; all other failures stand in the results.
 * @see https://learn.microsoft.com/graph/api/directory-deleteditems-get
 */
export function lookUpDeletedUsers(options: DeletedLookUpOptions): Promise<LookUps> {
  return lookUp('deleted-items.get', (id) => `/directory/deletedItems/${id}`, options);
}

async function lookUp(
  operation: string,
  pathOf: (id: string) => string,
  options: DeletedLookUpOptions,
): Promise<LookUps> {
  const { client, ids, signal } = options;
  const read = options.beginRead();
  const wanted = [...new Set(ids.map((id) => id.toLowerCase()))];
  const results = new Map<string, Found>();
  const batches = split(wanted);
  let refused: GraphFailure | undefined;

  async function readOne(batch: readonly string[]): Promise<void> {
    const answers = refused ?? (await readOrFail(batch));
    batch.forEach((id, index) => {
      const answer = answers instanceof GraphFailure ? undefined : answers[index];
      results.set(
        id,
        answer === undefined
          ? { kind: 'failed', failure: answers as GraphFailure }
          : toFound(operation, id, answer),
      );
    });
  }

  async function readOrFail(batch: readonly string[]): Promise<BatchResult[] | GraphFailure> {
    try {
      const paths = batch.map((id) => pathOf(encodeURIComponent(id)));
      return await readBatch(client, operation, paths, signal);
    } catch (error) {
      if (!(error instanceof GraphFailure) || error.kind === 'halted') throw error;
      // A refused sign-in or a pause meets the other batches too: they are not worth a request.
      if (error.kind !== 'transient') refused = error;
      return error;
    }
  }

  const queue = batches.values();
  const worker = async (): Promise<void> => {
    for (const batch of queue) await readOne(batch);
  };
  await Promise.all(Array.from({ length: Math.min(parallelBatches, batches.length) }, worker));
  return { read, results };
}

function toFound(operation: string, id: string, answer: BatchResult): Found {
  if (answer.kind === 'failed') {
    return answer.failure.kind === 'not-found'
      ? { kind: 'not-found' }
      : { kind: 'failed', failure: answer.failure };
  }
  const entry = readObject(answer.body);
  if (entry?.object.id === id) return { kind: 'found', object: entry.object };
  return { kind: 'failed', failure: unreadable(operation, 'it holds another object than the one asked for') };
}

function split(ids: readonly string[]): string[][] {
  const batches: string[][] = [];
  for (let start = 0; start < ids.length; start += batchSize)
    batches.push(ids.slice(start, start + batchSize));
  return batches;
}

function selection(select: readonly string[]): string {
  return [...new Set(['id', ...select])].map(encodeURIComponent).join(',');
}
