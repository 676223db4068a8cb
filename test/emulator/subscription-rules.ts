// Owns what a subscription request may hold, and the shape in which subscriptions are answered.
import { badRequest } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import { graphTime } from './graph-time.ts';
import type { Random } from './random.ts';
import { tellSecret } from './secrets.ts';
import type { Subscription, SubscriptionContext } from './subscriptions.ts';

type Creation = Omit<
  Subscription,
  'id' | 'creatorId' | 'applicationId' | 'paused' | 'patchedAt' | 'reauthorizedAt'
>;

const webPush = ['vapidPublicKey', 'webPushEncryptionP256dhPublicKey', 'webPushEncryptionSecret'];
const rich = ['encryptionCertificate', 'encryptionCertificateId'];
const paths = /^(users|groups)(?:\/([^/]+)(?:\/(owners|members))?)?$/;
const minute = 60_000;
const maximum = 41_760 * minute;
const minimum = 45 * minute;

function refuse(text: string): Answer {
  return badRequest(text, 'InvalidRequest');
}

function checkUrl(url: unknown, name: string, context: SubscriptionContext): Answer | undefined {
  if (typeof url !== 'string' || !URL.canParse(url)) return refuse(`The value of '${name}' must be a URL.`);
  const { protocol, hostname } = new URL(url);
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (protocol === 'https:' || (protocol === 'http:' && loopback && context.allowInsecureLoopback))
    return undefined;
  return refuse(`The value of '${name}' must use HTTPS.`);
}

function readExpiry(value: unknown, context: SubscriptionContext): number | Answer {
  const { settings } = context;
  const asked = typeof value === 'string' ? Date.parse(value.replace(/(\.\d{3})\d+/, '$1')) : Number.NaN;
  if (Number.isNaN(asked)) return refuse("The value of 'expirationDateTime' is not a date and time.");
  const now = context.now();
  if (asked <= now) return refuse('Subscription expiration must be in the future.');
  if (asked > now + maximum + minute && settings.overMaximum === 'refuse') {
    return refuse('Subscription expiration can only be 41760 minutes in the future.');
  }
  const raised = settings.allowShortExpiry ? asked : Math.max(asked, now + minimum);
  const granted = settings.grantedMinutes === null ? maximum : settings.grantedMinutes * minute;
  return Math.min(raised, now + Math.min(maximum, granted));
}

/** Reads a create request, or a PATCH when `current` is given; gives the refusal where a rule is broken. */
export function readCreation(
  request: GraphRequest,
  context: SubscriptionContext,
  current?: Subscription,
): Creation | Answer {
  let input: Record<string, unknown>;
  try {
    input = JSON.parse(request.body) as Record<string, unknown>;
  } catch {
    return badRequest('Unable to read JSON request payload.');
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return badRequest('Unable to read JSON request payload.');
  }
  const pushed = webPush.find((name) => name in input);
  if (pushed) return refuse(`'${pushed}' belongs to Web Push subscriptions only.`);
  if (current) return readPatch(input, current, context);
  const resource = typeof input['resource'] === 'string' ? input['resource'] : '';
  const target = resource.toLowerCase().replace(/^\/+|\/+$/g, '');
  const path = paths.exec(target);
  if (!path || (path[1] === 'users' && path[3])) return refuse(`Resource '${resource}' is not supported.`);
  if (path[2]) {
    const found = context.directory.find(path[2], [path[1] === 'users' ? 'user' : 'group']);
    if (!found) return refuse(`Resource '${resource}' was not found.`);
  }
  if (input['includeResourceData'] === true || rich.some((name) => input[name])) {
    return refuse('Resource data is not supported for this resource.');
  }
  const types = typeof input['changeType'] === 'string' ? input['changeType'].toLowerCase().split(',') : [];
  const changeTypes = types
    .map((type) => type.trim())
    .filter((type) => type === 'updated' || type === 'deleted');
  if (changeTypes.length === 0 || changeTypes.length !== types.length) {
    return refuse("The value of 'changeType' must be of 'updated' and 'deleted' for this resource.");
  }
  const clientState = input['clientState'] ?? null;
  if (clientState !== null && (typeof clientState !== 'string' || clientState.length > 128)) {
    return refuse("The value of 'clientState' must be a text of at most 128 characters.");
  }
  if (clientState !== null) tellSecret('a client state', clientState);
  const lifecycle = input['lifecycleNotificationUrl'] ?? null;
  const badUrl =
    checkUrl(input['notificationUrl'], 'notificationUrl', context) ??
    (lifecycle === null ? undefined : checkUrl(lifecycle, 'lifecycleNotificationUrl', context));
  if (badUrl) return badUrl;
  const tls = input['latestSupportedTlsVersion'] ?? 'v1_2';
  if (typeof tls !== 'string' || !['v1_0', 'v1_1', 'v1_2', 'v1_3'].includes(tls)) {
    return refuse("The value of 'latestSupportedTlsVersion' is not known.");
  }
  const expires = readExpiry(input['expirationDateTime'], context);
  if (typeof expires !== 'number') return expires;
  return {
    resource,
    target,
    changeTypes,
    clientState,
    notificationUrl: input['notificationUrl'] as string,
    lifecycleNotificationUrl: lifecycle as string | null,
    expires,
    latestSupportedTlsVersion: tls,
  };
}

function readPatch(
  input: Record<string, unknown>,
  current: Subscription,
  context: SubscriptionContext,
): Creation | Answer {
  const foreign = Object.keys(input).find(
    (name) => !['expirationDateTime', 'notificationUrl'].includes(name),
  );
  if (foreign) return refuse(`'${foreign}' cannot be changed; delete the subscription and create it anew.`);
  const expires =
    'expirationDateTime' in input ? readExpiry(input['expirationDateTime'], context) : current.expires;
  if (typeof expires !== 'number') return expires;
  if (!('notificationUrl' in input)) return { ...current, expires };
  const badUrl = checkUrl(input['notificationUrl'], 'notificationUrl', context);
  return badUrl ?? { ...current, expires, notificationUrl: input['notificationUrl'] as string };
}

/** A subscription as answered. Client state is echoed at create only. */
export function writeSubscription(
  subscription: Subscription,
  clientState: 'echo' | 'null' | 'absent',
  random: Random,
): Record<string, unknown> {
  return {
    id: subscription.id,
    resource: clientState === 'null' && subscription.target === 'users' ? 'Users' : subscription.resource,
    applicationId: subscription.applicationId,
    changeType: subscription.changeTypes.join(','),
    ...(clientState === 'absent'
      ? {}
      : { clientState: clientState === 'echo' ? subscription.clientState : null }),
    notificationUrl: subscription.notificationUrl,
    notificationQueryOptions: null,
    lifecycleNotificationUrl: subscription.lifecycleNotificationUrl,
    expirationDateTime: graphTime(subscription.expires, random),
    creatorId: subscription.creatorId,
    includeResourceData: false,
    latestSupportedTlsVersion: subscription.latestSupportedTlsVersion,
    encryptionCertificate: null,
    encryptionCertificateId: null,
    notificationContentType: 'application/json',
    notificationUrlAppId: null,
  };
}
