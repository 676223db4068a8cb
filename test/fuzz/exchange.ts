// Owns what one generated exchange with the public door is.
import fc from 'fast-check';
import { lifecyclePath, notificationsPath } from '../../src/webhook/app.ts';
import type { StreamName, Verdict } from '../../src/state/inbox.ts';

/** What goes over one connection, and what must come of it. */
export interface Exchange {
  readonly sort: string;
  readonly pieces: readonly Buffer[];
  /** Ms between two pieces. */
  readonly gapMs: number;
  /** `keep`: everything is answered and the connection serves the next; `end`: our side is closed; `reset`: both. */
  readonly then: 'keep' | 'end' | 'reset' | 'leave';
  readonly requests: number;
  /** Statuses that each of its requests may get; a connection that is cut counts as none of them. */
  readonly answers: readonly number[];
  /** Items with these verdicts, where all of it is taken. */
  readonly items: Partial<Record<Verdict, number>>;
  /** What the body of the answer must be. */
  readonly echo?: string;
}

export interface Fuzzed {
  readonly tenantId: string;
  readonly subscriptions: Readonly<Record<StreamName, { readonly id: string; readonly clientState: string }>>;
  /** Objects that sound notifications are about. */
  readonly objects: readonly string[];
}

/** Every object that a forged item names; none of them may ever be looked at. */
export const forgedPrefix = 'f0f0f0f0-';

export const routes = fc.constantFrom(notificationsPath, lifecyclePath);
export const json = 'application/json';

/** A request with its length announced. */
export function framed(path: string, body: string | Uint8Array, type = json, method = 'POST'): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'host: fuzz',
    ...(type === '' ? [] : [`content-type: ${type}`]),
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
}

/** One request over a connection that serves the next as well. */
export function kept(
  sort: string,
  bytes: Buffer,
  answers: readonly number[],
  more: Partial<Exchange> = {},
): Exchange {
  return { sort, pieces: [bytes], gapMs: 0, then: 'keep', requests: 1, answers, items: {}, ...more };
}
