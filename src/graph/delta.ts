// Owns one delta round: pages of changed objects, from the first page or a kept link up to the delta link.
import type { GraphClient } from './client.ts';
import { startDeadline } from './deadline.ts';
import { readObject, type DeltaObject } from './delta-object.ts';
import { unreadable } from './errors.ts';
import { createLoopGuard } from './loop-guard.ts';
import { deltaEnvelopeSchema } from './shapes.ts';

export type { DeltaMember, DeltaObject } from './delta-object.ts';

export type Stream = 'users' | 'groups';

export interface DeltaPage {
  /** The logical number of this read, taken before the request was sent. */
  readonly read: number;
  /** In the order sent; one object can occur several times, a group in pieces. */
  readonly objects: readonly DeltaObject[];
  /** Set on every page but the last. */
  readonly nextLink?: string;
  /** Set on the last page only: the round is complete. */
  readonly deltaLink?: string;
  /** Entries, and members of entries, that could not be read and were left out. A change may hide in each. */
  readonly invalid: number;
}

export interface DeltaOptions {
  readonly client: GraphClient;
  readonly stream: Stream;
  /** Graph properties; `members` is added for groups. Another selection is another stream: it needs a new round. */
  readonly select: readonly string[];
  /** A kept next or delta link; without it the round starts from nothing. */
  readonly link?: string | undefined;
  /** Gives the next logical read number. */
  beginRead(): number;
  readonly signal?: AbortSignal | undefined;
  /** Asks for the next page while the caller works on the present one. */
  readonly prefetch?: boolean;
  /** `low` lets Graph throttle this round before other requests. */
  readonly priority?: 'low' | 'normal';
}

/**
 * Reads a round, page by page, and ends after the page with the delta link. May be left at any page and taken up again
 * from that page's `nextLink`.
 * @throws {GraphFailure} of any kind; `gone` when the link has died and a full round is needed, `permanent` with code
 * `link-loop` when the pages do not end.
 * @see https://learn.microsoft.com/graph/delta-query-overview
 */
export async function* readDelta(options: DeltaOptions): AsyncGenerator<DeltaPage, void, undefined> {
  const operation = `${options.stream}.delta`;
  const guard = createLoopGuard(operation);
  const deadline = startDeadline(options.signal);
  const { signal } = deadline;
  const target = options.link === undefined ? { path: firstPath(options) } : { link: options.link };
  const headers = options.priority === 'low' ? { 'x-ms-throttle-priority': 'low' } : {};

  async function fetchPage(where: { path: string } | { link: string }): Promise<DeltaPage> {
    const read = options.beginRead();
    const answer = await options.client.request({ operation, ...where, headers, signal });
    return readPage(answer.body, read, operation);
  }

  try {
    let pending = fetchPage(target);
    for (;;) {
      const page = await pending;
      if (page.nextLink === undefined) {
        yield page;
        return;
      }
      guard.see(page, page.nextLink);
      const next = { link: page.nextLink };
      const ahead = options.prefetch === true ? fetchPage(next) : undefined;
      // Its failure is met when its turn comes, or never, when the caller leaves before.
      ahead?.catch(() => undefined);
      // The request is on its way before the caller keeps this thread busy.
      if (ahead) await new Promise((resolve) => setImmediate(resolve));
      yield page;
      pending = ahead ?? fetchPage(next);
    }
  } finally {
    deadline.clear();
    deadline.abort();
  }
}

/** Reads one page's body. @throws {GraphFailure} `transient` when it is no delta page. */
export function readPage(body: unknown, read: number, operation: string): DeltaPage {
  const envelope = deltaEnvelopeSchema.safeParse(body);
  if (!envelope.success) throw unreadable(operation, 'it is no page of a list (malformed page)');
  const nextLink = envelope.data['@odata.nextLink'] ?? undefined;
  const deltaLink = envelope.data['@odata.deltaLink'] ?? undefined;
  if ((nextLink === undefined) === (deltaLink === undefined)) {
    throw unreadable(operation, 'it must have either a next link or a delta link (malformed page)');
  }
  const objects: DeltaObject[] = [];
  let invalid = 0;
  for (const raw of envelope.data.value) {
    const entry = readObject(raw);
    if (entry === undefined) {
      invalid += 1;
      continue;
    }
    objects.push(entry.object);
    invalid += entry.invalidMembers;
  }
  return {
    read,
    objects,
    invalid,
    ...(nextLink !== undefined && { nextLink }),
    ...(deltaLink !== undefined && { deltaLink }),
  };
}

/** `$top`, `$orderby` and `$expand` are not supported here; the parameters live on in the links. */
function firstPath({ stream, select }: DeltaOptions): string {
  const wanted = new Set(stream === 'groups' ? [...select, 'members'] : select);
  wanted.delete('id');
  return `/${stream}/delta?$select=${['id', ...wanted].map(encodeURIComponent).join(',')}`;
}
