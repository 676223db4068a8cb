// Owns sending generated requests: some connections that are kept, one more for each request that may spoil its own.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exchange } from './exchange.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A lane of requests: one connection after the other. */
export interface Lane {
  /** The answers that came, in order; fewer than were due where the connection was cut. */
  send(exchange: Exchange): Promise<Answer[]>;
  close(): void;
}

/** An answer that takes longer has not come. */
const patienceMs = 20_000;
/** How long the door is left alone with something that it may still wait for. */
const leaveMs = 20;

export function openLane(port: number): Lane {
  let open: Connection | undefined;
  return {
    async send(exchange) {
      if (exchange.then !== 'keep') {
        const own = openConnection(port);
        try {
          return await exchangeOver(own, exchange);
        } finally {
          own.socket.destroy();
        }
      }
      // The door may close a connection that rests just as it is used again.
      for (let attempt = 0; ; attempt += 1) {
        const isFresh = open === undefined || open.isOver();
        const used = isFresh || open === undefined ? openConnection(port) : open;
        open = used;
        const answers = await exchangeOver(used, exchange);
        if (answers.length > 0 || isFresh || attempt > 0) return answers;
        open = undefined;
      }
    },
    close: () => open?.socket.destroy(),
  };
}

interface Connection {
  readonly socket: Socket;
  /** Answers that came and were not taken yet. */
  readonly answers: Answer[];
  isOver(): boolean;
  /** Resolves once so many answers are there, or no more can come. */
  whenAnswered(count: number): Promise<void>;
}

async function exchangeOver(connection: Connection, exchange: Exchange): Promise<Answer[]> {
  const { socket, answers } = connection;
  for (const [at, piece] of exchange.pieces.entries()) {
    if (at > 0 && exchange.gapMs > 0) await sleep(exchange.gapMs);
    if (socket.destroyed) break;
    socket.write(piece);
  }
  if (exchange.then === 'end') socket.end();
  if (exchange.then === 'reset' || exchange.then === 'leave') {
    await Promise.race([connection.whenAnswered(exchange.requests), sleep(leaveMs)]);
    if (exchange.then === 'reset') socket.resetAndDestroy();
  } else await connection.whenAnswered(exchange.requests);
  return answers.splice(0);
}

function openConnection(port: number): Connection {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const answers: Answer[] = [];
  let rest = '';
  let over = false;
  let wake = (): void => undefined;
  socket.setTimeout(patienceMs, () => socket.destroy());
  socket.on('data', (part: Buffer) => {
    rest = takeAnswers(rest + part.toString('latin1'), answers);
    wake();
  });
  for (const event of ['end', 'close', 'error'] as const) {
    socket.on(event, () => {
      over = true;
      wake();
    });
  }
  return {
    socket,
    answers,
    isOver: () => over || socket.destroyed,
    async whenAnswered(count) {
      while (answers.length < count && !over) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

/** Takes whole answers off a text; gives what is left. */
function takeAnswers(text: string, answers: Answer[]): string {
  let rest = text;
  for (;;) {
    const headEnds = rest.indexOf('\r\n\r\n');
    if (headEnds === -1) return rest;
    const head = rest.slice(0, headEnds);
    const body = takeBody(head, rest.slice(headEnds + 4));
    if (body === undefined) return rest;
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? Number.NaN);
    if (status !== 100) answers.push({ status, body: Buffer.from(body.text, 'latin1').toString('utf8') });
    rest = body.rest;
  }
}

/** The body, and what stands behind it; undefined while it is not there as a whole. */
function takeBody(head: string, text: string): { text: string; rest: string } | undefined {
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) {
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    return text.length < length ? undefined : { text: text.slice(0, length), rest: text.slice(length) };
  }
  let body = '';
  for (let at = 0; ;) {
    const sizeEnds = text.indexOf('\r\n', at);
    if (sizeEnds === -1) return undefined;
    const size = Number.parseInt(text.slice(at, sizeEnds), 16);
    const end = sizeEnds + 2 + size;
    if (text.length < end + 2) return undefined;
    body += text.slice(sizeEnds + 2, end);
    at = end + 2;
    if (size === 0) return { text: body, rest: text.slice(at) };
  }
}
