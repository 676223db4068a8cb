// Owns the verdict on each item of a batch: is it ours, is it genuine, and what does it say to look at again.
import { hash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { InboxItem, StreamName, Verdict } from '../state/inbox.ts';

/** What is known of a subscription. */
export interface KnownSubscription {
  readonly resource: StreamName;
  readonly clientState: string;
}

export interface JudgeOptions {
  readonly findSubscription: (id: string) => KnownSubscription | undefined;
  /** The tenant's GUID, lower case; undefined while it is not known. */
  readonly tenantId: () => string | undefined;
}

/** `{"value": […]}`; anything else is no batch. */
const batchSchema = z.looseObject({ value: z.array(z.unknown()) });

/** Lifecycle items have neither resource nor change type; unknown members are of no concern. */
const itemSchema = z.looseObject({
  subscriptionId: z.string().min(1).max(128),
  tenantId: z.string().max(128),
  clientState: z.string().max(255).nullish(),
  changeType: z.string().max(64).nullish(),
  lifecycleEvent: z.string().max(64).nullish(),
  resource: z.string().max(1024).nullish(),
  resourceData: z.looseObject({ id: z.string().max(128).nullish() }).nullish(),
});

type Item = z.infer<typeof itemSchema>;

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The items of a batch, or undefined where the body is none. */
export function readBatch(body: unknown): readonly unknown[] | undefined {
  const batch = batchSchema.safeParse(body);
  return batch.success ? batch.data.value : undefined;
}

/**
 * Judges every item on its own. Rejected items of one kind are counted in one row: a forged batch of a million items
 * must not become a million rows.
 * @see https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
 */
export function judgeBatch(items: readonly unknown[], options: JudgeOptions): InboxItem[] {
  const accepted: InboxItem[] = [];
  const rejected = new Map<string, InboxItem>();
  const tenantId = options.tenantId();
  for (const raw of items) {
    const judged = judgeItem(raw, options.findSubscription, tenantId);
    if (judged.verdict === 'accepted') accepted.push(judged);
    else {
      const sort = `${judged.kind} ${judged.verdict}`;
      const alike = rejected.get(sort);
      rejected.set(sort, alike ? { ...alike, count: alike.count + 1 } : judged);
    }
  }
  return [...accepted, ...rejected.values()];
}

function judgeItem(
  raw: unknown,
  find: (id: string) => KnownSubscription | undefined,
  tenantId: string | undefined,
): InboxItem {
  const parsed = itemSchema.safeParse(raw);
  if (!parsed.success) return verdictOn('malformed');
  const item = parsed.data;
  const subscription = find(item.subscriptionId);
  if (!subscription) return verdictOn('unknown-subscription', item);
  if (!isSameSecret(item.clientState ?? '', subscription.clientState))
    return verdictOn('wrong-client-state', item);
  if (tenantId !== undefined && item.tenantId.toLowerCase() !== tenantId)
    return verdictOn('wrong-tenant', item);
  if (isLifecycle(item)) return { ...verdictOn('accepted', item), resource: subscription.resource };
  const path = splitResource(item.resource ?? '');
  if (path.collection !== subscription.resource) return verdictOn('wrong-resource', item);
  const named = path.id ?? item.resourceData?.id?.toLowerCase();
  return {
    ...verdictOn('accepted', item),
    resource: subscription.resource,
    objectId: named !== undefined && guid.test(named) ? named : null,
  };
}

const isLifecycle = (item: Item): boolean =>
  item.lifecycleEvent !== undefined && item.lifecycleEvent !== null;

function verdictOn(verdict: Verdict, item?: Item): InboxItem {
  return {
    verdict,
    kind: item === undefined ? 'unknown' : isLifecycle(item) ? 'lifecycle' : 'change',
    subscriptionId: item?.subscriptionId ?? null,
    event: item?.lifecycleEvent ?? item?.changeType ?? null,
    resource: null,
    objectId: null,
    count: 1,
  };
}

/** `Users/{id}`, `/groups/{id}`, `users('{id}')`: Graph's spelling differs from place to place. */
function splitResource(resource: string): { collection: string; id: string | undefined } {
  const match = /^\/?([a-z]+)(?:\/|\(')?([0-9a-f-]{36})?/.exec(resource.toLowerCase());
  return { collection: match?.[1] ?? '', id: match?.[2] };
}

/** Compares digests, so that neither the length nor the first difference shows in the time taken. */
function isSameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
  return timingSafeEqual(digest(given), digest(expected));
}
