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

/** Lifecycle items have neither resource nor change type; unknown members are of no concern. */
const itemSchema = z.object({
  subscriptionId: z.string().min(1).max(128),
  tenantId: z.string().max(128),
  clientState: z.string().max(255).nullish(),
  changeType: z.string().max(64).nullish(),
  lifecycleEvent: z.string().max(64).nullish(),
  resource: z.string().max(1024).nullish(),
  resourceData: z.object({ id: z.string().max(128).nullish() }).nullish(),
});

type Item = z.infer<typeof itemSchema>;

/**
 * Items that a request may have rejected: after a close look, and at first sight. Whatever follows is not looked at:
 * Graph sends no such batch, and one of 4 MiB must not stop the door.
 */
const mostCloseLooks = 20_000;
const mostMalformed = 100_000;

export const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The items of a batch, or undefined where the body is none. */
export function readBatch(body: unknown): readonly unknown[] | undefined {
  if (!isRecord(body) || Array.isArray(body)) return undefined;
  const { value } = body;
  return Array.isArray(value) ? (value as unknown[]) : undefined;
}

/** Judges the items of one batch, each on its own. */
export interface BatchJudge {
  see(raw: unknown): void;
  /** The same for what is known to be malformed. */
  seeMalformed(): void;
  /** Whether so much was rejected that the rest is not worth a look. */
  readonly isFull: boolean;
  /** The verdicts on all that was seen. */
  verdicts(): InboxItem[];
}

/**
 * Makes a judge for one batch. Rejected items of one kind are counted in one row: a forged batch of a million items
 * must not become a million rows.
 * @see https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
 */
export function createBatchJudge(options: JudgeOptions): BatchJudge {
  const accepted: InboxItem[] = [];
  const rejected = new Map<string, InboxItem>();
  const judging: Judging = { find: rememberDigests(options.findSubscription), tenantId: options.tenantId() };
  let malformed = 0;
  let closeLooks = 0;

  function add(item: InboxItem): void {
    const sort = `${item.kind} ${item.verdict}`;
    const alike = rejected.get(sort);
    rejected.set(sort, alike ? { ...alike, count: alike.count + item.count } : item);
  }

  return {
    get isFull() {
      return closeLooks >= mostCloseLooks || malformed >= mostMalformed;
    },
    seeMalformed: () => void (malformed += 1),
    see(raw) {
      if (!looksLikeItem(raw)) {
        malformed += 1;
        return;
      }
      const judged = judgeItem(raw, judging);
      if (judged.verdict === 'accepted') {
        accepted.push(judged);
        return;
      }
      closeLooks += 1;
      add(judged);
    },
    verdicts() {
      if (malformed > 0) add({ ...verdictOn('malformed'), count: malformed });
      malformed = 0;
      return [...accepted, ...rejected.values()];
    },
  };
}

/** The verdicts on all items of a batch. */
export function judgeBatch(items: readonly unknown[], options: JudgeOptions): InboxItem[] {
  const judge = createBatchJudge(options);
  for (const item of items) judge.see(item);
  return judge.verdicts();
}

interface Judging {
  readonly find: (id: string) => (KnownSubscription & { readonly digest: Buffer }) | undefined;
  readonly tenantId: string | undefined;
}

/** Each subscription is looked up, and its client state digested, once for a batch. */
function rememberDigests(find: JudgeOptions['findSubscription']): Judging['find'] {
  const known = new Map<string, ReturnType<Judging['find']>>();
  return (id) => {
    if (known.has(id)) return known.get(id);
    const found = find(id);
    const entry = found && { ...found, digest: digest(found.clientState) };
    known.set(id, entry);
    return entry;
  };
}

/** What costs next to nothing to see: without these two members an item is malformed. */
function looksLikeItem(raw: unknown): boolean {
  if (!isRecord(raw)) return false;
  const { subscriptionId, tenantId } = raw;
  return typeof subscriptionId === 'string' && subscriptionId !== '' && typeof tenantId === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function judgeItem(raw: unknown, { find, tenantId }: Judging): InboxItem {
  const parsed = itemSchema.safeParse(raw);
  if (!parsed.success) return verdictOn('malformed');
  const item = parsed.data;
  const subscription = find(item.subscriptionId);
  if (!subscription) return verdictOn('unknown-subscription', item);
  if (!timingSafeEqual(digest(item.clientState ?? ''), subscription.digest))
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

/** Digests are compared, so that neither the length nor the first difference shows in the time taken. */
function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
