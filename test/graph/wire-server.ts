// Owns the small HTTPS server of these tests: answers what a test tells it to, and remembers what it was asked.
import { createServer, type Server } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGraphClient, type GraphClient, type GraphEvent } from '../../src/graph/client.ts';
import { createPauseGate, type PauseGate } from '../../src/graph/pause-gate.ts';
import type { TokenSource } from '../../src/graph/token.ts';
import { serverCertificate, trustAuthority } from '../emulator/certificates.ts';

export interface Asked {
  readonly method: string;
  /** Path and query, exactly as they came. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Counts the connections: the same number means the same connection. */
  readonly connection: number;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string | number>;
  /** Sent as JSON, text as it is. */
  readonly body?: unknown;
  /** Writes the answer by hand instead. */
  readonly raw?: (response: ServerResponse, request: IncomingMessage) => void;
}

export interface WireServer {
  readonly origin: string;
  readonly asked: Asked[];
  answer(handle: (asked: Asked) => Answer | Promise<Answer>): void;
  close(): Promise<void>;
}

/** Starts a server that this process trusts. */
export async function startWireServer(): Promise<WireServer> {
  const { caPem, key, cert } = await serverCertificate();
  trustAuthority(caPem);
  const asked: Asked[] = [];
  const numbers = new WeakMap<object, number>();
  let connections = 0;
  let handle: (asked: Asked) => Answer | Promise<Answer> = () => ({ status: 500 });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (!numbers.has(request.socket)) numbers.set(request.socket, (connections += 1));
    const { method = '', url = '', headers } = request;
    const one = { method, url, headers, body, connection: numbers.get(request.socket) ?? 0 };
    asked.push(one);
    const answer = await handle(one);
    if (answer.raw !== undefined) return answer.raw(response, request);
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    response.end(text);
  }

  const server: Server = createServer({ key, cert }, (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: (next) => (handle = next),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A token source that hands out `token-1`, and the next number when a fresh one is asked for. */
export function countingTokens(): TokenSource & { readonly fresh: () => number } {
  let number = 1;
  return {
    token: (options) => Promise.resolve(`token-${options?.fresh === true ? (number += 1) : number}`),
    roles: () => Promise.resolve([]),
    credentialExpiresAt: undefined,
    fresh: () => number - 1,
  };
}

/** A clock that a test moves; sleeping moves it too. */
export function handClock(start = 1_000_000): {
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  move: (ms: number) => void;
} {
  let now = start;
  return {
    now: () => now,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
    move: (ms) => {
      now += ms;
    },
  };
}

export interface Bench {
  readonly client: GraphClient;
  readonly gate: PauseGate;
  readonly clock: ReturnType<typeof handClock>;
  readonly tokens: ReturnType<typeof countingTokens>;
  readonly events: GraphEvent[];
}

/** A client against the server, with a clock by hand. */
export function makeBench(baseUrl: string): Bench {
  const clock = handClock();
  const gate = createPauseGate(clock);
  const tokens = countingTokens();
  const events: GraphEvent[] = [];
  let id = 0;
  const client = createGraphClient({
    baseUrl,
    tokens,
    gate,
    now: clock.now,
    random: () => 0.5,
    newId: () => `request-${(id += 1)}`,
    observe: (event) => events.push(event),
  });
  return { client, gate, clock, tokens, events };
}
