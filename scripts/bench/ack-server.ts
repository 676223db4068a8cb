// Owns one server of the acknowledgement benchmark, in a process of its own: the real door, or one of its rivals.
import { Hono } from 'hono';
import { openDoor } from '../../src/compose.ts';
import { createLog } from '../../src/ops/log.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { openState } from '../../src/state/database.ts';
import type { Inbox } from '../../src/state/inbox.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { createWebhook, notificationsPath } from '../../src/webhook/app.ts';
import { createStore, type Store } from '../../src/webhook/store.ts';
import { clientStateOf, subscriptionOf, tenantId } from './ack-items.ts';

export type ServerKind = 'door' | 'parse-only' | 'commit-each';

/** What a server says of itself when asked, over the channel to its parent. */
export interface ServerReport {
  /** Processor time used so far, in ms. */
  readonly cpuMs: number;
  /** Notifications in the database. */
  readonly stored: number;
  /** Commits so far. */
  readonly commits: number;
}

async function main(kind: ServerKind, file: string): Promise<void> {
  const state = openState(file);
  const rooms = createStateRooms(state);
  for (const resource of ['users', 'groups'] as const) {
    rooms.subscriptions.save({
      id: subscriptionOf(resource),
      resource,
      clientState: clientStateOf(resource),
      notificationUrl: 'https://localhost/graph/notifications',
      expiresAt: Number.MAX_SAFE_INTEGER,
      createdAt: 0,
      touchedAt: 0,
      challengedAt: null,
      lostAt: null,
    });
  }
  let commits = 0;
  const inbox: Pick<Inbox, 'append'> = {
    append(items, receivedAt) {
      commits += 1;
      rooms.inbox.append(items, receivedAt);
    },
  };
  const commitEach: Store = {
    put(items) {
      inbox.append(items, Date.now());
      return Promise.resolve();
    },
  };
  const app =
    kind === 'parse-only'
      ? parseOnly()
      : createWebhook({
          store:
            kind === 'door' ? createStore({ inbox, now: Date.now, onStored: () => undefined }) : commitEach,
          findSubscription: (id) => rooms.subscriptions.get(id),
          tenantId: () => tenantId,
          log: createLog({ level: 'warn', format: 'json', secrets: [] }),
          metrics: createMetrics(),
        });
  const door = await openDoor(app, '127.0.0.1', 0);
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    const report: ServerReport = {
      cpuMs: (user + system) / 1000,
      stored: state.sql('SELECT count(*) FROM notification').pluck().get() as number,
      commits,
    };
    process.send?.(report);
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port: door.port });
}

/** The same server without judgement and storage: what remains is HTTP and JSON. */
function parseOnly(): Hono {
  const app = new Hono();
  app.post(notificationsPath, async (c) => {
    await c.req.json();
    return c.body(null, 202);
  });
  return app;
}

await main(process.argv[2] as ServerKind, process.argv[3] ?? ':memory:');
