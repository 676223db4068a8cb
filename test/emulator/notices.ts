// Owns the shapes of notifications: change items for users and groups, and lifecycle items.
import type { Directory, LogEntry } from './directory.ts';
import { graphTime } from './graph-time.ts';
import { indexOfRef, kindOfRef } from './members.ts';
import type { Random } from './random.ts';
import type { Subscription } from './subscriptions.ts';

export type Notice = Record<string, unknown>;

export type LifecycleEvent = 'missed' | 'subscriptionRemoved' | 'reauthorizationRequired' | (string & {});

/** What a change means to a subscription: soft deletion is `updated`, only permanent deletion is `deleted`. */
export function changeTypeOf(entry: LogEntry): 'updated' | 'deleted' {
  return entry.operation === 'purged' ? 'deleted' : 'updated';
}

/** Whether the subscription covers the change. */
export function covers(directory: Directory, subscription: Subscription, entry: LogEntry): boolean {
  if (!subscription.changeTypes.includes(changeTypeOf(entry))) return false;
  const [collection, id, relation] = subscription.target.split('/');
  if (collection !== (entry.kind === 'user' ? 'users' : entry.kind === 'group' ? 'groups' : '')) return false;
  if (id !== undefined && id !== directory.idOf(entry.kind, entry.index)) return false;
  return relation === undefined || (relation === 'members' && entry.operation === 'members');
}

/** Writes one change item. `noisy`: members who left are first named as added, as captured from the real service. */
export function writeNotice(
  directory: Directory,
  subscription: Subscription,
  entry: LogEntry,
  options: { tenantId: string; random: Random; noisy: boolean },
): Notice {
  const id = directory.idOf(entry.kind, entry.index);
  const user = entry.kind === 'user';
  const path = `${user ? 'Users' : 'Groups'}/${id}`;
  const members = entry.members.flatMap(({ ref, added }) => {
    const member = { id: directory.idOf(kindOfRef(ref), indexOfRef(ref)) };
    if (added) return [member];
    const left = { ...member, '@removed': 'deleted' };
    return options.noisy ? [member, left] : [left];
  });
  return {
    changeType: changeTypeOf(entry),
    ...(subscription.clientState === null ? {} : { clientState: subscription.clientState }),
    resource: path,
    resourceData: {
      '@odata.type': user ? '#Microsoft.Graph.User' : '#Microsoft.Graph.Group',
      '@odata.id': path,
      id,
      organizationId: options.tenantId,
      ...(members.length > 0 ? { 'members@delta': members } : {}),
    },
    subscriptionExpirationDateTime: graphTime(subscription.expires, options.random),
    subscriptionId: subscription.id,
    tenantId: options.tenantId,
  };
}

/** Writes one lifecycle item: it has neither resource nor change type. */
export function writeLifecycleNotice(
  subscription: Subscription,
  event: LifecycleEvent,
  options: { tenantId: string; random: Random },
): Notice {
  return {
    subscriptionId: subscription.id,
    subscriptionExpirationDateTime: graphTime(subscription.expires, options.random),
    tenantId: options.tenantId,
    ...(subscription.clientState === null ? {} : { clientState: subscription.clientState }),
    lifecycleEvent: event,
  };
}
