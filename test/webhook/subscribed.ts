// Owns the tenant and the two subscriptions of the public door's tests.
import type { StateRooms } from '../../src/state/rooms.ts';

export const tenantId = '7d96d549-0000-4000-8000-000000000001';
export const secretOf = { users: 'secret-of-the-users', groups: 'secret-of-the-groups' } as const;
export const subscriptionOf = {
  users: '092ba742-0000-4000-8000-000000000001',
  groups: '092ba742-0000-4000-8000-000000000002',
} as const;

export function saveSubscriptions(rooms: StateRooms): void {
  for (const resource of ['users', 'groups'] as const) {
    rooms.subscriptions.save({
      id: subscriptionOf[resource],
      resource,
      clientState: secretOf[resource],
      notificationUrl: 'https://example.org/graph/notifications',
      expiresAt: 9e12,
      createdAt: 0,
      touchedAt: 0,
      challengedAt: null,
      lostAt: null,
    });
  }
}
