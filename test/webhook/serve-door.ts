// Owns a process that serves the public door on a given state database until it is killed; it says its port.
import { openDoor } from '../../src/compose.ts';
import { openState } from '../../src/state/database.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { createWebhook } from '../../src/webhook/app.ts';
import { createStore } from '../../src/webhook/store.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { saveSubscriptions, tenantId } from './subscribed.ts';

const rooms = createStateRooms(openState(process.argv[2] ?? ''));
saveSubscriptions(rooms);
const app = createWebhook({
  store: createStore({ inbox: rooms.inbox, now: Date.now, onStored: () => undefined }),
  findSubscription: (id) => rooms.subscriptions.get(id),
  tenantId: () => tenantId,
  log: createMemoryLog(),
  metrics: { countNotification: () => undefined },
});
const door = await openDoor(app, '127.0.0.1', 0);
process.send?.(door.port);
