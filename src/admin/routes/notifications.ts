// Owns the routes about the inbox: what Microsoft sent, the verdict on it, and one more look at an object.
import { z } from 'zod';
import { getNotification, listNotifications, type NotificationRow } from '../../state/notification-log.ts';
import { iso, isoOrNull } from '../../sync/status.ts';
import type { AdminOptions } from '../options.ts';
import { Problem } from '../problem.ts';
import { defineRoute, page, pageOf, type Route } from '../route.ts';

const verdicts = [
  'accepted',
  'malformed',
  'unknown-subscription',
  'wrong-client-state',
  'wrong-tenant',
  'wrong-resource',
] as const;

export function notificationRoutes({ rooms, engine, now }: AdminOptions): Route[] {
  return [
    defineRoute({
      method: 'get',
      path: '/api/notifications',
      tag: 'notifications',
      summary: 'The inbox with verdicts, newest first; `nextLookAt` while an object is still to be looked at',
      query: z.object({
        verdict: z
          .enum(verdicts, `must be one of ${verdicts.join(', ')}`)
          .optional()
          .meta({ description: 'Only these' }),
        ...page,
      }),
      answers: { 200: '`items` and `nextCursor`, which is null at the end' },
      handle({ query: { verdict, limit, cursor } }, c) {
        const rows = listNotifications(rooms.state, { verdict, before: cursor, limit });
        const { items, nextCursor } = pageOf(rows, limit, (row) => row.id);
        return c.json({ items: items.map(describeNotification), nextCursor });
      },
    }),
    defineRoute({
      method: 'post',
      path: '/api/notifications/:id/retry',
      tag: 'notifications',
      summary: 'Looks at the object again that a notification names',
      params: z.object({
        id: z.coerce
          .number('must be the number of a notification')
          .int('must be the number of a notification')
          .meta({ description: 'The notification' }),
      }),
      answers: {
        202: 'The object is looked at next',
        404: 'No such notification',
        409: 'It names no object',
      },
      handle({ params: { id } }, c) {
        const row = getNotification(rooms.state, id);
        if (row === undefined)
          throw new Problem(404, `There is no notification ${id}; old ones are forgotten after 30 days.`);
        if (row.resource === null || row.objectId === null)
          throw new Problem(
            409,
            `Notification ${id} names no user or group, so there is nothing to look at again.`,
          );
        rooms.inbox.lookAt(row.resource, [row.objectId], now());
        engine.notified();
        return c.json({ id, resource: row.resource, objectId: row.objectId }, 202);
      },
    }),
  ];
}

function describeNotification(row: NotificationRow) {
  return {
    ...row,
    status: row.verdict === 'accepted' ? 'accepted' : 'rejected',
    receivedAt: iso(row.receivedAt),
    nextLookAt: isoOrNull(row.nextLookAt),
  };
}
