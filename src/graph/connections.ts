// Owns the connections to Graph: kept open for the next request, and left behind after a 503.
import { Agent, globalAgent, request as sendRequest } from 'node:https';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';

export interface WireRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: string | undefined;
  /** Whether the request may be sent a second time when a kept connection turns out to be closed. */
  readonly repeatable: boolean;
  readonly signal: AbortSignal;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface Connections {
  /** Sends exactly this; follows no redirect. Rejects with the system's error, or the signal's reason. */
  send(request: WireRequest): Promise<WireAnswer>;
  /** Closes idle connections. Later requests still work. */
  close(): void;
}

/** An idle connection is kept this long, so that a change that comes now and then needs no new handshake. */
const idleMs = 60_000;
/** A page of 999 users is about 1 MB; a larger answer than this is not one of Graph's. */
const largestBody = 128 * 1024 * 1024;

/** Larger answers are rare, and not worth the memory. */
const largestScratch = 8 * 1024 * 1024;

const unpackers: Readonly<Record<string, (packed: Buffer) => Promise<Buffer>>> = {
  gzip: (packed) => promisify(gunzip)(packed, { maxOutputLength: largestBody }),
  deflate: (packed) => promisify(inflate)(packed, { maxOutputLength: largestBody }),
  br: (packed) => promisify(brotliDecompress)(packed, { maxOutputLength: largestBody }),
};

/**
 * `node:https` instead of `fetch`, because `fetch` cannot be told to use a new connection, and Graph wants one for
 * the retry after a 503: the one at hand leads to the machine that is in trouble.
 * @see https://learn.microsoft.com/graph/best-practices-concept
 */
export function createConnections(): Connections {
  let agent = createAgent();
  const joinText = createTextJoiner();

  function leave(used: Agent): void {
    if (used !== agent) return;
    agent = createAgent();
    used.maxFreeSockets = 0;
    closeIdle(used);
  }

  async function send(request: WireRequest): Promise<WireAnswer> {
    const used = agent;
    const message = await exchange(request, used);
    const body = await readBody(message, joinText).catch((error: unknown) => {
      throw request.signal.aborted ? request.signal.reason : error;
    });
    const status = message.statusCode ?? 0;
    if (status === 503) leave(used);
    return { status, headers: headersOf(message), body };
  }

  return { send, close: () => closeIdle(agent) };
}

function createAgent(): Agent {
  // Node's own agent knows the proxy when NODE_USE_ENV_PROXY is set; ours follows it.
  const { proxyEnv } = globalAgent.options as { proxyEnv?: NodeJS.ProcessEnv };
  return new Agent({ keepAlive: true, timeout: idleMs, scheduling: 'lifo', ...(proxyEnv && { proxyEnv }) });
}

function closeIdle(agent: Agent): void {
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}

function exchange(request: WireRequest, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { signal } = request;
    const outgoing: ClientRequest = sendRequest(request.url, {
      agent,
      method: request.method,
      headers: { 'accept-encoding': 'gzip, deflate, br', ...request.headers },
      signal,
    });
    outgoing.once('response', resolve);
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(signal.reason as Error);
      // The server closed the kept connection while the request was on its way; it never saw it.
      else if (request.repeatable && outgoing.reusedSocket && error.code === 'ECONNRESET') {
        resolve(
          exchange({ ...request, repeatable: false }, new Agent({ ...agent.options, keepAlive: false })),
        );
      } else reject(error);
    });
    outgoing.end(request.body);
  });
}

async function readBody(message: IncomingMessage, joinText: TextJoiner): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) {
      message.destroy();
      throw Object.assign(new Error('answer too large'), { code: 'ANSWER_TOO_LARGE' });
    }
    chunks.push(chunk);
  }
  const encoding = message.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding === 'identity' || size === 0) return joinText(chunks, size);
  const unpack = unpackers[encoding];
  if (unpack === undefined) throw Object.assign(new Error('unknown encoding'), { code: 'UNKNOWN_ENCODING' });
  return (await unpack(Buffer.concat(chunks, size))).toString('utf8');
}

type TextJoiner = (chunks: readonly Buffer[], size: number) => string;

/** Joins in one buffer that is used again: a new large one for each page would leave the process full of holes. */
function createTextJoiner(): TextJoiner {
  let scratch = Buffer.alloc(0);
  return (chunks, size) => {
    if (chunks.length === 1) return chunks[0]?.toString('utf8') ?? '';
    if (size > largestScratch) return Buffer.concat(chunks, size).toString('utf8');
    if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(Math.min(largestScratch, size * 2));
    let end = 0;
    for (const chunk of chunks) end += chunk.copy(scratch, end);
    return scratch.toString('utf8', 0, end);
  };
}

function headersOf(message: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
