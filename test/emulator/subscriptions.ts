// Owns subscriptions: the rules of create, renew, reauthorize, list and delete, and their expiry.
// https://learn.microsoft.com/graph/api/resources/subscription
import { badRequest, denied, emptyAnswer, errorAnswer, jsonAnswer, parseQuery } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import type { Directory } from './directory.ts';
import { shakeHands } from './handshake.ts';
import type { HandshakeRecord } from './handshake.ts';
import type { Poster } from './poster.ts';
import { randomGuid } from './random.ts';
import type { Random } from './random.ts';
import { readCreation, writeSubscription } from './subscription-rules.ts';

export type Subscription = {
  id: string;
  /** As the app wrote it. */
  resource: string;
  /** Without slashes, lower case: `users`, `groups/{id}/members`. */
  target: string;
  changeTypes: readonly ('updated' | 'deleted')[];
  clientState: string | null;
  notificationUrl: string;
  lifecycleNotificationUrl: string | null;
  /** Emulator's clock, ms. */
  expires: number;
  latestSupportedTlsVersion: string;
  creatorId: string;
  applicationId: string;
  /** Delivery pauses until the app renews or reauthorizes: notifications wait, or are lost. */
  paused: 'hold' | 'lose' | null;
  patchedAt: number;
  reauthorizedAt: number;
};

export type SubscriptionSettings = {
  /** Expiries below 45 minutes are kept instead of raised. */
  allowShortExpiry: boolean;
  /** Minutes; the service grants no more than this, whatever was asked. Null: what was asked. */
  grantedMinutes: number | null;
  /** Over the maximum of 41,760 minutes: refuse, or grant the maximum. Not settled by the documents. */
  overMaximum: 'refuse' | 'clamp';
  /** Per app and tenant. */
  quota: number;
  /** Subscriptions on a page of the list; null: all on one. */
  listPageSize: number | null;
  /** Ms for each handshake. */
  handshakeTimeoutMs: number;
};

export type Subscriptions = {
  create(request: GraphRequest): Promise<Answer>;
  list(request: GraphRequest): Answer;
  get(id: string): Answer;
  patch(id: string, request: GraphRequest): Promise<Answer>;
  reauthorize(id: string): Answer;
  remove(id: string): Answer;
  /** Those not expired, in order of creation. */
  live(): Subscription[];
  /** Takes a subscription away without a word. False when there is none. */
  vanish(id: string): boolean;
  handshakes: HandshakeRecord[];
};

export type SubscriptionContext = {
  directory: Directory;
  settings: SubscriptionSettings;
  poster: Poster;
  random: Random;
  now: () => number;
  graphBaseUrl: () => string;
  clientId: string;
  allowInsecureLoopback: boolean;
  /** Called after a renewal or reauthorization, when held notifications may go. */
  onAuthorized: (subscription: Subscription) => void;
  /** Called with each misuse of the protocol. */
  onViolation: (text: string) => void;
};

const tenMinutes = 600_000;

/** Makes the subscription service of one app. */
export function createSubscriptions(context: SubscriptionContext): Subscriptions {
  const { settings, random, now } = context;
  const all = new Map<string, Subscription>();
  const handshakes: HandshakeRecord[] = [];
  const creatorId = randomGuid(random);

  const live = (): Subscription[] => {
    for (const [id, { expires }] of all) if (expires <= now()) all.delete(id);
    return [...all.values()];
  };
  const find = (id: string): Subscription | undefined => live().find((each) => each.id === id.toLowerCase());
  const missing = (): Answer => errorAnswer(404, 'ResourceNotFound', 'The object was not found.');

  const validate = async (urls: readonly string[]): Promise<Answer | undefined> => {
    const shaking = {
      poster: context.poster,
      random,
      timeoutMs: settings.handshakeTimeoutMs,
      records: handshakes,
    };
    const answers = await Promise.all(urls.map((url) => shakeHands(url, shaking)));
    return answers.find((answer) => answer !== undefined);
  };

  const conflict = (wanted: Pick<Subscription, 'target' | 'changeTypes'>): Answer | undefined => {
    const types = [...wanted.changeTypes].sort().join();
    const existing = live().find(
      (each) => each.target === wanted.target && [...each.changeTypes].sort().join() === types,
    );
    if (existing) {
      const text = `Subscription Id ${existing.id} already exists for the requested combination`;
      return errorAnswer(409, 'Conflict', text);
    }
    if (live().length >= settings.quota) {
      const text = `Operation: Create; Exception: the limit of ${settings.quota} subscriptions per application and tenant is reached.`;
      return errorAnswer(403, 'ExtensionError', text);
    }
    return undefined;
  };

  const answerWith = (status: number, subscription: Subscription, clientState: 'echo' | 'absent'): Answer =>
    jsonAnswer(status, {
      '@odata.context': `${context.graphBaseUrl()}/v1.0/$metadata#subscriptions/$entity`,
      ...writeSubscription(subscription, clientState, random),
    });

  const create: Subscriptions['create'] = async (request) => {
    const wanted = readCreation(request, context);
    if ('status' in wanted) return wanted;
    const needed = wanted.target.startsWith('users') ? 'User.Read.All' : 'Group.Read.All';
    if (!request.roles.has(needed)) return denied();
    const refusal =
      conflict(wanted) ??
      (await validate([
        wanted.notificationUrl,
        ...(wanted.lifecycleNotificationUrl ? [wanted.lifecycleNotificationUrl] : []),
      ])) ??
      conflict(wanted);
    if (refusal) return refusal;
    const subscription: Subscription = {
      ...wanted,
      id: randomGuid(random),
      creatorId,
      applicationId: context.clientId,
      paused: null,
      patchedAt: Number.NEGATIVE_INFINITY,
      reauthorizedAt: Number.NEGATIVE_INFINITY,
    };
    all.set(subscription.id, subscription);
    return answerWith(201, subscription, 'echo');
  };

  const checkSpacing = (subscription: Subscription): void => {
    if (Math.abs(subscription.patchedAt - subscription.reauthorizedAt) < tenMinutes) {
      context.onViolation(`Subscription ${subscription.id} was renewed and reauthorized within ten minutes.`);
    }
  };

  const patch: Subscriptions['patch'] = async (id, request) => {
    const subscription = find(id);
    if (!subscription) return missing();
    const wanted = readCreation(request, context, subscription);
    if ('status' in wanted) return wanted;
    if (wanted.notificationUrl !== subscription.notificationUrl) {
      const refusal = await validate([wanted.notificationUrl]);
      if (refusal) return refusal;
    }
    if (!find(id)) return missing();
    if (now() - subscription.patchedAt < tenMinutes) {
      context.onViolation(`Subscription ${subscription.id} was renewed twice within ten minutes.`);
    }
    Object.assign(subscription, {
      expires: wanted.expires,
      notificationUrl: wanted.notificationUrl,
      paused: null,
      patchedAt: now(),
    });
    checkSpacing(subscription);
    context.onAuthorized(subscription);
    return answerWith(200, subscription, 'absent');
  };

  return {
    create,
    patch,
    live,
    handshakes,
    get: (id) => {
      const subscription = find(id);
      return subscription ? answerWith(200, subscription, 'absent') : missing();
    },
    list: (request) => {
      const query = parseQuery(request.rawQuery);
      const option = [...query.keys()].find((name) => name.startsWith('$') && name !== '$skiptoken');
      if (option) return badRequest(`Query option '${option}' is not allowed.`);
      const found = live();
      const start = Number(query.get('$skiptoken') ?? 0);
      const end = start + (settings.listPageSize ?? found.length);
      const base = `${context.graphBaseUrl()}/v1.0`;
      const more = end < found.length ? { '@odata.nextLink': `${base}/subscriptions?$skiptoken=${end}` } : {};
      return jsonAnswer(200, {
        '@odata.context': `${base}/$metadata#subscriptions`,
        value: found.slice(start, end).map((each) => writeSubscription(each, 'null', random)),
        ...more,
      });
    },
    reauthorize: (id) => {
      const subscription = find(id);
      if (!subscription) return missing();
      subscription.reauthorizedAt = now();
      subscription.paused = null;
      checkSpacing(subscription);
      context.onAuthorized(subscription);
      return emptyAnswer(204);
    },
    remove: (id) => {
      const subscription = find(id);
      if (!subscription) return missing();
      all.delete(subscription.id);
      return emptyAnswer(204);
    },
    vanish: (id) => all.delete(id.toLowerCase()),
  };
}
