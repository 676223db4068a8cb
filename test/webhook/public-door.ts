// Owns a public door for tests: its application on a state database of its own.
import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import type { Hono } from 'hono';
import { onTestFinished } from 'vitest';
import { openDoor } from '../../src/compose.ts';
import { createMemoryLog, type MemoryLog } from '../../src/ops/log.ts';
import type { Inbox } from '../../src/state/inbox.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { createWebhook } from '../../src/webhook/app.ts';
import type { BodyLimits } from '../../src/webhook/body.ts';
import { createStore } from '../../src/webhook/store.ts';
import { secretWatch } from '../helpers/secret-watch.ts';
import { makeRooms } from '../helpers/state.ts';
import { saveSubscriptions, secretOf, subscriptionOf, tenantId } from './subscribed.ts';

export { groupItem, lifecycleItem, userItem, type Item } from './items.ts';
export { secretOf, subscriptionOf, tenantId };

export const routes = ['/graph/notifications', '/graph/lifecycle'] as const;
export interface PublicDoor {
  readonly app: Hono;
  readonly rooms: StateRooms;
  readonly log: MemoryLog;
  /** The number of items of each commit. */
  readonly commits: number[];
  /** What was counted: `kind verdict` and how often. */
  readonly counted: Map<string, number>;
  /** How often it was told that something was stored. */
  told(): number;
}

/** `break` stands before each append; it may throw. */
export function makePublicDoor(
  options: {
    rooms?: StateRooms;
    break?: () => void;
    tenant?: () => string | undefined;
    limits?: BodyLimits;
  } = {},
): PublicDoor {
  const rooms = options.rooms ?? makeRooms();
  saveSubscriptions(rooms);
  for (const secret of Object.values(secretOf)) secretWatch.keep('a client state', secret);
  const log = createMemoryLog();
  const commits: number[] = [];
  const counted = new Map<string, number>();
  let told = 0;
  const inbox: Pick<Inbox, 'append'> = {
    append(items, receivedAt) {
      options.break?.();
      rooms.inbox.append(items, receivedAt);
      commits.push(items.length);
    },
  };
  const app = createWebhook({
    store: createStore({ inbox, now: () => 1_000, onStored: () => void (told += 1) }),
    findSubscription: (one) => rooms.subscriptions.get(one),
    tenantId: options.tenant ?? (() => tenantId),
    log,
    ...(options.limits && { limits: options.limits }),
    metrics: {
      countNotification(kind, verdict, count = 1) {
        const name = `${kind} ${verdict}`;
        counted.set(name, (counted.get(name) ?? 0) + count);
      },
    },
  });
  return { app, rooms, log, commits, counted, told: () => told };
}

/** The door, listening on a port of this machine until the test ends. */
export async function listen(app: Hono): Promise<number> {
  const door = await openDoor(app, '127.0.0.1', 0);
  onTestFinished(() => door.close());
  return door.port;
}

/** Posts to the application without a socket. */
export async function post(
  app: Hono,
  body: unknown,
  options: { path?: string; type?: string | null } = {},
): Promise<Response> {
  const type = options.type === undefined ? 'application/json' : options.type;
  return app.request(options.path ?? routes[0], {
    method: 'POST',
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    headers: type === null ? {} : { 'content-type': type },
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends one request over a socket; `chunks` go without a length announced. */
export function send(
  port: number,
  options: {
    method?: string;
    path?: string;
    headers?: OutgoingHttpHeaders;
    body?: string | Uint8Array;
    chunks?: Iterable<string>;
  },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'POST', path = routes[0], headers = { 'content-type': 'application/json' } } = options;
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    outgoing.once('error', reject);
    for (const chunk of options.chunks ?? []) outgoing.write(chunk);
    outgoing.end(options.body);
  });
}

export interface StoredItem {
  readonly verdict: string;
  readonly kind: string;
  readonly subscriptionId: string | null;
  readonly event: string | null;
  readonly resource: string | null;
  readonly objectId: string | null;
  readonly count: number;
}

/** What stands in the inbox, in the order of its receipt. */
export function stored({ state }: StateRooms): StoredItem[] {
  return state
    .sql(
      `SELECT verdict, kind, subscription_id AS subscriptionId, event, resource, object_id AS objectId, count
       FROM notification ORDER BY id`,
    )
    .all() as StoredItem[];
}

/** The content of every table but the inbox: what no notification may change by itself. */
export function everythingElse({ state }: StateRooms): string {
  const tables = state
    .sql(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('notification', 'sqlite_sequence') ORDER BY name`,
    )
    .pluck()
    .all() as string[];
  return JSON.stringify(tables.map((table) => [table, state.sql(`SELECT * FROM ${table}`).all()]));
}
