// Owns the subscriptions at Graph: made, read, renewed and deleted, one request each.
import type { z } from 'zod';
import type { GraphClient } from './client.ts';
import { GraphFailure, unreadable } from './errors.ts';
import { listEnvelopeSchema, subscriptionSchema } from './shapes.ts';

export interface GraphSubscription {
  readonly id: string;
  /** As Graph spells it, which can differ from what was sent: compare with `sameResource`. */
  readonly resource: string;
  /** Comma list; compare with `sameChangeTypes`. */
  readonly changeType: string;
  readonly notificationUrl: string;
  readonly lifecycleNotificationUrl?: string;
  /** As Graph granted it, which can be earlier or later than asked for. */
  readonly expirationDateTime: Date;
  readonly applicationId?: string;
}

export interface NewSubscription {
  readonly resource: 'users' | 'groups';
  /** For users and groups only `updated` and `deleted` are supported. */
  readonly changeType: string;
  readonly notificationUrl: string;
  readonly lifecycleNotificationUrl: string;
  /** Secret, at most 128 characters; cannot be read back. */
  readonly clientState: string;
  /** At most 41,760 minutes ahead. */
  readonly expiration: Date;
}

const mostListPages = 100;

/**
 * Makes a subscription. Graph calls both addresses while this is under way and gives up after ten seconds each, so the
 * public door must already be open.
 * @throws {GraphFailure} `permanent` with status 409 when one of this resource and change type exists, or with 400 when
 * an address did not answer Graph's handshake.
 * @see https://learn.microsoft.com/graph/api/subscription-post-subscriptions
 */
export async function createSubscription(
  client: GraphClient,
  wanted: NewSubscription,
  signal?: AbortSignal,
): Promise<GraphSubscription> {
  const operation = 'subscriptions.create';
  const { expiration, ...fields } = wanted;
  const body = { ...fields, expirationDateTime: expiration.toISOString(), latestSupportedTlsVersion: 'v1_2' };
  const answer = await client.request({ operation, method: 'POST', path: '/subscriptions', body, signal });
  return readSubscription(answer.body, operation);
}

/**
 * All subscriptions of this application in this tenant. Entries that cannot be read are left out.
 * @throws {GraphFailure} of any kind.
 */
export async function listSubscriptions(
  client: GraphClient,
  signal?: AbortSignal,
): Promise<GraphSubscription[]> {
  const operation = 'subscriptions.list';
  const found: GraphSubscription[] = [];
  let where: { path: string } | { link: string } = { path: '/subscriptions' };
  for (let page = 0; page < mostListPages; page += 1) {
    const answer = await client.request({ operation, ...where, signal });
    const envelope = listEnvelopeSchema.safeParse(answer.body);
    if (!envelope.success) throw unreadable(operation, 'it is no list');
    for (const raw of envelope.data.value) {
      const entry = subscriptionSchema.safeParse(raw);
      if (entry.success) found.push(toSubscription(entry.data));
    }
    const link = envelope.data['@odata.nextLink'];
    if (!link) return found;
    where = { link };
  }
  throw unreadable(operation, `it has more than ${mostListPages} pages`);
}

/** One subscription; `undefined` when Graph no longer has it. @throws {GraphFailure} of any other kind. */
export async function getSubscription(
  client: GraphClient,
  id: string,
  signal?: AbortSignal,
): Promise<GraphSubscription | undefined> {
  const operation = 'subscriptions.get';
  return unlessNotFound(async () => {
    const answer = await client.request({ operation, path: pathOf(id), signal });
    return readSubscription(answer.body, operation);
  });
}

/**
 * Moves the end of a subscription, which also reauthorises it. Must not be followed by a second renewal or a
 * reauthorisation of the same subscription within ten minutes.
 * @throws {GraphFailure} `not-found` when it has vanished: make a new one, then read what was missed.
 * @see https://learn.microsoft.com/graph/change-notifications-lifecycle-events
 */
export async function renewSubscription(
  client: GraphClient,
  id: string,
  expiration: Date,
  signal?: AbortSignal,
): Promise<GraphSubscription> {
  const operation = 'subscriptions.renew';
  const body = { expirationDateTime: expiration.toISOString() };
  const answer = await client.request({ operation, method: 'PATCH', path: pathOf(id), body, signal });
  return readSubscription(answer.body, operation);
}

/** Deletes a subscription; one that has gone already counts as deleted. @throws {GraphFailure} of any other kind. */
export async function deleteSubscription(
  client: GraphClient,
  id: string,
  signal?: AbortSignal,
): Promise<void> {
  await unlessNotFound(() =>
    client.request({ operation: 'subscriptions.delete', method: 'DELETE', path: pathOf(id), signal }),
  );
}

/** Whether two resources are the same: Graph answers `Users` or `/users` to `users`. */
export function sameResource(one: string, other: string): boolean {
  return plainResource(one) === plainResource(other);
}

/** A resource in lower case and without slashes at its ends. */
export function plainResource(resource: string): string {
  return resource
    .trim()
    .toLowerCase()
    .replace(/^\/+|\/+$/g, '');
}

/** Whether two lists of change types hold the same, in whatever order. */
export function sameChangeTypes(one: string, other: string): boolean {
  const plain = (list: string) =>
    [
      ...new Set(
        list
          .toLowerCase()
          .split(',')
          .map((type) => type.trim()),
      ),
    ]
      .sort()
      .join(',');
  return plain(one) === plain(other);
}

function pathOf(id: string): string {
  return `/subscriptions/${encodeURIComponent(id)}`;
}

function readSubscription(body: unknown, operation: string): GraphSubscription {
  const parsed = subscriptionSchema.safeParse(body);
  if (!parsed.success) throw unreadable(operation, 'it is no subscription');
  return toSubscription(parsed.data);
}

function toSubscription(raw: z.infer<typeof subscriptionSchema>): GraphSubscription {
  const {
    id,
    resource,
    changeType,
    notificationUrl,
    lifecycleNotificationUrl,
    expirationDateTime,
    applicationId,
  } = raw;
  return {
    id,
    resource,
    changeType,
    notificationUrl,
    expirationDateTime,
    ...(lifecycleNotificationUrl && { lifecycleNotificationUrl }),
    ...(applicationId && { applicationId }),
  };
}

async function unlessNotFound<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GraphFailure && error.kind === 'not-found') return undefined;
    throw error;
  }
}
