import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyUnits } from '../fuzz/arbitraries.ts';
import { id } from '../helpers/state.ts';
import {
  everythingElse,
  groupItem,
  lifecycleItem,
  makePublicDoor,
  post,
  routes,
  secretOf,
  stored,
  subscriptionOf,
  tenantId,
  userItem,
} from './public-door.ts';

const anyJson = fc.jsonValue({ maxDepth: 4 });

/** Values that come near to what is expected, and miss it in all sorts of ways. */
const near = fc.oneof(
  anyJson,
  anyUnits(300),
  fc.constantFrom(subscriptionOf.users, subscriptionOf.groups, tenantId, secretOf.users, secretOf.groups),
  fc.constantFrom(
    `Users/${id(1)}`,
    'users',
    '/',
    '',
    "groups('",
    `Groups/${id(2)}/members`,
    '__proto__',
    '\u0000',
    '\ud800',
  ),
  fc.constantFrom('missed', 'updated', 'reauthorizationRequired'),
);
const names = [
  'subscriptionId',
  'tenantId',
  'clientState',
  'changeType',
  'lifecycleEvent',
  'resource',
  'resourceData',
  'id',
  '__proto__',
  'value',
];
const anyItem = fc.oneof(
  anyJson,
  fc.dictionary(fc.constantFrom(...names), near),
  fc
    .tuple(
      fc.constantFrom(userItem(1), groupItem(2), lifecycleItem('missed')),
      fc.dictionary(fc.constantFrom(...names), near, { maxKeys: 2 }),
    )
    .map(([item, changes]) => ({ ...item, ...changes })),
);
const anyBody = fc.oneof(
  fc.array(anyItem, { maxLength: 6 }).map((value) => JSON.stringify({ value })),
  anyJson.map((value) => JSON.stringify(value)),
  anyUnits(400),
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.array(anyItem, { maxLength: 3 }).chain((value) => {
    const text = JSON.stringify({ value });
    return fc.nat(text.length).map((at) => text.slice(0, at));
  }),
);
const headerText = fc.string({
  unit: fc.constantFrom(...'abcXYZ019 ;=,/"()<>@:\\?{}[]~!#$%&\'*+-.^_`|\t'),
  maxLength: 60,
});

describe('whatever is sent', () => {
  it('is answered without an error of ours and changes nothing but the inbox', async () => {
    const { app, rooms, log } = makePublicDoor();
    const before = everythingElse(rooms);
    await fc.assert(
      fc.asyncProperty(
        anyBody,
        fc.constantFrom(...routes),
        fc.option(headerText, { nil: 'application/json' }),
        async (body, path, type) => {
          const answer = await post(app, body, { path, type: type.trim() });
          expect([202, 400, 413, 415]).toContain(answer.status);
          expect(await answer.text()).toBe('');
        },
      ),
      { numRuns: 600 },
    );
    expect(everythingElse(rooms)).toBe(before);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    for (const row of stored(rooms)) {
      if (row.verdict !== 'accepted') expect([row.resource, row.objectId]).toEqual([null, null]);
      else expect(['users', 'groups']).toContain(row.resource);
      expect(row.objectId ?? id(0)).toMatch(/^[0-9a-f-]{36}$/);
    }
    // Folding it is harmless too.
    expect(() => rooms.inbox.fold(2_000)).not.toThrow();
  });

  it('an item is accepted only with the client state of its subscription', async () => {
    const { app, rooms } = makePublicDoor();
    const wrong = anyUnits(60).filter((text) => text !== secretOf.users);
    await fc.assert(
      fc.asyncProperty(fc.oneof(wrong, anyJson), async (clientState) => {
        fc.pre(clientState !== secretOf.users);
        await post(app, { value: [userItem(1, { clientState }), lifecycleItem('missed', { clientState })] });
      }),
      { numRuns: 300 },
    );
    expect(stored(rooms).filter(({ verdict }) => verdict === 'accepted')).toEqual([]);
  });
});
