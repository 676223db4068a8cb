// Owns the fuzzing of notification batches: every item gets a verdict, and no forged one is accepted.
import fc from 'fast-check';
import { createBatchJudge, judgeBatch, type JudgeOptions, readBatch } from '../../../src/webhook/judge.ts';
import { judgeInTurns } from '../../../src/webhook/slices.ts';
import { id } from '../../helpers/ids.ts';
import { groupItem, lifecycleItem, userItem } from '../../webhook/items.ts';
import { secretOf, subscriptionOf, tenantId } from '../../webhook/subscribed.ts';
import { anyValue, deepText, mangledText, spoiled } from '../arbitraries.ts';
import { defineDecoder, expectPlain, must, type Decoder } from '../decoder.ts';

const samples = [userItem(1), groupItem(2), lifecycleItem('missed'), lifecycleItem('subscriptionRemoved')];
const words = fc.constantFrom<unknown>(
  ...Object.values(subscriptionOf),
  ...Object.values(secretOf),
  tenantId,
  tenantId.toUpperCase(),
  `Users/${id(3)}`,
  `groups('${id(4)}')`,
  'users',
  'me/messages',
  id(5),
);
const items = fc.array(fc.oneof({ weight: 5, arbitrary: spoiled(samples, words) }, anyValue), {
  maxLength: 5,
});
const body = fc.oneof(
  { weight: 24, arbitrary: items.map((value) => JSON.stringify({ value })) },
  { weight: 8, arbitrary: spoiled([{ value: samples }], words).map((value) => JSON.stringify(value)) },
  { weight: 3, arbitrary: anyValue.map((value) => JSON.stringify(value)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        deepText,
        fc.constantFrom(
          '$',
          '{"value":$}',
          '{"value":[$]}',
          '{"value":[{"resourceData":$}]}',
          '{"x":$,"value":[]}',
        ),
      )
      .map(([deep, around]) => around.replace('$', () => deep)),
  },
  // One name twice: the parser takes the last.
  {
    weight: 3,
    arbitrary: fc
      .tuple(items, fc.constantFrom('value', 'clientState', 'tenantId', 'subscriptionId'), anyValue)
      .map(([value, name, other]) =>
        JSON.stringify({ value }).replace('{', `{"${name}":${JSON.stringify(other)},`),
      ),
  },
);

const options: JudgeOptions = {
  findSubscription: (wanted) =>
    wanted === subscriptionOf.users
      ? { resource: 'users', clientState: secretOf.users }
      : wanted === subscriptionOf.groups
        ? { resource: 'groups', clientState: secretOf.groups }
        : undefined,
  tenantId: () => tenantId,
};

export function notificationBatch(): Decoder {
  return defineDecoder({
    name: 'notification batch',
    inputs: mangledText(body),
    async decode(text) {
      const parsed = parse(text);
      const batch = readBatch(parsed);
      const judge = createBatchJudge(options);
      const isBatch = await judgeInTurns(text, judge);
      // Both ways of reading agree, save for a name that comes twice.
      const namedOnce = (text.match(/value|\\u/gi)?.length ?? 0) < 2;
      if (namedOnce) must('both ways call it a batch or none', isBatch === (batch !== undefined));
      if (batch === undefined) return parsed === undefined ? 'no JSON' : 'no batch';
      const verdicts = judgeBatch(batch, options);
      if (isBatch) must('both ways give the same verdicts', same(verdicts, judge.verdicts()));
      expectPlain(verdicts);
      const total = verdicts.reduce((sum, { count }) => sum + count, 0);
      must('every item is counted', total === batch.length);
      for (const verdict of verdicts) {
        if (verdict.verdict !== 'accepted') {
          must(
            'what is rejected names nothing to read',
            verdict.resource === null && verdict.objectId === null,
          );
        }
        must('an object id is one', verdict.objectId === null || /^[0-9a-f-]{36}$/.test(verdict.objectId));
      }
      const accepted = verdicts.filter(({ verdict }) => verdict === 'accepted').length;
      must('nothing forged is accepted', accepted <= batch.filter(isGenuine).length);
      return accepted > 0 ? 'accepted' : verdicts.length > 0 ? 'rejected' : 'empty';
    },
  });
}

function isGenuine(raw: unknown): boolean {
  if (typeof raw !== 'object' || raw === null) return false;
  const item = raw as Record<string, unknown>;
  const own = (name: string): unknown => (Object.hasOwn(item, name) ? item[name] : undefined);
  if (own('tenantId') === undefined) return false;
  const stream = own('subscriptionId') === subscriptionOf.users ? 'users' : 'groups';
  return (
    own('subscriptionId') === subscriptionOf[stream] &&
    own('clientState') === secretOf[stream] &&
    JSON.stringify(own('tenantId')).toLowerCase() === `"${tenantId}"`
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
