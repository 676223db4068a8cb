// Owns the fuzzing of what Microsoft Graph answers: pages, objects, batches, subscriptions.
import fc from 'fast-check';
import { readObject } from '../../../src/graph/delta-object.ts';
import { readPage } from '../../../src/graph/delta.ts';
import { GraphFailure } from '../../../src/graph/errors.ts';
import type { GraphAnswer, GraphClient } from '../../../src/graph/client.ts';
import { checkLink } from '../../../src/graph/links.ts';
import { lookUpUsers } from '../../../src/graph/lookups.ts';
import {
  createSubscription,
  getSubscription,
  listSubscriptions,
  renewSubscription,
} from '../../../src/graph/subscriptions.ts';
import { isUnreadable } from '../../../src/graph/unreadable.ts';
import { id } from '../../helpers/ids.ts';
import { anyText, anyValue, spoiled } from '../arbitraries.ts';
import { defineDecoder, expectPlain, must, type Decoder } from '../decoder.ts';

const graph = 'https://graph.microsoft.com';
const anId = /^[\w.-]{1,128}$/;

const user = {
  id: id(1),
  userPrincipalName: 'a@contoso.example',
  displayName: 'A',
  accountEnabled: true,
  onPremisesExtensionAttributes: { extensionAttribute1: '7' },
  otherMails: [],
  mail: null,
};
const group = {
  id: id(2),
  displayName: 'G',
  'members@delta': [
    { '@odata.type': '#microsoft.graph.user', id: id(1) },
    { '@odata.type': '#microsoft.graph.group', id: id(3), '@removed': { reason: 'deleted' } },
    { id: id(4), '@removed': 'deleted' },
  ],
};
const tombstones = [
  { id: id(5), '@removed': { reason: 'changed' } },
  { id: id(6), '@removed': { reason: 'deleted' } },
];
const page = (link: object) => ({
  '@odata.context': `${graph}/v1.0/$metadata#groups`,
  ...link,
  value: [user, group, ...tombstones],
});
const pages = [
  page({ '@odata.nextLink': `${graph}/v1.0/groups/delta?$skiptoken=x` }),
  page({ '@odata.deltaLink': `${graph}/v1.0/groups/delta?$deltatoken=x` }),
];
const words = fc.constantFrom<unknown>(
  id(1),
  id(1).toUpperCase(),
  'deleted',
  'changed',
  '#microsoft.graph.user',
  { reason: 'deleted' },
  `${graph}/v1.0/users/delta?$skiptoken=y`,
  'https://elsewhere.example/',
);

export function deltaPage(): Decoder {
  return defineDecoder({
    name: 'delta page',
    inputs: spoiled(pages, words),
    decode: (body) =>
      orFailure(() => {
        const read = readPage(body, 7, 'groups.delta');
        must('a page has one link', (read.nextLink === undefined) !== (read.deltaLink === undefined));
        must('the number of the read is kept', read.read === 7);
        for (const object of read.objects) expectSound(object);
        const sent = (body as { value: unknown[] }).value.length;
        must('what is left out is counted', read.objects.length + read.invalid >= sent);
        return read.invalid > 0 ? 'page with gaps' : 'page';
      }),
  });
}

export function deltaObject(): Decoder {
  return defineDecoder({
    name: 'delta object',
    inputs: fc.oneof({ weight: 4, arbitrary: spoiled([user, group, ...tombstones], words) }, anyValue),
    decode(raw) {
      const read = readObject(raw);
      if (read === undefined) return 'no object';
      expectSound(read.object);
      must('it can be told whether it is readable', typeof isUnreadable(read.object) === 'boolean');
      return read.object.removed ?? (read.object.members === undefined ? 'object' : 'with members');
    },
  });
}

function expectSound(object: NonNullable<ReturnType<typeof readObject>>['object']): void {
  must('an id can stand in a path', anId.test(object.id) && object.id === object.id.toLowerCase());
  must('properties are a plain object', Object.getPrototypeOf(object.properties) === Object.prototype);
  must('no property sets a prototype', !Object.hasOwn(object.properties, '__proto__'));
  for (const member of object.members ?? []) must('so can the id of a member', anId.test(member.id));
  expectPlain(object.members);
}

/** A client whose every answer is the next of these bodies. */
function clientOf(bodies: readonly unknown[]): GraphClient {
  let at = 0;
  return {
    request(): Promise<GraphAnswer> {
      const body = bodies[at % bodies.length];
      at += 1;
      return Promise.resolve({ status: 200, headers: new Headers(), body });
    },
    throttled: (waitMs) => waitMs ?? 2_000,
    flowing: () => undefined,
    close: () => undefined,
  };
}

const batch = {
  responses: [
    { id: '2', status: 404, headers: { 'content-type': 'application/json' }, body: { error: { code: 'x' } } },
    { id: '1', status: 200, headers: {}, body: user },
    { id: '3', status: 429, headers: { 'Retry-After': '7' }, body: { error: { code: 'TooManyRequests' } } },
  ],
};

export function batchAnswer(): Decoder {
  const ids = [id(1), id(2), id(3)];
  return defineDecoder({
    name: 'batch answer',
    inputs: spoiled([batch], words),
    async decode(body) {
      const { results } = await lookUpUsers({
        client: clientOf([body]),
        ids,
        select: ['displayName'],
        beginRead: () => 1,
      });
      must('there is one result for each id', ids.every((one) => results.has(one)) && results.size === 3);
      for (const [asked, found] of results) {
        if (found.kind === 'failed') expectFailure(found.failure);
        if (found.kind === 'found') {
          must('the object is the one asked for', found.object.id === asked);
          expectSound(found.object);
        }
      }
      return [...new Set([...results.values()].map(({ kind }) => kind))].sort().join(' and ');
    },
  });
}

const subscription = {
  id: '092ba742-0000-4000-8000-000000000001',
  resource: 'users',
  changeType: 'updated,deleted',
  notificationUrl: 'https://sync.example.org/graph/notifications',
  lifecycleNotificationUrl: null,
  expirationDateTime: '2026-12-02T11:00:00Z',
  applicationId: null,
  clientState: null,
};
const list = { value: [subscription, subscription], '@odata.nextLink': null };
const nextPage = { value: [subscription], '@odata.nextLink': `${graph}/v1.0/subscriptions?$skiptoken=x` };

export function subscriptionAnswer(): Decoder {
  const expiration = new Date(0);
  const wanted = {
    resource: 'users',
    changeType: 'updated',
    notificationUrl: 'https://sync.example.org/a',
    lifecycleNotificationUrl: 'https://sync.example.org/b',
    clientState: 'x',
    expiration,
  } as const;
  return defineDecoder({
    name: 'subscription answer',
    inputs: fc.record({
      ask: fc.constantFrom('create', 'get', 'list', 'renew'),
      bodies: fc.array(spoiled([subscription, list, nextPage], words), { minLength: 1, maxLength: 2 }),
    }),
    decode: ({ ask, bodies }) =>
      orFailure(async () => {
        const client = clientOf(bodies);
        const one = {
          create: () => createSubscription(client, wanted),
          get: () => getSubscription(client, 'x'),
          renew: () => renewSubscription(client, 'x', expiration),
          list: () => listSubscriptions(client),
        }[ask];
        const found = [await one()].flat();
        for (const each of found) {
          must('its end is a time', Number.isFinite(each?.expirationDateTime.getTime()));
          must('it has an id', typeof each?.id === 'string' && each.id !== '');
          expectPlain(each);
        }
        return `${ask}: ${found.length > 2 ? 'many' : found.length}`;
      }),
  });
}

export function link(): Decoder {
  const host = fc.constantFrom(
    'graph.microsoft.com',
    'graph.microsoft.com.evil.example',
    'GRAPH.microsoft.com',
    'x@graph.microsoft.com',
    'graph.microsoft.com@evil.example',
    'graph.microsoft.com:443',
    'graph.microsoft.com:444',
    'graph.microsoft.com\\@evil.example',
    'graph.microsoft.com%2eevil.example',
    'graph.microsoft。com',
  );
  const parts = fc
    .tuple(
      fc.constantFrom(
        'https://',
        'http://',
        'HTTPS://',
        'https:',
        '//',
        'https:\\\\',
        ' https://',
        'https:///',
      ),
      host,
      anyText,
    )
    .map((all) => all.join(''));
  return defineDecoder({
    name: 'link',
    inputs: fc.oneof({ weight: 3, arbitrary: parts }, anyText),
    decode: (text) =>
      orFailure(() => {
        checkLink(text, graph, 'users.delta');
        // Only what a client would really send there.
        must('the link leads to Graph', new Request(text).url.startsWith(`${graph}/`));
        return 'followed';
      }),
  });
}

export async function orFailure(work: () => string | Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GraphFailure)) throw error;
    expectFailure(error);
    return `failure: ${error.kind}`;
  }
}

const kinds = ['transient', 'throttled', 'auth', 'gone', 'not-found', 'permanent', 'halted'];
const longestWaitMs = 86_400_000;

/** What holds of every failure, whatever it was made of. */
export function expectFailure(failure: GraphFailure): void {
  must('its kind is of the closed set', kinds.includes(failure.kind));
  must('it has advice', failure.advice.length > 10 && failure.what.length > 10);
  const { retryAfterMs: wait } = failure;
  must('its wait is bounded', wait === undefined || (wait > 0 && wait <= longestWaitMs));
  must('its message has one line', !/[\u0000-\u001f\u007f]/.test(failure.message));
  must('its message is bounded', failure.message.length < 2_000);
  must('its request id is bounded', (failure.requestId?.length ?? 0) <= 200);
  must('its link is hidden', !Object.keys(failure).includes('location'));
}
