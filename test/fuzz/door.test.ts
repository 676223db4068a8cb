// Owns a short fuzzing of the public door over sockets; `npm run fuzz` does it with a whole service.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { id } from '../helpers/ids.ts';
import { everythingElse, listen, makePublicDoor, stored } from '../webhook/public-door.ts';
import { secretOf, subscriptionOf, tenantId } from '../webhook/subscribed.ts';
import { forgedPrefix, type Fuzzed } from './exchange.ts';
import { exchanges } from './requests.ts';
import { createScore } from './score.ts';
import { openLane } from './send.ts';

const target: Fuzzed = {
  tenantId,
  subscriptions: {
    users: { id: subscriptionOf.users, clientState: secretOf.users },
    groups: { id: subscriptionOf.groups, clientState: secretOf.groups },
  },
  objects: [id(1), id(2), id(3)],
};

it('whatever comes over a socket is answered or cut, and nothing forged is taken up', async () => {
  const { app, rooms, log, counted } = makePublicDoor();
  const port = await listen(app);
  const before = everythingElse(rooms);
  const score = createScore();
  const seed = Date.now() | 0;
  const queue = fc.sample(exchanges(target), { seed, numRuns: 600 }).values();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      const lane = openLane(port);
      for (const exchange of queue) score.take(exchange, await lane.send(exchange));
      lane.close();
    }),
  );
  expect(score.problems, `seed ${seed}`).toEqual([]);
  expect(Object.keys(score.statuses())).toEqual(expect.arrayContaining(['200', '202', '400', '404', '415']));
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  expect(everythingElse(rooms)).toBe(before);
  const accepted = stored(rooms).filter(({ verdict }) => verdict === 'accepted');
  expect(accepted.filter(({ objectId }) => objectId === null || objectId.startsWith(forgedPrefix))).toEqual(
    [],
  );
  const [least = 0, most = 0] = score.items().get('accepted') ?? [];
  expect(least).toBeGreaterThan(0);
  expect(accepted.length).toBeGreaterThanOrEqual(least);
  expect(accepted.length).toBeLessThanOrEqual(most);
  // Every reason is counted by its name.
  for (const [verdict, [sure]] of score.items()) {
    const found = ['change', 'lifecycle', 'unknown'].map((kind) => counted.get(`${kind} ${verdict}`) ?? 0);
    expect(
      found.reduce((sum, one) => sum + one),
      verdict,
    ).toBeGreaterThanOrEqual(sure);
  }
});
