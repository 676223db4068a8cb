// Owns the delivery of notifications: queues by URL, batches, deadlines, retries, and the ways in which delivery goes wrong.
import { drawSize } from './delta-plan.ts';
import type { Size } from './delta-plan.ts';
import type { Notice } from './notices.ts';
import type { Poster } from './poster.ts';
import { shuffle } from './random.ts';
import type { Random } from './random.ts';
import type { Reputation } from './reputation.ts';

export type DeliverySettings = {
  /** Ms between a change and its notification. */
  delayMs: Size;
  /** `updated` items for one change of a user; Graph sends one for each set of properties. */
  itemsPerChange: Size;
  /** Items in one POST. */
  maxBatch: number;
  /** POSTs under way to one URL. */
  parallel: number;
  /** Probability that an item is sent a second time, some ms later. */
  duplicates: number;
  /** Items leave in no order. */
  reorder: boolean;
  /** Probability that an item is never sent. 1 drops all. */
  drops: number;
  /** Share of removals that also name the member as added. */
  noisyMembers: number;
  /** Deadline of the first attempt and of retries, in ms. */
  firstTimeoutMs: number;
  retryTimeoutMs: number;
  /** First wait before a retry; it doubles up to the maximum, for four hours in all. */
  retryBaseMs: number;
  retryMaxMs: number;
  giveUpAfterMs: number;
  /** How late notifications come for an endpoint that is judged slow. */
  slowDelayMs: number;
};

export const defaultDeliverySettings: DeliverySettings = {
  delayMs: 0,
  itemsPerChange: [1, 3],
  maxBatch: 100,
  parallel: 4,
  duplicates: 0,
  reorder: false,
  drops: 0,
  noisyMembers: 0.25,
  firstTimeoutMs: 3000,
  retryTimeoutMs: 10_000,
  retryBaseMs: 1000,
  retryMaxMs: 600_000,
  giveUpAfterMs: 4 * 3_600_000,
  slowDelayMs: 600_000,
};

export type Item = { url: string; notice: Notice; seq: number | null };

export type DeliveryCounts = {
  posts: number;
  items: number;
  acknowledged: number;
  failedPosts: number;
  dropped: number;
  givenUp: number;
  statuses: Record<string, number>;
};

export type Delivery = {
  enqueue(items: readonly Item[]): void;
  /** Keeps everything back until `release`. */
  hold(): void;
  release(): void;
  /** Sends again everything sent since change `seq`; for replays hours later. */
  replay(sinceSeq: number): number;
  /** Items queued, held, waiting or under way. */
  pending(): number;
  counts: DeliveryCounts;
  /** Durations of answered POSTs in ms, the newest 100,000. */
  durations: number[];
  /** Wall clock (ms) at which the first notification of a change left, by `seq`. */
  sentAt: Map<number, number>;
  acknowledgedAt: Map<number, number>;
  close(): void;
};

/** Makes the delivery service. */
export function createDelivery(context: {
  settings: DeliverySettings;
  poster: Poster;
  random: Random;
  reputation: Reputation;
}): Delivery {
  const { settings, poster, random, reputation } = context;
  const queues = new Map<string, { items: Item[]; active: number }>();
  const timers = new Set<NodeJS.Timeout>();
  const history: Item[] = [];
  const sentAt = new Map<number, number>();
  const acknowledgedAt = new Map<number, number>();
  const durations: number[] = [];
  const counts: DeliveryCounts = {
    posts: 0,
    items: 0,
    acknowledged: 0,
    failedPosts: 0,
    dropped: 0,
    givenUp: 0,
    statuses: {},
  };
  let held: Item[] | null = null;
  let waiting = 0;
  let underWay = 0;
  let closed = false;

  const later = (ms: number, items: number, act: () => void): void => {
    waiting += items;
    const timer = setTimeout(() => {
      timers.delete(timer);
      waiting -= items;
      if (!closed) act();
    }, ms);
    timers.add(timer);
  };

  const push = (item: Item): void => {
    let queue = queues.get(item.url);
    if (!queue) queues.set(item.url, (queue = { items: [], active: 0 }));
    queue.items.push(item);
    if (queue.items.length === 1) setImmediate(() => pump(item.url));
  };

  const pump = (url: string): void => {
    const queue = queues.get(url);
    while (queue && !closed && queue.items.length > 0 && queue.active < settings.parallel) {
      if (settings.reorder) shuffle(queue.items, random);
      const batch = queue.items.splice(0, settings.maxBatch);
      queue.active += 1;
      void attempt(url, batch, 1, Date.now()).finally(() => {
        queue.active -= 1;
        pump(url);
      });
    }
  };

  const attempt = async (url: string, batch: Item[], count: number, since: number): Promise<void> => {
    const now = Date.now();
    for (const { seq } of batch) if (seq !== null && !sentAt.has(seq)) sentAt.set(seq, now);
    counts.posts += 1;
    counts.items += batch.length;
    underWay += batch.length;
    const { host } = new URL(url);
    const timeout = count === 1 ? settings.firstTimeoutMs : settings.retryTimeoutMs;
    const body = JSON.stringify({ value: batch.map(({ notice }) => notice) });
    let status: string;
    try {
      const answer = await poster.post(url, 'application/json; charset=utf-8', body, timeout);
      status = `${answer.status}`;
      reputation.record(host, answer.ms);
      durations.push(answer.ms);
      if (durations.length > 100_000) durations.splice(0, 50_000);
    } catch {
      status = 'none';
      // A refused connection is no slow answer; only waiting in vain is.
      if (Date.now() - now >= timeout) reputation.record(host, Date.now() - now + 1);
    }
    underWay -= batch.length;
    counts.statuses[status] = (counts.statuses[status] ?? 0) + 1;
    if (closed) return;
    if (/^2\d\d$/.test(status)) {
      counts.acknowledged += batch.length;
      const at = Date.now();
      for (const { seq } of batch) if (seq !== null && !acknowledgedAt.has(seq)) acknowledgedAt.set(seq, at);
      return;
    }
    counts.failedPosts += 1;
    const wait =
      Math.min(settings.retryMaxMs, settings.retryBaseMs * 2 ** (count - 1)) * (0.8 + random.next() * 0.4);
    if (Date.now() + wait - since > settings.giveUpAfterMs) {
      counts.givenUp += batch.length;
      return;
    }
    later(wait, batch.length, () => void attempt(url, batch, count + 1, since));
  };

  const send = (item: Item): void => {
    const standing = reputation.standing(new URL(item.url).host);
    if (standing === 'drop' || random.chance(settings.drops)) {
      counts.dropped += 1;
      return;
    }
    history.push(item);
    if (history.length > 200_000) history.splice(0, 100_000);
    const delay = drawSize(settings.delayMs, random) + (standing === 'slow' ? settings.slowDelayMs : 0);
    if (delay > 0) later(delay, 1, () => push(item));
    else push(item);
    if (random.chance(settings.duplicates)) later(delay + random.int(1, 500), 1, () => push(item));
  };

  return {
    counts,
    durations,
    sentAt,
    acknowledgedAt,
    enqueue: (items) => {
      if (held) held.push(...items);
      else items.forEach(send);
    },
    hold: () => {
      held ??= [];
    },
    release: () => {
      const items = held ?? [];
      held = null;
      items.forEach(send);
    },
    replay: (sinceSeq) => {
      const again = history.filter(({ seq }) => seq !== null && seq >= sinceSeq);
      for (const item of settings.reorder ? shuffle([...again], random) : again) push(item);
      return again.length;
    },
    pending: () => {
      const queued = [...queues.values()].reduce((sum, queue) => sum + queue.items.length, 0);
      return queued + waiting + underWay + (held?.length ?? 0);
    },
    close: () => {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
