// Owns the proof that forged notifications cost nothing but their place in the inbox, and genuine ones no more than a look.
import { expect, it } from 'vitest';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { type Rig, startRig } from '../helpers/service.ts';

type Item = Record<string, unknown>;

/** As Graph would send it for the users' subscription. */
function genuine(rig: Rig, objectId: string): Item {
  const subscription = rig
    .parts()
    .rooms.subscriptions.list()
    .find(({ resource }) => resource === 'users');
  return {
    changeType: 'updated',
    clientState: subscription?.clientState,
    resource: `Users/${objectId}`,
    resourceData: { id: objectId },
    subscriptionId: subscription?.id,
    tenantId: rig.tenant.tenantId,
  };
}

async function send(rig: Rig, value: readonly Item[]): Promise<void> {
  const { notification = '', lifecycle = '' } = rig.config.publicDoor.urls ?? {};
  for (const url of [notification, lifecycle]) {
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify({ value }) })).status).toBe(202);
  }
}

async function takenUp(rig: Rig): Promise<void> {
  const { rooms } = rig.parts();
  await eventuallyTrue('everything stored was taken up', () => {
    const newest = rooms.state.sql('SELECT max(id) FROM notification').pluck().get() as number;
    return rooms.meta.counter('inbox-cursor') >= newest && rooms.inbox.pendingCount().depth === 0;
  });
}

it('hundreds of forged items of every sort lead to no read at all, and are counted by their reason', async () => {
  const rig = await startRig({ tenant: { users: 20, groups: 2 }, mapping: { groups: { publish: ['*'] } } });
  await rig.atRest();
  const { rooms, metrics } = rig.parts();
  const mirror = (): unknown =>
    ['directory_object', 'membership', 'account', 'ping', 'unsettled', 'stream', 'subscription'].map(
      (table) => rooms.state.sql(`SELECT * FROM ${table}`).all(),
    );
  const before = { mirror: mirror(), requests: rig.tenant.requests().byPath };
  const faults: Record<string, (item: Item, n: number) => Item> = {
    'wrong-client-state': (item, n) => ({ ...item, clientState: `guess ${n}` }),
    'unknown-subscription': (item, n) => ({ ...item, subscriptionId: `guess ${n}` }),
    'wrong-tenant': (item, n) => ({ ...item, tenantId: `guess ${n}` }),
    'wrong-resource': (item, n) => ({ ...item, resource: `Groups/${n}` }),
    malformed: (item) => ({ ...item, tenantId: {} }),
  };
  for (const spoil of Object.values(faults)) {
    for (let request = 0; request < 4; request += 1) {
      await send(
        rig,
        Array.from({ length: 50 }, (_, n) =>
          spoil(genuine(rig, rig.tenant.userId(n % 20)), request * 50 + n),
        ),
      );
    }
  }
  await takenUp(rig);
  await rig.atRest();
  expect(rig.tenant.requests().byPath).toEqual(before.requests);
  expect(mirror()).toEqual(before.mirror);
  const page = (await metrics.render()).body;
  for (const verdict of Object.keys(faults)) {
    const kind = verdict === 'malformed' ? 'unknown' : 'change';
    expect(page).toContain(`gespage_sync_notifications_total{kind="${kind}",verdict="${verdict}"} 400`);
  }
  const told = rig.log.lines.filter(({ message }) => message.startsWith('A notification was not accepted'));
  expect(told.map(({ fields }) => fields['verdict']).sort()).toEqual(Object.keys(faults).sort());
});

it('a thousand genuine notifications of one object lead to a few looks, not to a thousand', async () => {
  const rig = await startRig({ tenant: { users: 20 } });
  await rig.atRest();
  const reads = (): number => rig.tenant.requests().byPath['batch GET /users/{id}'] ?? 0;
  const before = reads();
  const item = genuine(rig, rig.tenant.userId(1));
  for (let request = 0; request < 10; request += 1)
    await send(
      rig,
      Array.from({ length: 50 }, () => item),
    );
  await takenUp(rig);
  await rig.atRest();
  // One for each burst that came while the one before was being read, at the very most.
  expect(reads() - before).toBeGreaterThan(0);
  expect(reads() - before).toBeLessThan(20);
});
