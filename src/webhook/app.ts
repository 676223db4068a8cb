// Owns the public door: Microsoft's handshake, and notifications acknowledged once they are stored.
import { Hono } from 'hono';
import type { Context, Env } from 'hono';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { InboxItem } from '../state/inbox.ts';
import { createBodyTaker, smallBody, type BodyLimits, type NoBody } from './body.ts';
import { createBatchJudge, guid, judgeBatch, type JudgeOptions, readBatch } from './judge.ts';
import { judgeInTurns } from './slices.ts';
import type { Store } from './store.ts';

export interface WebhookOptions extends JudgeOptions {
  readonly store: Store;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'countNotification'>;
  /** The usual ones unless told. */
  readonly limits?: BodyLimits;
}

export const notificationsPath = '/graph/notifications';
export const lifecyclePath = '/graph/lifecycle';

type Call = Context<Env, string>;

const reportedEveryMs = 60_000;

/**
 * The Hono application of the public door. Both routes take both kinds of item, since Graph may send either to
 * either. Statuses: 200 handshake, 202 stored, 400 no batch, 413 too large, 415 no JSON, 503 not stored, or too many
 * large bodies at once: Graph sends them again.
 */
export function createWebhook(options: WebhookOptions): Hono {
  const { store, log, metrics } = options;
  const app = new Hono();
  const judging = { ...options, findSubscription: rememberForATurn(options.findSubscription) };
  const atMostOnceAMinute = createPacer();
  const takeBody = createBodyTaker(options.limits);

  async function receive(c: Call): Promise<Response> {
    const token = c.req.query('validationToken');
    if (token !== undefined) return answerHandshake(c, token);
    if (!isJson(c.req.header('content-type'))) return c.body(null, 415);
    return takeBody(
      c,
      (body) => judgeAndStore(c, body),
      (status) => refuse(c, status),
    );
  }

  function refuse(c: Call, status: NoBody): Response {
    if (status === 503) {
      atMostOnceAMinute('large bodies', () =>
        log.warn('Too many large bodies arrive at once; some are refused, and Microsoft sends its own again'),
      );
    }
    return c.body(null, status);
  }

  async function judgeAndStore(c: Call, body: string): Promise<Response> {
    const items = body.length > smallBody ? await judgeLarge(body) : judgeSmall(body);
    if (items === undefined) return c.body(null, 400);
    try {
      await store.put(items);
    } catch (error) {
      atMostOnceAMinute('not stored', () =>
        log.error('Notifications could not be stored; Microsoft sends them again', {
          error,
          advice: 'Look at the disk of STATE_PATH: space, rights, errors.',
        }),
      );
      return c.body(null, 503);
    }
    for (const item of items) metrics.countNotification(item.kind, item.verdict, item.count);
    for (const item of items) report(item);
    // With its length stated this is the shortest way through the server, which matters at this place alone.
    return new Response(null, { status: 202, headers: { 'content-length': '0' } });
  }

  function report(item: InboxItem): void {
    if (item.verdict === 'accepted') return;
    // What a stranger sends in its place can be any text, also a client state.
    const isNameable =
      item.verdict !== 'unknown-subscription' || guid.test(item.subscriptionId?.toLowerCase() ?? '');
    atMostOnceAMinute(item.verdict, () =>
      log.warn('A notification was not accepted; it is recorded and changes nothing', {
        verdict: item.verdict,
        subscription: isNameable ? item.subscriptionId : null,
        kind: item.kind,
      }),
    );
  }

  function judgeSmall(body: string): InboxItem[] | undefined {
    const batch = readBatch(parse(body));
    return batch && judgeBatch(batch, judging);
  }

  async function judgeLarge(body: string): Promise<InboxItem[] | undefined> {
    const judge = createBatchJudge(judging);
    return (await judgeInTurns(body, judge)) ? judge.verdicts() : undefined;
  }

  app.get('/healthz', (c) => c.text('ok'));
  app.post(notificationsPath, receive);
  app.post(lifecyclePath, receive);
  app.notFound((c) => c.body(null, 404));
  app.onError((error, c) => {
    atMostOnceAMinute('failed', () => log.error('A request to the public door failed', { error }));
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

/** One line a minute for each kind of trouble: a flood must not become a flood of lines. */
function createPacer(): (kind: string, tell: () => void) => void {
  const toldAt = new Map<string, number>();
  return (kind, tell) => {
    const at = performance.now();
    if (at - (toldAt.get(kind) ?? -Infinity) < reportedEveryMs) return;
    toldAt.set(kind, at);
    tell();
  };
}
