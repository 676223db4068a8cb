// Owns carrying out a search (RFC 4511, 4.5): from the request to the last entry, page by page, with turns for others.
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Entry, Snapshot } from '../directory.ts';
import { normalizeDn } from '../dn.ts';
import { compileFilter, matchesAll, type Judge } from '../evaluate.ts';
import { integer } from './ber-writer.ts';
import { writePaging, type Paging } from './controls.ts';
import type { LdapLimits } from './limits.ts';
import { subschemaDn } from './own-entries.ts';
import type { SnapshotShelf } from './paging.ts';
import type { SearchRequest } from './requests.ts';
import { Refused, type Result } from './results.ts';
import { createChunks, readSelection, writeEntry, type Chunks, type Selection } from './selection.ts';

/** What a search needs of the server and of its connection. */
export interface SearchRoom {
  readonly shelf: SnapshotShelf;
  readonly limits: Pick<LdapLimits, 'searchMs' | 'turnMs'>;
  readonly now: () => number;
  readonly rootDse: Entry;
  readonly subschema: Entry;
  /** Stands for the connection. */
  readonly owner: object;
  /** Whether the client has proved to be the reader. */
  readonly isReader: boolean;
  readonly signal: AbortSignal;
  /** Sends, and resolves once more may come. Rejects where the connection is gone. */
  send(chunk: Buffer): Promise<void> | undefined;
}

export interface SearchOutcome {
  readonly result: Result;
  readonly control?: { readonly oid: string; readonly value: Buffer };
}

const chunkSize = 65_536;
/** Entries between two looks at the clock. */
const lookEvery = 32;

/**
 * Sends the entries; the result is the caller's to send.
 * @throws Refused with what else there is to answer.
 */
export async function runSearch(
  id: number,
  request: SearchRequest,
  paging: Paging | undefined,
  room: SearchRoom,
): Promise<SearchOutcome> {
  const base = request.base === undefined ? undefined : normalizeDn(request.base);
  if (base === undefined) throw new Refused('invalidDnSyntax', 'The base is not a distinguished name.');
  const own = ownEntry(base, request, room);
  if (own !== undefined) return sendOwn(id, request, own, room);
  if (!room.isReader)
    throw new Refused(
      'insufficientAccessRights',
      'Bind as the configured reader first; without that only the root DSE and the schema can be read.',
    );
  if (base === '')
    throw new Refused(
      'noSuchObject',
      `The search has no base. Set it to ${room.rootDse.operational[0]?.values[0]?.toString() ?? 'the base DN'}.`,
    );
  return runPage(id, request, base, paging, room);
}

/** The root DSE is no part of the tree: only a search for itself finds it. */
function ownEntry(base: string, request: SearchRequest, room: SearchRoom): Entry | undefined {
  if (base === '') return request.scope === 'base' ? room.rootDse : undefined;
  return base === subschemaDn ? room.subschema : undefined;
}

async function sendOwn(
  id: number,
  request: SearchRequest,
  entry: Entry,
  room: SearchRoom,
): Promise<SearchOutcome> {
  const chunks = createChunks(4_096);
  const isMeant = request.scope !== 'one' && compileFilter(request.filter)(entry) === true;
  if (isMeant) writeEntry(chunks, integer(id), entry, readSelection(request.attributes, request.typesOnly));
  const chunk = chunks.take(1);
  if (chunk !== undefined) await room.send(chunk);
  return { result: { code: 'success' } };
}

/** One page, or the whole where no pages are asked for. */
async function runPage(
  id: number,
  request: SearchRequest,
  base: string,
  asked: Paging | undefined,
  room: SearchRoom,
): Promise<SearchOutcome> {
  const isFirst = asked === undefined || asked.cookie.length === 0;
  // RFC 2696, 3: where the limit is not above the page, the control is left out of account.
  const paging =
    isFirst && asked !== undefined && request.sizeLimit > 0 && asked.size >= request.sizeLimit
      ? undefined
      : asked;
  if (paging !== undefined && isFirst && paging.size === 0)
    throw new Refused('protocolError', 'A page of no entries.');
  const identity = identityOf(request);
  const start =
    paging === undefined || isFirst
      ? { snapshot: room.shelf.open(room.owner), identity, after: undefined, sent: 0 }
      : room.shelf.take(room.owner, paging.cookie, identity);
  let isParked = false;
  try {
    // A page of no entries with a cookie ends the search.
    if (paging?.size === 0) return { result: { code: 'success' }, control: writePaging(Buffer.alloc(0)) };
    refuseUnknownBase(start.snapshot, base);
    const walked = await walk(id, request, base, { ...start, most: paging?.size ?? Infinity }, room);
    if (paging === undefined || walked.code !== 'success') return { result: { code: walked.code } };
    if (!walked.more) return { result: { code: 'success' }, control: writePaging(Buffer.alloc(0)) };
    // Whoever is gone meanwhile comes back for no page, and nobody would give this one up.
    room.signal.throwIfAborted();
    const { snapshot } = start;
    const cookie = room.shelf.park(room.owner, { snapshot, identity, after: walked.last, sent: walked.sent });
    isParked = true;
    return { result: { code: 'success' }, control: writePaging(cookie) };
  } finally {
    if (!isParked) start.snapshot.close();
  }
}

function identityOf(request: SearchRequest): string {
  return createHash('sha256').update(request.identity).digest('base64');
}

function refuseUnknownBase(snapshot: Snapshot, base: string): void {
  const found = snapshot.resolve(base);
  if (!found.exists) throw new Refused('noSuchObject', 'There is no entry of that name.', found.matched);
}

interface Walk {
  readonly snapshot: Snapshot;
  readonly after: number | undefined;
  /** Entries sent by earlier pages. */
  readonly sent: number;
  /** Entries of this page. */
  readonly most: number;
}

interface Walked {
  readonly code: 'success' | 'sizeLimitExceeded' | 'timeLimitExceeded';
  /** Whether another entry matches behind the last one of the page. */
  readonly more: boolean;
  readonly last: number | undefined;
  readonly sent: number;
}

async function walk(
  id: number,
  request: SearchRequest,
  base: string,
  { snapshot, after, sent: before, most }: Walk,
  room: SearchRoom,
): Promise<Walked> {
  const { scope, filter, sizeLimit } = request;
  const judge: Judge | undefined = matchesAll(filter) ? undefined : compileFilter(filter);
  const selection = readSelection(request.attributes, request.typesOnly);
  const pace = createPace(request, room);
  const sender = createSender(id, selection, room);
  let last = after;
  let sent = before;
  let ending: Pick<Walked, 'code' | 'more'> = { code: 'success', more: false };
  const query = { base, scope, filter, ...(after !== undefined && { after }) };
  for (const { position, entry } of snapshot.search(query)) {
    if (judge === undefined || judge(entry) === true) {
      if (sent - before >= most) {
        ending = { code: 'success', more: true };
        break;
      }
      if (sizeLimit > 0 && sent >= sizeLimit) {
        ending = { code: 'sizeLimitExceeded', more: true };
        break;
      }
      sent += 1;
      // Awaiting nothing takes time too, and nearly always there is nothing.
      const sending = sender.send(entry);
      if (sending !== undefined) await sending;
    }
    last = position;
    if (pace.isDue() && !(await pace.giveTurn())) {
      ending = { code: 'timeLimitExceeded', more: true };
      break;
    }
  }
  await sender.flush();
  return { ...ending, last, sent };
}

function createSender(id: number, selection: Selection, room: SearchRoom) {
  const chunks: Chunks = createChunks(chunkSize);
  const messageId = integer(id);
  const give = (least: number): Promise<void> | undefined => {
    const chunk = chunks.take(least);
    return chunk && room.send(chunk);
  };
  return {
    send(entry: Entry): Promise<void> | undefined {
      writeEntry(chunks, messageId, entry, selection);
      return give(chunkSize);
    },
    flush: () => give(1),
  };
}

/** Looks at the clock now and then: for the limits of time, and so that no search keeps others waiting. */
function createPace(request: SearchRequest, { limits, now, signal }: SearchRoom) {
  const begun = now();
  const allowed =
    request.timeLimit > 0 ? Math.min(request.timeLimit * 1_000, limits.searchMs) : limits.searchMs;
  let turn = begun;
  let seen = 0;
  return {
    isDue(): boolean {
      seen += 1;
      return seen % lookEvery === 0;
    },
    /** False where the time is over. @throws where the search was abandoned. */
    async giveTurn(): Promise<boolean> {
      const at = now();
      if (at - begun > allowed) return false;
      if (at - turn > limits.turnMs) {
        await nextTurn();
        turn = now();
      }
      signal.throwIfAborted();
      return true;
    },
  };
}
