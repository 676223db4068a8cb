// Owns the routes about the service itself: status, metrics, subscriptions, the renewal job.
import { createStatusReader, describeSubscriptions } from '../../sync/status.ts';
import type { AdminOptions } from '../options.ts';
import { defineRoute, type Route } from '../route.ts';

export function serviceRoutes({ rooms, engine, metrics, now }: AdminOptions): Route[] {
  const readStatus = createStatusReader({ rooms, engine, metrics, now });
  metrics.beforeRender(() => {
    for (const one of describeSubscriptions(rooms, now())) {
      metrics.setSubscriptionExpiry(one.resource, one.expiresInSeconds);
    }
  });
  return [
    defineRoute({
      method: 'get',
      path: '/metrics',
      tag: 'service',
      summary: 'Numbers for Prometheus',
      answers: { 200: 'The page in the text format of Prometheus' },
      async handle(_, c) {
        const { contentType, body } = await metrics.render();
        return c.body(body, 200, { 'content-type': contentType });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/api/status',
      tag: 'service',
      summary: 'Mode, problems, subscriptions, streams, inbox, targets, holds, last runs, delays, counts',
      answers: { 200: 'The status; `problems` is empty when all is well' },
      handle: (_, c) => c.json(readStatus()),
    }),
    defineRoute({
      method: 'get',
      path: '/api/subscriptions',
      tag: 'subscriptions',
      summary: 'The subscriptions at Microsoft Graph, with expiry',
      answers: { 200: '`items`' },
      handle: (_, c) => c.json({ items: describeSubscriptions(rooms, now()) }),
    }),
    defineRoute({
      method: 'post',
      path: '/api/subscriptions/renew',
      tag: 'subscriptions',
      summary: 'Runs the renewal job now: creates, adopts or renews what is due',
      answers: { 202: 'Asked for; `runId` names the run' },
      handle(_, c) {
        const run = rooms.runs.request({ kind: 'renew', requestedBy: 'api' }, now());
        engine.asked();
        return c.json({ runId: run.id }, 202);
      },
    }),
  ];
}
