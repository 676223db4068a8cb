// Owns the chain through which the Graph client sends: gate, then token, then wire. No retries, no redirects.
import type { Context, Middleware } from '@microsoft/microsoft-graph-client';
import type { Connections } from './connections.ts';
import type { PauseGate } from './pause-gate.ts';
import type { TokenSource } from './token.ts';

/**
 * What the library has no place for, as a middleware option: it looks options up by class. It carries the exact
 * address, since the library takes query strings apart and puts them together differently, which would damage
 * delta links.
 */
export class Exchange {
  readonly url: string;
  readonly signal: AbortSignal;
  /** The token to send, set by the sign-in middleware. */
  token = '';
  answerBody = '';
  /** What was thrown on the way: the library replaces errors by its own, which say less. */
  thrown: unknown = undefined;

  constructor(url: string, signal: AbortSignal) {
    this.url = url;
    this.signal = signal;
  }
}

type Step = (exchange: Exchange, next: () => Promise<Response>, context: Context) => Promise<Response>;

/** Makes the chain, to be given to `Client.initWithMiddleware`. */
export function createMiddleware(parts: {
  readonly gate: PauseGate;
  readonly tokens: TokenSource;
  readonly connections: Connections;
  now(): number;
  newId(): string;
}): Middleware[] {
  const { gate, tokens, connections } = parts;
  let lastFreshForbidden = -Infinity;

  const passGate: Step = async (exchange, next) => {
    await gate.pass(exchange.signal);
    return next();
  };

  /** Refused with 401: once more with a new token. With 403 too, but rarely: consent is written into new tokens only. */
  const signIn: Step = async (exchange, next) => {
    exchange.token = await unlessAborted(tokens.token(), exchange.signal);
    const answer = await next();
    if (answer.status === 403) {
      if (parts.now() - lastFreshForbidden < forbiddenRetryMs) return answer;
      lastFreshForbidden = parts.now();
    } else if (answer.status !== 401) return answer;
    const held = await unlessAborted(tokens.token(), exchange.signal);
    // Another request may have renewed it meanwhile.
    const renewed = held !== exchange.token;
    exchange.token = renewed ? held : await unlessAborted(tokens.token({ fresh: true }), exchange.signal);
    return next();
  };

  const send: Step = async (exchange, _next, context) => {
    const { method = 'GET', body, headers } = context.options ?? {};
    const text = typeof body === 'string' ? body : undefined;
    const answer = await connections.send({
      url: exchange.url,
      method,
      headers: {
        ...(headers as Record<string, string>),
        authorization: `Bearer ${exchange.token}`,
        'client-request-id': parts.newId(),
        ...(text !== undefined && { 'content-length': Buffer.byteLength(text) }),
      },
      body: text,
      // Our batches only read.
      repeatable: method === 'GET' || exchange.url.endsWith('/$batch'),
      signal: exchange.signal,
    });
    exchange.answerBody = answer.body;
    return new Response(null, { status: answer.status, headers: answer.headers });
  };

  return [step(passGate), step(signIn), step(send)];
}

/** With 403, a new token is asked for at most this often. */
const forbiddenRetryMs = 60_000;

/** Adapts a function to the library's middleware, and keeps what is thrown. */
function step(run: Step): Middleware {
  let following: Middleware | undefined;
  return {
    setNext(next) {
      following = next;
    },
    async execute(context: Context) {
      const exchange = context.middlewareControl?.getMiddlewareOptions(Exchange) as Exchange;
      try {
        const next = async () => {
          await following?.execute(context);
          return context.response as Response;
        };
        context.response = await run(exchange, next, context);
      } catch (error) {
        exchange.thrown = error;
        throw error;
      }
    },
  };
}

/** Stops waiting for what cannot itself be stopped. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // Its failure must not become one that was caught nowhere, which ends the process.
  promise.catch(() => undefined);
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
