// Owns the proof that a large batch is read in turns, and comes to the same as a small one that is read at one go.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InboxItem } from '../../src/state/inbox.ts';
import { createBatchJudge, judgeBatch, readBatch, type JudgeOptions } from '../../src/webhook/judge.ts';
import { judgeInTurns } from '../../src/webhook/slices.ts';
import { id } from '../helpers/ids.ts';
import { lifecycleItem, userItem } from './items.ts';
import { listen, makePublicDoor, post, send, stored } from './public-door.ts';
import { secretOf, subscriptionOf, tenantId } from './subscribed.ts';

const options: JudgeOptions = {
  findSubscription: (one) =>
    one === subscriptionOf.users ? { resource: 'users', clientState: secretOf.users } : undefined,
  tenantId: () => tenantId,
};

async function inTurns(text: string): Promise<InboxItem[] | undefined> {
  const judge = createBatchJudge(options);
  return (await judgeInTurns(text, judge)) ? judge.verdicts() : undefined;
}

function atOneGo(text: string): InboxItem[] | undefined {
  try {
    const batch = readBatch(JSON.parse(text));
    return batch && judgeBatch(batch, options);
  } catch {
    return undefined;
  }
}

const limit = 4 * 1024 * 1024;

/** A batch of the greatest length, full of this. */
function fill(unit: string): string {
  const count = Math.floor((limit - 12) / (unit.length + 1));
  return `{"value":[${Array<string>(count).fill(unit).join(',')}]}`;
}

describe('reading in turns', () => {
  it('comes to the same as reading at one go, for whatever JSON, however it is spaced', async () => {
    const item = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom<unknown>(
        userItem(1),
        lifecycleItem('missed'),
        userItem(2, { clientState: 'x' }),
        '\\"]}',
      ),
    );
    const body = fc.record(
      { value: fc.array(item, { maxLength: 5 }), other: fc.jsonValue({ maxDepth: 2 }), '"],\\': item },
      { requiredKeys: ['value'] },
    );
    const space = fc.constantFrom<string | number | undefined>(undefined, 1, '\t', '\r\n');
    await fc.assert(
      fc.asyncProperty(body, space, async (value, spacing) => {
        const text = JSON.stringify(value, undefined, spacing);
        expect(await inTurns(text)).toEqual(atOneGo(text));
        expect(await inTurns(` ${text}\n`)).toEqual(atOneGo(text));
      }),
      { numRuns: 300 },
    );
  });

  it('finds the same texts to be no batch', async () => {
    const item = JSON.stringify(userItem(1));
    const wrong = [
      ...[
        '',
        ' ',
        '{',
        '{}',
        '[]',
        'null',
        '7',
        '"value"',
        '{"value"}',
        '{"value":}',
        '{"value":null}',
        '{"value":{}}',
      ],
      ...[
        '{"value":[}',
        '{"value":[1,]}',
        '{"value":[,1]}',
        '{"value":[1 2]}',
        '{"value":[1}]',
        '{"value":[[}]}',
      ],
      ...[
        '{"value":[]',
        '{"value":[]]',
        '{"value":[]} x',
        '{"value":[],}',
        '{,"value":[]}',
        "{'value':[]}",
        '{value:[]}',
      ],
      ...[
        '{"value":[]"x":1}',
        '{"x":nope,"value":[]}',
        '{"x":[1,"value":[]}',
        '{"\\x":1,"value":[]}',
        '{"value":["a]}',
      ],
      ...[
        `{"value":[${item}`,
        `{"value":[${item},]}`,
        `{"value":[${item.slice(0, -1)}]}`,
        `{"value":[x${item}]}`,
      ],
    ];
    for (const text of wrong) expect([text, await inTurns(text)]).toEqual([text, atOneGo(text)]);
    expect(wrong.map(atOneGo)).toEqual(wrong.map(() => undefined));
  });

  it('refuses a batch that has two values', async () => {
    expect(await inTurns(`{"value":[],"value":[${JSON.stringify(userItem(1))}]}`)).toBeUndefined();
  });

  it('does not parse an item that no notification could be, however it is nested', async () => {
    const long = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const verdicts = await inTurns(`{"value":[${long},${JSON.stringify(userItem(1))}]}`);
    expect(verdicts).toMatchObject([
      { verdict: 'accepted', objectId: id(1) },
      { verdict: 'malformed', count: 1 },
    ]);
  });
});

describe('a body of 4 MiB', () => {
  it.each([
    ['nothing', '{}'],
    ['numbers', '1'],
    ['lists', '[[[[]]]]'],
    ['forged items', JSON.stringify({ subscriptionId: 'x', tenantId: 'y', clientState: 'z' })],
    ['genuine items', JSON.stringify(userItem(1))],
  ])('of %s lets others have their turn', async (_, unit) => {
    const body = fill(unit);
    let turns = 0;
    let isOver = false;
    const others = (): void => {
      turns += 1;
      if (!isOver) setImmediate(others);
    };
    setImmediate(others);
    const verdicts = await inTurns(body);
    isOver = true;
    expect(verdicts?.length).toBeGreaterThan(0);
    expect(turns).toBeGreaterThan(2);
  });

  it('is stored as a small one is: every genuine item of it', async () => {
    const { app, rooms } = makePublicDoor();
    const value = Array.from({ length: 6_000 }, (_, n) => userItem(n));
    expect((await post(app, { value })).status).toBe(202);
    expect(stored(rooms).map(({ objectId }) => objectId)).toEqual(value.map((_, n) => id(n)));
  });
});

describe('many large bodies at once', () => {
  const limits = { largest: 400_000, inHand: 1_000_000 };
  const body = fill('{}').slice(0, 300_000);
  const large = `${body.slice(0, body.lastIndexOf(','))}]}`;

  it('get a fast 503 where they would take too much memory, and their room is given back', async () => {
    const door = makePublicDoor({ limits });
    const port = await listen(door.app);
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        send(port, {
          body: large,
          headers: { 'content-type': 'application/json', 'content-length': large.length },
        }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([202, 503]));
    const refusals = door.log.lines.filter(({ message }) => message.startsWith('Too many large bodies'));
    expect(refusals).toMatchObject([{ level: 'warn' }]);
    // What is sent again afterwards is taken.
    for (let again = 0; again < 5; again += 1) {
      expect(
        (
          await send(port, {
            body: large,
            headers: { 'content-type': 'application/json', 'content-length': large.length },
          })
        ).status,
      ).toBe(202);
      expect((await send(port, { chunks: [large] })).status).toBe(202);
      expect((await send(port, { chunks: [large, large] })).status).toBe(413);
    }
  });

  it('do not keep small ones out', async () => {
    const door = makePublicDoor({ limits: { ...limits, inHand: 0 } });
    const port = await listen(door.app);
    const small = JSON.stringify({ value: [userItem(1)] });
    expect(
      (
        await send(port, {
          body: small,
          headers: { 'content-type': 'application/json', 'content-length': small.length },
        })
      ).status,
    ).toBe(202);
    expect((await send(port, { chunks: [small] })).status).toBe(202);
    expect((await send(port, { chunks: [large] })).status).toBe(503);
    expect(stored(door.rooms)).toHaveLength(2);
  });
});
