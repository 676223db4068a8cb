// Owns which notifications a change causes, and lifecycle events on demand.
import { drawSize } from './delta-plan.ts';
import type { Delivery, DeliverySettings, Item } from './delivery.ts';
import type { Directory, LogEntry } from './directory.ts';
import { changeTypeOf, covers, writeLifecycleNotice, writeNotice } from './notices.ts';
import type { LifecycleEvent, Notice } from './notices.ts';
import type { Random } from './random.ts';
import type { Subscription, Subscriptions } from './subscriptions.ts';

export type Notifier = {
  /** Queues what the live subscriptions are told about a change. */
  announce(entry: LogEntry): void;
  /** Lets go what waited for a paused subscription. */
  resume(subscription: Subscription): void;
  /** Sends a lifecycle event to all subscriptions or one; gives the number sent. */
  lifecycle(event: LifecycleEvent, options: { subscriptionId?: string; pause?: 'hold' | 'lose' }): number;
  /** A well-formed change item for a subscription, for tests that compose their own batches. */
  sample(subscriptionId: string, entry: LogEntry): Notice;
};

/** Makes the notifier. */
export function createNotifier(context: {
  directory: Directory;
  subscriptions: Subscriptions;
  delivery: Delivery;
  settings: DeliverySettings;
  random: Random;
  tenantId: string;
}): Notifier {
  const { directory, subscriptions, delivery, settings, random, tenantId } = context;
  const waiting = new Map<string, Item[]>();

  const write = (subscription: Subscription, entry: LogEntry): Notice =>
    writeNotice(directory, subscription, entry, {
      tenantId,
      random,
      noisy: random.chance(settings.noisyMembers),
    });

  return {
    announce: (entry) => {
      const items: Item[] = [];
      for (const subscription of subscriptions.live()) {
        if (!covers(directory, subscription, entry) || subscription.paused === 'lose') continue;
        const many = changeTypeOf(entry) === 'updated' && entry.kind === 'user';
        const copies = many ? Math.max(1, drawSize(settings.itemsPerChange, random)) : 1;
        const own: Item[] = [];
        for (let i = 0; i < copies; i++) {
          own.push({ url: subscription.notificationUrl, notice: write(subscription, entry), seq: entry.seq });
        }
        if (subscription.paused === 'hold')
          waiting.set(subscription.id, [...(waiting.get(subscription.id) ?? []), ...own]);
        else items.push(...own);
      }
      delivery.enqueue(items);
    },
    resume: (subscription) => {
      delivery.enqueue(waiting.get(subscription.id) ?? []);
      waiting.delete(subscription.id);
    },
    lifecycle: (event, options) => {
      const chosen = subscriptions
        .live()
        .filter(({ id }) => options.subscriptionId === undefined || id === options.subscriptionId);
      const items: Item[] = [];
      for (const subscription of chosen) {
        if (options.pause) subscription.paused = options.pause;
        const url = subscription.lifecycleNotificationUrl;
        if (url)
          items.push({
            url,
            notice: writeLifecycleNotice(subscription, event, { tenantId, random }),
            seq: null,
          });
        if (event === 'subscriptionRemoved') subscriptions.vanish(subscription.id);
      }
      delivery.enqueue(items);
      return items.length;
    },
    sample: (subscriptionId, entry) => {
      const subscription = subscriptions.live().find(({ id }) => id === subscriptionId);
      if (!subscription) throw new Error(`There is no live subscription ${subscriptionId}.`);
      return write(subscription, entry);
    },
  };
}
