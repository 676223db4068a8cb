// Owns the emulated Microsoft Graph tenant: wires its parts and offers them as one object.
//
// In a test:    const tenant = await startEmulator({ users: 50, groups: 5 });
//               trustAuthority(tenant.caPem);
//               …AZURE_AUTHORITY_HOST = tenant.authorityHost, GRAPH_BASE_URL = tenant.graphBaseUrl…
//               const change = tenant.updateUser(tenant.userId(3), { displayName: 'New name' });
//               tenant.sentAt(change.seq)   // when its notification left, ms; compare with the target's time
//               await tenant.close();
// As a process: node test/emulator/main.ts --users 10000   (prints one line of JSON; see main.ts)
//               then POST {controlUrl}/updateUser with {"args": ["…id…", {"displayName": "New name"}]}
//               answers {"result": …}: the control API has the same verbs as this object.
//
// Administration  createUser, updateUser, softDeleteUser, restoreUser, hardDeleteUser, createGroup, updateGroup,
//                 deleteGroup, restoreGroup, hardDeleteGroup, addMember, removeMember, changeMembers,
//                 createDevice, createServicePrincipal, churn. All give a Change {seq, kind, id, operation, at}.
// Truth           snapshot, usersFrom, count, user, group, changesOf, effectiveMembers, userId(index),
//                 groupId(index).
// Settings        configure({delta, deltaFaults, delivery, subscriptions, mutations, lag, signIn}): options.ts lists all.
// Faults          addFault, removeFault, clearFaults, throttle, stopThrottle, setQuota, expireDeltaTokens, revokeTokens,
//                 freeze/thaw (a replica that stops), vanishSubscription, lifecycle, holdNotifications,
//                 releaseNotifications, replayNotifications, advance (the clock).
// Observation     requests, resetRequests, rounds, subscriptions, handshakes, sentAt, acknowledgedAt, delivery, whenIdle.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverCertificate } from './certificates.ts';
import { churn } from './churn.ts';
import { startControl } from './control.ts';
import { createDelivery } from './delivery.ts';
import { createDelta } from './delta.ts';
import { createTokenCodec } from './delta-token.ts';
import { createDirectory } from './directory.ts';
import type { View } from './directory.ts';
import { createFaults } from './faults.ts';
import { createMutations } from './mutations.ts';
import { createNotifier } from './notifier.ts';
import { defaultSettings, limitByLag, mergeSettings } from './options.ts';
import type { EmulatorOptions } from './options.ts';
import { createReadContext } from './paging.ts';
import { createPoster } from './poster.ts';
import { createRandom } from './random.ts';
import { createReputation } from './reputation.ts';
import { createRequestLog } from './request-log.ts';
import { createRoutes } from './routes.ts';
import { createGraphServer } from './server.ts';
import { createSignIn } from './sign-in.ts';
import { createSubscriptions } from './subscriptions.ts';
import { createThrottle } from './throttle.ts';
import { createTruth } from './truth.ts';
import { createVerbs } from './verbs.ts';
import type { Verbs } from './verbs.ts';

/** A running tenant. */
export type Emulator = Verbs & {
  graphBaseUrl: string;
  authorityHost: string;
  tenantId: string;
  clientId: string;
  clientSecret: string;
  domain: string;
  caPem: string;
  caPath: string;
  /** Null unless `controlPort` was given. */
  controlUrl: string | null;
  close(): Promise<void>;
};

/** Starts a tenant; resolves once it answers. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const seed = options.seed ?? 1;
  const domain = options.domain ?? 'emulated.example';
  const tenantId = options.tenantId ?? '3f5c2b1a-9d4e-4c6f-8a7b-1e2d3c4b5a69';
  const clientId = options.clientId ?? 'c0ffee00-1234-4abc-9def-0123456789ab';
  const clientSecret = options.clientSecret ?? 'emulated~secret.value-1234567890';
  const users = options.users ?? 0;
  const groups = options.groups ?? 0;
  const random = createRandom(seed);
  let offset = 0;
  const clock = options.clock ?? Date.now;
  const now = (): number => clock() + offset;
  let origin = '';
  const graphBaseUrl = (): string => origin;

  const settings = defaultSettings({
    tenantId,
    clientId,
    secrets: [{ value: clientSecret, expires: Number.POSITIVE_INFINITY }],
    certificates: [],
    roles: options.roles ?? ['User.Read.All', 'Group.Read.All'],
    expiresIn: 3599,
    refreshIn: null,
  });
  mergeSettings(settings, options.settings ?? {});

  const frozen: Record<View, number | null> = { delta: null, get: null };
  const directory = createDirectory({
    seed,
    domain,
    users,
    groups,
    memberships: options.memberships ?? (groups > 0 ? users * 4 : 0),
    devices: options.devices ?? Math.min(3, groups),
    now,
    limit: limitByLag(settings.lag, frozen, random, now),
  });
  const log = createRequestLog();
  const poster = createPoster(options.verifyListenerTls ?? true);
  const delivery = createDelivery({
    settings: settings.delivery,
    poster,
    random,
    reputation: createReputation(now, 100),
  });
  const subscriptions = createSubscriptions({
    directory,
    settings: settings.subscriptions,
    poster,
    random,
    now,
    graphBaseUrl,
    clientId,
    allowInsecureLoopback: options.allowInsecureLoopback ?? true,
    onAuthorized: (subscription) => notifier.resume(subscription),
    onViolation: (text) => log.violation(text),
  });
  const notifier = createNotifier({
    directory,
    subscriptions,
    delivery,
    settings: settings.delivery,
    random,
    tenantId,
  });
  const mutations = createMutations(directory, settings.mutations, domain, (entry) =>
    notifier.announce(entry),
  );
  const tokens = createTokenCodec({
    random,
    now,
    lifeMs: () => settings.delta.tokenLifeMs,
    origin: () => settings.deltaFaults.foreignOrigin ?? graphBaseUrl(),
  });
  const delta = createDelta({
    directory,
    tokens,
    settings: settings.delta,
    faults: settings.deltaFaults,
    random,
    now,
    graphBaseUrl,
  });
  const signIn = createSignIn(settings.signIn, { now, authorityHost: graphBaseUrl, graphBaseUrl });
  const faults = createFaults(random);
  const throttle = createThrottle({ now, clientId, tenantId });
  const reads = createReadContext(directory, graphBaseUrl, () => directory.visible('get'));
  const route = createRoutes({ reads, delta, subscriptions, signIn: settings.signIn, domain });

  const certificate = await serverCertificate();
  const { server, close: closeServer } = createGraphServer({
    tls: certificate,
    signIn,
    faults,
    throttle,
    log,
    route,
    random,
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  origin = `https://${options.hostname ?? 'localhost'}:${(server.address() as AddressInfo).port}`;
  const folder = options.caPath ? null : await mkdtemp(join(tmpdir(), 'emulated-graph-'));
  const caPath = options.caPath ?? join(folder ?? '', 'ca.pem');
  await writeFile(caPath, certificate.caPem);

  const verbs = createVerbs({
    mutations,
    truth: createTruth(directory),
    churn: (count, churnOptions) => churn(directory, mutations, domain, count, churnOptions),
    settings,
    directory,
    frozen,
    faults,
    throttle,
    tokens,
    signIn,
    subscriptions,
    notifier,
    delivery,
    delta,
    log,
    now,
    advance: (ms) => {
      offset += ms;
    },
  });
  const control = options.controlPort === undefined ? null : await startControl(verbs, options.controlPort);

  return {
    ...verbs,
    graphBaseUrl: origin,
    authorityHost: origin,
    tenantId,
    clientId,
    clientSecret,
    domain,
    caPem: certificate.caPem,
    caPath,
    controlUrl: control?.url ?? null,
    close: async () => {
      delivery.close();
      poster.close();
      await Promise.all([closeServer(), control?.close()]);
      if (folder) await rm(folder, { recursive: true, force: true });
    },
  };
}
