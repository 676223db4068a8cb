// Owns notifications in Graph's shapes.
import { id } from '../helpers/ids.ts';
import { secretOf, subscriptionOf, tenantId } from './subscribed.ts';

export type Item = Record<string, unknown>;

/** As captured from Graph: no id of its own, capitals in the resource. */
export function userItem(number: number, changes: Item = {}): Item {
  return {
    changeType: 'updated',
    clientState: secretOf.users,
    resource: `Users/${id(number)}`,
    resourceData: {
      '@odata.type': '#Microsoft.Graph.User',
      '@odata.id': `Users/${id(number)}`,
      id: id(number),
      organizationId: tenantId,
    },
    subscriptionExpirationDateTime: '2026-12-02T11:00:00+00:00',
    subscriptionId: subscriptionOf.users,
    tenantId,
    ...changes,
  };
}

export function groupItem(number: number, changes: Item = {}, data: Item = {}): Item {
  return {
    ...userItem(number),
    clientState: secretOf.groups,
    resource: `Groups/${id(number)}`,
    resourceData: {
      '@odata.type': '#Microsoft.Graph.Group',
      '@odata.id': `Groups/${id(number)}`,
      id: id(number),
      organizationId: tenantId,
      ...data,
    },
    subscriptionId: subscriptionOf.groups,
    ...changes,
  };
}

/** Neither resource, nor its data, nor a change type. */
export function lifecycleItem(event: string, changes: Item = {}): Item {
  return {
    subscriptionId: subscriptionOf.users,
    subscriptionExpirationDateTime: '2026-12-02T11:00:00.0000000Z',
    tenantId,
    clientState: secretOf.users,
    lifecycleEvent: event,
    ...changes,
  };
}
