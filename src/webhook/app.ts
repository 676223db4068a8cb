// Owns the public door: Microsoft's handshake, and notifications acknowledged once they are stored.
import { Hono } from 'hono';
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { InboxItem } from '../state/inbox.ts';
import { judgeBatch, type JudgeOptions, readBatch } from './judge.ts';
import type { Store } from './store.ts';

export interface WebhookOptions extends JudgeOptions {
  readonly store: Store;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'countNotification'>;
}

export const notificationsPath = '/graph/notifications';
export const lifecyclePath = '/graph/lifecycle';

const largestBody = 4 * 1024 * 1024;
const reportedEveryMs = 60_000;

/**
 * The Hono application of the public door. Both routes take both kinds of item, since Graph may send either to
 * either. Statuses: 200 handshake, 202 stored, 400 no batch, 413 too large, 415 no JSON, 503 not stored.
 */
export function createWebhook(options: WebhookOptions): Hono {
  const { store, log, metrics } = options;
  const app = new Hono();
  const limit = bodyLimit({ maxSize: largestBody, onError: (c) => c.body(null, 413) });
  const report = createReporter(log);

  app.get('/healthz', (c) => c.text('ok'));

  for (const path of [notificationsPath, lifecyclePath]) {
    app.post(path, answerHandshake, limit, async function receive(c) {
      if (!isJson(c.req.header('content-type'))) return c.body(null, 415);
      const batch = readBatch(await readJson(c));
      if (batch === undefined) return c.body(null, 400);
      const items = judgeBatch(batch, options);
      try {
        await store.put(items);
      } catch (error) {
        log.error('Notifications could not be stored; Microsoft sends them again', {
          error,
          advice: 'Look at the disk of STATE_PATH: space, rights, errors.',
        });
        return c.body(null, 503);
      }
      for (const item of items) metrics.countNotification(item.kind, item.verdict, item.count);
      report(items);
      return c.body(null, 202);
    });
  }
  app.notFound((c) => c.body(null, 404));
  app.onError((error, c) => {
    log.error('A request to the public door failed', { error });
    return c.body(null, 503);
  });
  return app;
}

/**
 * The token comes back decoded once and otherwise untouched, as plain text that no browser takes for a page.
 * @see https://learn.microsoft.com/graph/change-notifications-delivery-webhooks#notificationurl-validation
 */
async function answerHandshake(c: Context, next: () => Promise<void>): Promise<Response | undefined> {
  const token = c.req.query('validationToken');
  if (token === undefined) {
    await next();
    return undefined;
  }
  return c.body(token, 200, {
    'content-type': 'text/plain',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  });
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i.test(contentType ?? '');
}

async function readJson(c: Context): Promise<unknown> {
  try {
    return JSON.parse(await c.req.text()) as unknown;
  } catch {
    return undefined;
  }
}

/** One line a minute for each kind of rejection: a flood must not become a flood of lines. */
function createReporter(log: Log): (items: readonly InboxItem[]) => void {
  const reportedAt = new Map<string, number>();
  return (items) => {
    for (const item of items) {
      if (item.verdict === 'accepted') continue;
      const at = performance.now();
      if (at - (reportedAt.get(item.verdict) ?? -Infinity) < reportedEveryMs) continue;
      reportedAt.set(item.verdict, at);
      log.warn('A notification was not accepted; it is recorded and changes nothing', {
        verdict: item.verdict,
        subscription: item.subscriptionId,
        kind: item.kind,
      });
    }
  };
}
