// Owns one request to Graph: sent through the real client library, answered with a status and a body, or a failure.
import { Client, ResponseType, type GraphRequest as LibraryRequest } from '@microsoft/microsoft-graph-client';
import { createConnections } from './connections.ts';
import { startDeadline } from './deadline.ts';
import { classify, GraphFailure, halted, unreadable } from './errors.ts';
import { numberHeaderOf, retryAfterOf } from './headers.ts';
import { checkLink } from './links.ts';
import { createMiddleware, Exchange } from './middleware.ts';
import type { PauseGate } from './pause-gate.ts';
import type { TokenSource } from './token.ts';

export interface GraphRequest {
  /** Short name for metrics and failures, such as `users.delta`. */
  readonly operation: string;
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/v1.0`, starting with `/`. */
  readonly path?: string;
  /** An absolute link from an answer, followed to the letter. Either this or `path`. */
  readonly link?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Limit for the whole exchange, in milliseconds; 100 seconds when not given. */
  readonly timeoutMs?: number;
}

export interface GraphAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed JSON; `undefined` when the answer had no body. */
  readonly body: unknown;
}

/** One exchange with Graph, for metrics. Holds no link, token or body. */
export interface GraphEvent {
  readonly operation: string;
  readonly status: number | 'error';
  readonly durationMs: number;
  /** For how long this answer closed the gate. */
  readonly throttledMs?: number;
  readonly resourceUnits?: number;
}

export interface GraphClient {
  /** @throws {GraphFailure} for everything but a 2xx answer with readable JSON or nothing in it. */
  request(request: GraphRequest): Promise<GraphAnswer>;
  /**
   * Tells the gate of throttling inside a batch, which the outer 200 hides.
   * @returns for how long the gate is closed now, in milliseconds.
   */
  throttled(retryAfterMs: number | undefined): number;
  /** Tells that nothing inside a batch was throttled. */
  flowing(): void;
  /** Closes idle connections. */
  close(): void;
}

export interface GraphClientOptions {
  /** `https://host[:port]` */
  readonly baseUrl: string;
  readonly tokens: TokenSource;
  readonly gate: PauseGate;
  now(): number;
  /** From 0 up to 1, for jitter. */
  random(): number;
  /** A new GUID for each request. */
  newId(): string;
  observe?(event: GraphEvent): void;
}

/** The outer answer says nothing of what is inside: see `readBatch`. */
export const batchPath = '/$batch';

const defaultTimeoutMs = 100_000;
const firstBackoffMs = 2000;
const longestBackoffMs = 120_000;
const slowestMs = 2000;

/** Makes the client. All requests of the tenant should go through one, since they share one quota. */
export function createGraphClient(options: GraphClientOptions): GraphClient {
  const baseUrl = new URL(options.baseUrl).origin;
  const connections = createConnections();
  const library = Client.initWithMiddleware({
    baseUrl,
    customHosts: new Set([new URL(baseUrl).hostname]),
    middleware: createMiddleware({
      ...options,
      connections,
      now: () => options.now(),
      newId: () => options.newId(),
    }),
  });
  let throttledInARow = 0;

  /** @see https://learn.microsoft.com/graph/throttling */
  function throttled(retryAfterMs: number | undefined): number {
    const backoffMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(throttledInARow, 10));
    throttledInARow += 1;
    const waitMs = retryAfterMs ?? Math.ceil(backoffMs * (0.5 + options.random() / 2));
    options.gate.pause(options.now() + waitMs);
    return waitMs;
  }

  /** Closes the gate where the answer asks for it. @returns for how long, if at all. */
  function heed(status: number, headers: Headers, isBatch: boolean): number | undefined {
    const retryAfterMs = retryAfterOf(headers);
    if (status === 429 || status === 509) return throttled(retryAfterMs);
    if (status === 503 && retryAfterMs !== undefined) return throttled(retryAfterMs);
    if (status < 400 && !isBatch) throttledInARow = 0;
    const used = numberHeaderOf(headers, 'x-ms-throttle-limit-percentage') ?? 0;
    if (used < 0.8) return undefined;
    const slowMs = Math.min(slowestMs, Math.round((used - 0.7) * 2000));
    options.gate.pause(options.now() + slowMs);
    return slowMs;
  }

  /** Through the library, and out again with what was really thrown. */
  async function send(exchange: Exchange, wanted: GraphRequest): Promise<Response> {
    try {
      const call = library
        .api(new URL(exchange.url).pathname)
        .responseType(ResponseType.RAW)
        .middlewareOptions([exchange])
        .headers({ accept: 'application/json', ...wanted.headers });
      return (await sendAs(call, wanted)) as Response;
    } catch (error) {
      if (wanted.signal?.aborted === true) throw halted(wanted.operation);
      throw classify({ operation: wanted.operation, cause: exchange.thrown ?? error });
    }
  }

  async function request(wanted: GraphRequest): Promise<GraphAnswer> {
    const { operation } = wanted;
    const startedAt = options.now();
    const url = addressOf(wanted, baseUrl);
    const deadline = startDeadline(wanted.signal, wanted.timeoutMs ?? defaultTimeoutMs);
    const exchange = new Exchange(url, deadline.signal);
    let status: number | 'error' = 'error';
    let throttledMs: number | undefined;
    let resourceUnits: number | undefined;
    try {
      const response = await send(exchange, wanted);
      status = response.status;
      throttledMs = heed(response.status, response.headers, wanted.path === batchPath);
      resourceUnits = numberHeaderOf(response.headers, 'x-ms-resource-unit');
      return readAnswer(response, exchange.answerBody, operation, throttledMs);
    } finally {
      deadline.clear();
      const sent = !(exchange.thrown instanceof GraphFailure);
      if (sent) {
        options.observe?.({
          operation,
          status,
          durationMs: options.now() - startedAt,
          ...(throttledMs !== undefined && { throttledMs }),
          ...(resourceUnits !== undefined && { resourceUnits }),
        });
      }
    }
  }

  return {
    request,
    throttled,
    flowing: () => void (throttledInARow = 0),
    close: () => connections.close(),
  };
}

/** The address to send to. @throws {GraphFailure} when it is a link that must not be followed. */
function addressOf({ operation, link, path }: GraphRequest, baseUrl: string): string {
  if ((link === undefined) === (path === undefined))
    throw new TypeError(`${operation}: give either path or link`);
  if (link === undefined) return `${baseUrl}/v1.0${path}`;
  checkLink(link, baseUrl, operation);
  return link;
}

function sendAs(call: LibraryRequest, wanted: GraphRequest): Promise<unknown> {
  switch (wanted.method) {
    case undefined:
    case 'GET':
      return call.get();
    case 'POST':
      return call.post(wanted.body);
    case 'PATCH':
      return call.patch(wanted.body);
    case 'DELETE':
      return call.delete();
    default:
      return wanted.method satisfies never;
  }
}

function readAnswer(
  response: Response,
  text: string,
  operation: string,
  throttledMs: number | undefined,
): GraphAnswer {
  const { status, headers } = response;
  const parsed = parse(text);
  if (status >= 200 && status <= 299) {
    if (!parsed.readable) throw unreadable(operation, 'it is no JSON, or it is cut off', status);
    return { status, headers, body: parsed.value };
  }
  const failure = classify({ operation, status, headers, body: parsed.value });
  throw failure.retryAfterMs === undefined && failure.kind === 'throttled' && throttledMs !== undefined
    ? failure.waiting(throttledMs)
    : failure;
}

function parse(text: string): { readonly readable: boolean; readonly value: unknown } {
  if (text.length === 0) return { readable: true, value: undefined };
  try {
    return { readable: true, value: JSON.parse(text) as unknown };
  } catch {
    return { readable: false, value: undefined };
  }
}
