// Owns the HTTPS server: reads requests, applies faults, sign-in and throttling, and writes answers.
import { createServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { errorAnswer } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import { answerBatch, decodeLoosely, parseTarget } from './batch.ts';
import { faultAnswer } from './faults.ts';
import type { FaultAction, Faults } from './faults.ts';
import type { Random } from './random.ts';
import type { RequestLog } from './request-log.ts';
import type { Route } from './routes.ts';
import type { SignIn } from './sign-in.ts';
import type { Throttle } from './throttle.ts';

export type ServerContext = {
  tls: { key: string; cert: string };
  signIn: SignIn;
  faults: Faults;
  throttle: Throttle;
  log: RequestLog;
  route: Route;
  random: Random;
};

const largestBody = 4 * 1024 * 1024;

/** Makes the server; it does not listen yet. `close` cuts all connections. */
export function createGraphServer(context: ServerContext): { server: Server; close: () => Promise<void> } {
  const poisoned = new WeakMap<Socket, Answer>();
  const server = createServer({ ...context.tls, minVersion: 'TLSv1.2' }, (req, res) => {
    answer(req, res).catch((error: unknown) => {
      if (res.headersSent) res.destroy();
      else
        send(
          req,
          res,
          errorAnswer(500, 'EmulatorFailure', String(error instanceof Error ? error.stack : error)),
        );
    });
  });
  server.keepAliveTimeout = 60_000;
  // Only the socket below TLS can send a reset; the two are paired by the client's port.
  const raw = new Map<number, Socket>();
  server.on('connection', (socket: Socket) => {
    const port = socket.remotePort ?? 0;
    raw.set(port, socket);
    socket.once('close', () => raw.delete(port));
  });
  const reset = (req: IncomingMessage): void => {
    raw.get(req.socket.remotePort ?? 0)?.resetAndDestroy();
    req.socket.destroy();
  };

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { path, rawQuery, segments } = parseTarget(req.url ?? '/');
    const method = req.method ?? 'GET';
    const graph = segments[0]?.toLowerCase() === 'v1.0';
    const below = path.slice('/v1.0'.length) || '/';
    const done = graph ? context.log.begin(method, below, false) : undefined;
    res.once('close', () => done?.(res.statusCode));
    const body = await readBody(req);
    if (body === null)
      return send(req, res, errorAnswer(413, 'RequestEntityTooLarge', 'The request is too large.'));
    const spoiled = poisoned.get(req.socket);
    if (spoiled) return send(req, res, spoiled);

    const target = decodeLoosely(rawQuery === '' ? path : `${path}?${rawQuery}`);
    const fault = context.faults.match(graph ? 'graph' : 'token', method, target);
    if (fault?.type === 'reset') return reset(req);
    if (fault?.type === 'delay') await wait(fault.ms);
    if (fault?.type === 'status') {
      const refusal = faultAnswer(fault);
      if (fault.poison) poisoned.set(req.socket, refusal);
      return send(req, res, refusal);
    }
    const made = graph
      ? await answerGraph(req, { method, path: below, rawQuery, segments: segments.slice(1), body })
      : (context.signIn.handle(method, path, rawQuery, body) ??
        errorAnswer(404, 'NotFound', 'Neither a Graph path nor one of the token authority.'));
    if (fault?.type === 'lost-answer') return reset(req);
    finish(req, res, made, fault);
  };

  const answerGraph = async (
    req: IncomingMessage,
    parts: Pick<GraphRequest, 'method' | 'path' | 'rawQuery' | 'segments' | 'body'>,
  ): Promise<Answer> => {
    const roles = context.signIn.check(req.headers.authorization);
    if ('status' in roles) return roles;
    const headers = req.headers as Record<string, string | undefined>;
    const request: GraphRequest = { ...parts, headers, roles, inBatch: false };
    if (parts.segments[0]?.toLowerCase() === '$batch') {
      if (parts.method !== 'POST') return errorAnswer(405, 'BadRequest', 'POST is needed.');
      return await answerBatch(request, { random: context.random, run: runItem });
    }
    return await charge(request);
  };

  const charge = async (request: GraphRequest): Promise<Answer> => {
    const charged = context.throttle.charge(request.method, request.path, request.rawQuery);
    if (isAnswer(charged)) return charged;
    const made = await context.route(request);
    return { ...made, headers: { ...made.headers, ...charged } };
  };

  const runItem = async (request: GraphRequest): Promise<Answer> => {
    const done = context.log.begin(request.method, request.path, true);
    const target = decodeLoosely(
      `/v1.0${request.path}${request.rawQuery === '' ? '' : `?${request.rawQuery}`}`,
    );
    const fault = context.faults.match('batch-item', request.method, target);
    if (fault?.type === 'delay') await wait(fault.ms);
    const made = fault?.type === 'status' ? faultAnswer(fault) : await charge(request);
    done(made.status);
    return made;
  };

  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    // Those in the middle of their handshake too: the HTTP server does not know them, and would wait for them.
    for (const socket of raw.values()) socket.destroy();
    await closed;
  };
  return { server, close };
}

function isAnswer(value: Answer | Record<string, string>): value is Answer {
  return typeof value.status === 'number';
}

function finish(
  req: IncomingMessage,
  res: ServerResponse,
  answer: Answer,
  fault: FaultAction | undefined,
): void {
  // Sending is what remains for a request that no fault, or one already served, has hit.
  switch (fault?.type) {
    case 'truncate': {
      const bytes = Buffer.from(answer.body);
      res.writeHead(answer.status, { ...answer.headers, 'content-length': bytes.length + 1 });
      res.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => req.socket.destroy());
      return;
    }
    case 'non-json':
      return send(req, res, {
        ...answer,
        headers: { 'content-type': 'text/html' },
        body: fault.body ?? '<html><body>Our services are not available right now</body></html>',
      });
    case undefined:
    case 'delay':
    case 'lost-answer':
    case 'reset':
    case 'status':
      return send(req, res, answer);
  }
}

function send(req: IncomingMessage, res: ServerResponse, answer: Answer): void {
  if (res.destroyed) return;
  const asked = req.headers['client-request-id'];
  const headers: Record<string, string | number> = {
    ...answer.headers,
    'request-id': crypto.randomUUID(),
    'client-request-id': typeof asked === 'string' ? asked : crypto.randomUUID(),
  };
  if (answer.status === 204) {
    res.writeHead(204, headers).end();
    return;
  }
  const bytes = Buffer.from(answer.body);
  headers['content-length'] = bytes.length;
  res.writeHead(answer.status, headers).end(bytes);
}

async function readBody(req: IncomingMessage): Promise<string | null> {
  if (req.method === 'GET') return '';
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
