// Owns the demo's service: the real program as a process of its own, with the contract's environment.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../src/sync/status-model.ts';
import type { Box } from './children.ts';
import type { Screen } from './screen.ts';
import { type DemoTarget, openTarget } from './target.ts';
import type { Tenant } from './tenant.ts';

export interface FirstSync {
  readonly ms: number;
  readonly accounts: number;
  /** When it was over, ISO 8601. */
  readonly at: string;
}

export interface Service {
  readonly publicUrl: string;
  readonly dashboardUrl: string;
  readonly adminToken: string;
  readonly targetFile: string;
  readonly target: DemoTarget;
  /** What to say where the usual port was taken. */
  readonly portNote: string | undefined;
  /** Waits until the target holds what the tenant has. */
  firstSync(screen: Screen, users: number, signal: AbortSignal): Promise<FirstSync>;
}

const usualPort = 8081;
const portsTried = 20;

/** Starts it; resolves once its private door answers. */
export async function startService(box: Box, tenant: Tenant, folder: string): Promise<Service> {
  const adminPort = await chooseAdminPort();
  const publicPort = await freePort();
  const adminToken = randomBytes(24).toString('base64url');
  const mappingFile = path.join(folder, 'mapping.json');
  await writeFile(mappingFile, JSON.stringify({ groups: { publish: ['Print*'] } }));
  const targetFile = path.join(folder, 'gespage.db');
  const publicUrl = `http://127.0.0.1:${publicPort}`;
  const dashboardUrl = `http://127.0.0.1:${adminPort}`;
  box.start('The service', 'src/main.ts', [], {
    NODE_EXTRA_CA_CERTS: tenant.caPath,
    AZURE_TENANT_ID: tenant.tenantId,
    AZURE_CLIENT_ID: tenant.clientId,
    AZURE_CLIENT_SECRET: tenant.clientSecret,
    AZURE_AUTHORITY_HOST: tenant.authorityHost,
    GRAPH_BASE_URL: tenant.url,
    PUBLIC_URL: publicUrl,
    LISTEN_HOST: '127.0.0.1',
    LISTEN_PORT: `${publicPort}`,
    ADMIN_PORT: `${adminPort}`,
    ADMIN_TOKEN: adminToken,
    STATE_PATH: path.join(folder, 'state.db'),
    GESPAGE_SQL_URL: `sqlite:${targetFile}`,
    MAPPING_FILE: mappingFile,
    // However long the demo: its own deletions shall not wait for an approval.
    REMOVAL_LIMIT: '100000',
    LOG_FORMAT: 'pretty',
  });
  await untilAlive(dashboardUrl);
  const startedAt = Date.now();
  const target = openTarget(targetFile);
  return {
    publicUrl,
    dashboardUrl,
    adminToken,
    targetFile,
    target,
    portNote:
      adminPort === usualPort
        ? undefined
        : `Port ${usualPort} is taken on this machine, so the dashboard is at port ${adminPort}.`,
    async firstSync(screen, users, signal) {
      for (;;) {
        signal.throwIfAborted();
        const accounts = target.count();
        screen.progress(`First sync … ${screen.count(accounts)} accounts of ${screen.count(users)} users`);
        if (accounts > 0 && isInSync(await readStatus(dashboardUrl, adminToken))) {
          const end = Date.now();
          screen.endProgress();
          return { ms: end - startedAt, accounts: target.count(), at: new Date(end).toISOString() };
        }
        await sleep(50);
      }
    },
  };
}

async function untilAlive(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(20);
  }
}

async function readStatus(url: string, token: string): Promise<Status> {
  const answer = await fetch(`${url}/api/status`, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`The service answered its status with ${answer.status}.`);
  return (await answer.json()) as Status;
}

function isInSync(status: Status): boolean {
  return (
    status.streams.length === 2 &&
    status.streams.every(({ lastFullRoundAt }) => lastFullRoundAt !== null) &&
    status.unsettled === 0 &&
    status.targets.length > 0 &&
    status.targets.every(({ behind }) => behind === 0)
  );
}

async function chooseAdminPort(): Promise<number> {
  for (let port = usualPort; port < usualPort + portsTried; port += 1) {
    if ((await tryPort(port)) !== undefined) return port;
  }
  return freePort();
}

async function freePort(): Promise<number> {
  const port = await tryPort(0);
  if (port === undefined) throw new Error('No port is free on this machine.');
  return port;
}

/** The port if it could be taken (0 takes any), undefined otherwise; it is given back at once. */
function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const taken = (server.address() as AddressInfo).port;
      server.close(() => resolve(taken));
    });
  });
}
