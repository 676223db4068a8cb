// Owns the public door: Microsoft's handshake, and notifications acknowledged once they are stored.
import { Hono } from 'hono';
import type { Context, Env } from 'hono';
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

type Call = Context<Env, string>;

const largestBody = 4 * 1024 * 1024;
const reportedEveryMs = 60_000;

/**
 * The Hono application of the public door. Both routes take both kinds of item, since Graph may send either to
 * either. Statuses: 200 handshake, 202 stored, 400 no batch, 413 too large, 415 no JSON, 503 not stored.
 */
export function createWebhook(options: WebhookOptions): Hono {
  const { store, log, metrics } = options;
  const app = new Hono();
  const judging = { ...options, findSubscription: rememberForATurn(options.findSubscription) };
  const report = createReporter(log);

  async function receive(c: Call): Promise<Response> {
    const token = c.req.query('validationToken');
    if (token !== undefined) return answerHandshake(c, token);
    const text = await readBody(c);
    if (typeof text === 'number') return c.body(null, text);
    if (!isJson(c.req.header('content-type'))) return c.body(null, 415);
    const batch = readBatch(parse(text));
    if (batch === undefined) return c.body(null, 400);
    const items = judgeBatch(batch, judging);
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
    // With its length stated this is the shortest way through the server, which matters at this place alone.
    return new Response(null, { status: 202, headers: { 'content-length': '0' } });
  }

  app.get('/healthz', (c) => c.text('ok'));
  app.post(notificationsPath, receive);
  app.post(lifecyclePath, receive);
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
function answerHandshake(c: Call, token: string): Response {
  return c.body(token, 200, {
    'content-type': 'text/plain',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  });
}

/** The requests of one turn of the event loop share what they look up; nothing is kept beyond it. */
function rememberForATurn<T>(find: (id: string) => T): (id: string) => T {
  let known = new Map<string, T>();
  return (id) => {
    if (known.has(id)) return known.get(id) as T;
    if (known.size === 0) setImmediate(() => (known = new Map()));
    const found = find(id);
    known.set(id, found);
    return found;
  };
}

const limitStream = bodyLimit({ maxSize: largestBody, onError: (c) => c.body(null, 413) });

/** The whole body, or the status that says why there is none: too large, or cut off by its sender. */
async function readBody(c: Call): Promise<string | 413 | 400> {
  const length = c.req.header('content-length');
  try {
    if (length !== undefined && c.req.header('transfer-encoding') === undefined) {
      if (Number(length) > largestBody) return 413;
      // The middleware costs more than all the rest, so only a body of unknown length goes through it.
    } else if ((await limitStream(c, () => Promise.resolve())) !== undefined) return 413;
    return await c.req.text();
  } catch {
    return 400;
  }
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i.test(contentType ?? '');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
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
