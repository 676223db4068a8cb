// Owns the proof that no single request can keep the public door busy, and that what is genuine in it is kept.
import { describe, expect, it } from 'vitest';
import { createBatchJudge, judgeBatch, type JudgeOptions, readBatch } from '../../src/webhook/judge.ts';

const options: JudgeOptions = {
  findSubscription: (id) => (id === 'known' ? { resource: 'users', clientState: 'secret' } : undefined),
  tenantId: () => 'tenant',
};
const genuine = (number: number) => ({
  subscriptionId: 'known',
  tenantId: 'tenant',
  clientState: 'secret',
  resource: `users/00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
});

/** As many as 4 MiB hold. */
const flood = (text: string): unknown[] => {
  const count = Math.floor((4 * 1024 * 1024) / (text.length + 1));
  return Array.from({ length: count }, () => JSON.parse(text) as unknown);
};

describe('4 MiB of one item', () => {
  it.each([
    '0',
    '{}',
    '{"subscriptionId":"x"}',
    '{"subscriptionId":"x","tenantId":"t"}',
    '{"subscriptionId":"known","tenantId":"t"}',
  ])('%s is looked at no more often than a busy door can afford, and becomes one row or two', (text) => {
    const judge = createBatchJudge(options);
    let looks = 0;
    for (const item of flood(text)) {
      if (judge.isFull) break;
      judge.see(item);
      looks += 1;
    }
    expect(looks).toBeLessThanOrEqual(100_000);
    const judged = judge.verdicts();
    expect(judged.length).toBeLessThanOrEqual(2);
    expect(judged.reduce((sum, { count }) => sum + count, 0)).toBe(looks);
  });
});

it('the client state is looked up once for all items of a subscription', () => {
  let looked = 0;
  const items = Array.from({ length: 500 }, (_, at) => genuine(at));
  const findSubscription = (id: string) => {
    looked += 1;
    return options.findSubscription(id);
  };
  const judged = judgeBatch(items, { ...options, findSubscription });
  expect([looked, judged.filter(({ verdict }) => verdict === 'accepted').length]).toEqual([1, 500]);
});

it('genuine items are kept among tens of thousands that are not', () => {
  const items = [
    ...Array.from({ length: 50_000 }, (_, at) => at),
    ...Array.from({ length: 19_000 }, (_, at) => ({ subscriptionId: `s${at}`, tenantId: 't' })),
    genuine(7),
  ];
  expect(judgeBatch(items, options).map(({ verdict, count }) => [verdict, count])).toEqual([
    ['accepted', 1],
    ['unknown-subscription', 19_000],
    ['malformed', 50_000],
  ]);
});

it.each([[{}], [[]], [null], ['text'], [{ value: {} }], [{ value: null }], [[{ value: [] }]]])(
  'no batch: %j',
  (body) => {
    expect(readBatch(body)).toBeUndefined();
  },
);
