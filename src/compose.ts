// Owns the wiring: the only place that knows every room.
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hono } from 'hono';
import { compileMapping, type CompiledMapping } from './accounts/decide.ts';
import { fieldNames } from './accounts/model.ts';
import { createAdmin } from './admin/app.ts';
import { type Config } from './config.ts';
import { createFileTarget } from './gespage/file/create-file-target.ts';
import { fileStagingPath } from './gespage/file/staging.ts';
import { ldapFilePath } from './gespage/ldap/file-path.ts';
import { createThreadedLdapTarget } from './gespage/ldap/threaded-target.ts';
import { createSqlTarget } from './gespage/sql/create-sql-target.ts';
import { createThreadedSqlTarget } from './gespage/sql/threaded-target.ts';
import type { Target } from './gespage/target.ts';
import { createTriggerCall } from './gespage/trigger.ts';
import { createGraphClient, type GraphClient } from './graph/client.ts';
import { readDelta } from './graph/delta.ts';
import { lookUpDeletedUsers, lookUpUsers } from './graph/lookups.ts';
import { createPauseGate } from './graph/pause-gate.ts';
import {
  createSubscription,
  deleteSubscription,
  listSubscriptions,
  renewSubscription,
} from './graph/subscriptions.ts';
import { createTokenSource, type TokenSource } from './graph/token.ts';
import { type Door, openDoor } from './ops/door.ts';
import type { Log } from './ops/log.ts';
import { createMetrics, type Metrics } from './ops/metrics.ts';
import { openState, type State, StateError } from './state/database.ts';
import { type Lease, takeLease } from './state/lease.ts';
import { createStateRooms, type StateRooms } from './state/rooms.ts';
import { createEngine, type Engine, type GraphSide } from './sync/engine.ts';
import { createWebhook } from './webhook/app.ts';
import { createStore } from './webhook/store.ts';

export { openDoor, type Door } from './ops/door.ts';

/** Graph's `Retry-After` is not believed beyond this either. */
const longestPauseMs = 86_400_000;

/** Properties of groups that the mirror keeps; `members` is added by the graph room. */
const groupSelection = ['id', 'displayName', 'visibility'] as const;

/** Everything that works on one configuration; nothing runs yet. */
export interface Parts {
  readonly config: Config;
  readonly state: State;
  readonly rooms: StateRooms;
  readonly mapping: CompiledMapping;
  readonly metrics: Metrics;
  readonly tokens: TokenSource;
  readonly client: GraphClient;
  readonly targets: readonly Target[];
  readonly engine: Engine;
  readonly log: Log;
  /** Releases the database; the engine must be stopped. */
  close(): void;
}

/** Opens the state database and wires the rooms together. */
export function openParts(config: Config, log: Log): Parts {
  const now = Date.now;
  const state = openState(config.state.path);
  const rooms = createStateRooms(state);
  const metrics = createMetrics({
    onHookError: (error) => log.error('A metric could not be read', { error }),
  });
  const mapping = compileMapping(config.mapping);
  const { credential } = config.azure;
  const tokens = createTokenSource({
    tenantId: config.azure.tenant,
    clientId: config.azure.clientId,
    credential:
      credential.kind === 'secret'
        ? credential
        : { kind: 'certificate', pem: `${credential.privateKey}\n${credential.certificates}` },
    authorityHost: new URL(config.azure.authority).origin,
    graphBaseUrl: config.graph.baseUrl,
    now,
  });
  const gate = createPauseGate({
    now,
    sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}),
    // A clock set back since then must not make the pause longer than Graph asked for.
    until: Math.min(rooms.meta.counter('pause-until'), now() + rooms.meta.counter('pause-ms')),
    onPause: (until) =>
      state.transaction(() => {
        rooms.meta.setCounter('pause-until', until);
        rooms.meta.setCounter('pause-ms', Math.min(until - now(), longestPauseMs));
      }),
  });
  const client = createGraphClient({
    baseUrl: config.graph.baseUrl,
    tokens,
    gate,
    now,
    random: Math.random,
    newId: randomUUID,
    observe(event) {
      metrics.countGraphRequest(event.operation, event.status);
      if (event.throttledMs !== undefined) metrics.addGraphThrottling(event.throttledMs / 1000);
    },
  });
  const targets = createTargets(config, mapping, log);
  const engine = createEngine({
    rooms,
    graph: graphSide(client, rooms, mapping),
    mapping,
    targets,
    ...(config.trigger && { callTrigger: createTriggerCall(config.trigger) }),
    removal: {
      policy: config.removal.policy,
      graceDays: config.removal.graceMs / 86_400_000,
      limit: config.removal.limit,
    },
    timing: config.timing,
    publicUrl: config.publicDoor.urls?.notification.replace(/\/graph\/notifications$/, ''),
    newClientState: () => randomBytes(32).toString('base64url'),
    credentialExpiresAt: tokens.credentialExpiresAt,
    now,
    log,
    metrics,
  });
  metrics.beforeRender(() => {
    const { depth, oldestAt } = rooms.inbox.pendingCount();
    metrics.setInbox(depth, oldestAt === undefined ? 0 : (now() - oldestAt) / 1000);
    metrics.setHolds(rooms.removals.list(1_000).filter((hold) => hold.status === 'open').length);
    const { credentialExpiresAt } = tokens;
    if (credentialExpiresAt) metrics.setCredentialExpiry((credentialExpiresAt.getTime() - now()) / 1000);
  });
  return {
    config,
    state,
    rooms,
    mapping,
    metrics,
    tokens,
    client,
    targets,
    engine,
    log,
    close() {
      client.close();
      state.close();
    },
  };
}

function createTargets(config: Config, mapping: CompiledMapping, log: Log): Target[] {
  const { sql, sqlMapping, ldap, file } = config.targets;
  const { onceFields } = mapping;
  const fields = fieldNames.filter((name) => !mapping.ownedFields.includes(name));
  const targets: Target[] = [];
  if (sql?.kind === 'sqlite')
    targets.push(
      createThreadedSqlTarget('sqlite', {
        url: `sqlite:${sql.path}`,
        fields,
        onceFields,
        mapping: sqlMapping,
      }),
    );
  else if (sql) targets.push(createSqlTarget({ url: sql.url, fields, onceFields, mapping: sqlMapping }));
  if (ldap) {
    const { host, port, baseDn, bindDn, password, tls } = ldap;
    const bind = { dn: bindDn, password };
    const directory = ldapFilePath(config.state.path);
    const { departments } = mapping.mapping.ldap;
    targets.push(
      createThreadedLdapTarget(
        { file: directory, host, port, baseDn, departments, bind, ...(tls && { tls }) },
        log,
      ),
    );
  }
  if (file) {
    const stagingPath = fileStagingPath(config.state.path);
    const staging = createThreadedSqlTarget('file', { url: `sqlite:${stagingPath}`, fields, onceFields });
    const { file: format } = mapping.mapping;
    targets.push(createFileTarget({ ...file, staging, stagingPath, format, fields, now: Date.now, log }));
  }
  return targets;
}

function graphSide(client: GraphClient, rooms: StateRooms, mapping: CompiledMapping): GraphSide {
  const beginRead = (): number => rooms.directory.beginRead();
  const select = mapping.selected;
  return {
    selection: { users: select, groups: groupSelection },
    readRound: (stream, { link, full, background, beginRead: begin, signal }) =>
      readDelta({
        client,
        stream,
        select: stream === 'users' ? select : groupSelection,
        link,
        beginRead: begin,
        signal,
        prefetch: full,
        priority: background ? 'low' : 'normal',
      }),
    lookUpUsers: (ids, signal) => lookUpUsers({ client, ids, select, beginRead, signal }),
    lookUpDeletedUsers: (ids, signal) => lookUpDeletedUsers({ client, ids, beginRead, signal }),
    subscriptions: {
      list: (signal) => listSubscriptions(client, signal),
      create: (wanted, signal) => createSubscription(client, wanted, signal),
      renew: (id, expiration, signal) => renewSubscription(client, id, expiration, signal),
      remove: (id, signal) => deleteSubscription(client, id, signal),
    },
  };
}

/** The public door of these parts. */
export function publicDoor({ rooms, engine, metrics, log, config }: Parts): Hono {
  return createWebhook({
    store: createStore({ inbox: rooms.inbox, now: Date.now, onStored: gather(() => engine.notified()) }),
    findSubscription: (id) => rooms.subscriptions.get(id),
    tenantId: () => config.azure.tenantId ?? rooms.meta.text('tenant-id'),
    log,
    metrics,
  });
}

/** Several notifications of one change arrive close together: they are taken up as one. */
function gather(work: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      work();
    }, gatherMs).unref();
  };
}
const gatherMs = 10;

export interface Service {
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

const leasePatienceMs = 20_000;

/** The whole service. Order: lease, doors, subscriptions, baseline, drain. */
export function createService(config: Config, log: Log): Service {
  let parts: Parts | undefined;
  let lease: Lease | undefined;
  const doors: Door[] = [];
  return {
    async start(signal) {
      lease = await waitForLease(config.state.path, signal, log);
      parts = openParts(config, log);
      const { engine } = parts;
      doors.push(await openDoor(adminDoor(parts), config.adminDoor.host, config.adminDoor.port));
      if (config.publicDoor.urls !== undefined) {
        doors.push(await openDoor(publicDoor(parts), config.publicDoor.host, config.publicDoor.port));
      }
      log.info('The doors are open', { mode: config.mode, ports: doors.map((door) => door.port) });
      await learnTenant(parts, signal);
      if (!signal.aborted) await engine.start(signal);
    },
    async stop() {
      await Promise.all(doors.map((door) => door.close()));
      await parts?.engine.stop();
      parts?.close();
      lease?.release();
    },
  };
}

function adminDoor(parts: Parts): Hono {
  const { rooms, engine, metrics, mapping, config, log } = parts;
  return createAdmin({
    rooms,
    engine,
    metrics,
    mapping,
    token: config.adminDoor.token,
    removal: config.removal,
    log,
    now: Date.now,
  });
}

/** A predecessor that is still stopping is waited for; one that goes on working is not disturbed. */
export async function waitForLease(statePath: string, signal: AbortSignal, log: Log): Promise<Lease> {
  const until = Date.now() + leasePatienceMs;
  for (let told = false; ; told = true) {
    const lease = takeLease(statePath);
    if (lease) return lease;
    if (Date.now() > until) {
      throw new StateError(
        `Another gespage-sync process works on ${statePath}. Stop it first, or give this one another STATE_PATH.`,
      );
    }
    if (!told) log.info('Another process still works on the state database; waiting for it to end');
    await sleep(250, undefined, { signal });
  }
}

/** Where the tenant was configured by its domain name, its id is taken from the token: notifications carry the id. */
async function learnTenant({ config, rooms, tokens, log }: Parts, signal: AbortSignal): Promise<void> {
  if (config.azure.tenantId !== undefined) return;
  try {
    const token = await unlessAborted(tokens.token(), signal);
    const payload = token.split('.')[1] ?? '';
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { tid?: unknown };
    if (typeof claims.tid === 'string') rooms.meta.setText('tenant-id', claims.tid.toLowerCase());
  } catch (error) {
    if (signal.aborted) return;
    log.warn('The id of the tenant is not known yet; notifications are judged without it', { error });
  }
}

/** The sign-in itself cannot be stopped, but nobody needs to wait for it. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
