// Owns the proof that the verbs that work reach the tenant and Gespage, with and without a running service.
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { takeLease } from '../src/state/lease.ts';
import { call, openFolder, removeFolders, run, start } from './cli/command.ts';
import { trustAuthority } from './emulator/certificates.ts';
import { type Emulator, startEmulator } from './emulator/emulator.ts';

let tenant: Emulator;
const users = 30;

beforeAll(async () => {
  tenant = await startEmulator({ users, groups: 3, allowInsecureLoopback: true });
  trustAuthority(tenant.caPem);
});
afterAll(() => tenant.close());
afterEach(removeFolders);

/** A set-up of its own; `port` is where its public door listens, if it has one. */
function setUp(port?: number): Record<string, string> & { STATE_PATH: string } {
  const folder = openFolder();
  return {
    AZURE_TENANT_ID: tenant.tenantId,
    AZURE_CLIENT_ID: tenant.clientId,
    AZURE_CLIENT_SECRET: tenant.clientSecret,
    AZURE_AUTHORITY_HOST: tenant.authorityHost,
    GRAPH_BASE_URL: tenant.graphBaseUrl,
    NODE_EXTRA_CA_CERTS: tenant.caPath,
    ADMIN_TOKEN: 'a-token-for-tests-with-forty-characters!',
    STATE_PATH: path.join(folder, 'state.db'),
    GESPAGE_SQL_URL: `sqlite:${path.join(folder, 'gespage.db')}`,
    ...(port !== undefined && {
      LISTEN_HOST: '127.0.0.1',
      LISTEN_PORT: String(port),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
    }),
  };
}

function countAccounts(env: Record<string, string>, where = '1'): number {
  const file = (env['GESPAGE_SQL_URL'] ?? '').slice('sqlite:'.length);
  const gespage = new Database(file, { readonly: true, fileMustExist: true });
  try {
    return (
      gespage.prepare<[], number>(`SELECT count(*) FROM gespage_account WHERE ${where}`).pluck().get() ?? 0
    );
  } finally {
    gespage.close();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

interface RunEnd {
  readonly status: string;
  readonly counts: Record<string, number>;
  readonly plan: { people: unknown[] } | null;
}

describe('resync without a service', () => {
  it('reads the tenant and delivers to Gespage', async () => {
    const env = setUp();
    const ended = await run(['resync', '--json'], env);
    expect(ended).toMatchObject({ code: 0, err: '' });
    const { status, counts } = ended.json<RunEnd>();
    expect(status).toBe('succeeded');
    expect(counts['users']).toBe(users);
    expect(countAccounts(env)).toBe(counts['created']);
    expect(countAccounts(env)).toBeGreaterThan(0);
  });

  it('as a dry run plans the same and changes nothing', async () => {
    const env = setUp();
    const dry = await call(['resync', '--dry-run', '--json'], env);
    expect(dry.code).toBe(0);
    const { counts, plan } = dry.json<RunEnd>();
    expect(plan?.people).toHaveLength(counts['created'] ?? -1);
    expect(() => countAccounts(env)).toThrow();
    const status = await call(['status', '--json'], env);
    expect(status.json()).toMatchObject({
      counts: { users: 0, accounts: 0 },
      runs: [{ dryRun: true, status: 'succeeded' }],
    });
    const real = await call(['resync', '--json'], env);
    expect(real.json<RunEnd>().counts['created']).toBe(counts['created']);
  });

  it('takes one person by login, and refuses one whom nobody knows', async () => {
    const env = setUp();
    await call(['resync'], env);
    const id = tenant.userId(1);
    tenant.updateUser(id, { displayName: 'Another Name', accountEnabled: true });
    const login = String(tenant.user(id)?.props['mailNickname']);
    const [one, nobody] = [
      await run(['resync', '--user', login, '--json'], env),
      await call(['resync', '--user', 'nobody-at-all'], env),
    ];
    expect(one.code).toBe(0);
    expect(countAccounts(env, `external_id = '${id}' AND display_name = 'Another Name'`)).toBe(1);
    expect(nobody.code).toBe(2);
  });

  it('ends with 1 and advice where Microsoft gives no token', async () => {
    const env = { ...setUp(), AZURE_CLIENT_SECRET: 'wrong~secret' };
    const { code, out, err } = await call(['check'], env);
    expect(code).toBe(1);
    expect(out).toContain('AADSTS7000215');
    expect(out).toContain('Certificates & secrets');
    expect(out + err).not.toContain('wrong~secret');
  });
});

describe('resync beside another process that has the lease', () => {
  it('only asks and waits, then takes the work over when that process ends', async () => {
    const env = setUp();
    expect((await call(['migrate'], env)).code).toBe(0);
    const lease = takeLease(env.STATE_PATH);
    const waiting = start(['resync'], env);
    await waiting.saying('waiting for its turn');
    lease?.release();
    const { code, out, err } = await waiting.ended;
    expect(err).toContain('goes on in its place');
    expect(out).toContain('The resync is done');
    expect(code).toBe(0);
    expect(countAccounts(env)).toBeGreaterThan(0);
  });

  it('leaves the request standing when the operator stops waiting', async () => {
    const env = setUp();
    await call(['migrate'], env);
    const lease = takeLease(env.STATE_PATH);
    const waiting = start(['resync'], env);
    await waiting.saying('waiting for its turn');
    waiting.interrupt();
    const { code, err } = await waiting.ended;
    lease?.release();
    expect(code).toBe(1);
    expect(err).toContain('stays asked for');
    expect((await call(['status', '--json'], env)).json()).toMatchObject({ runs: [{ status: 'queued' }] });
  });
});

describe('a hold', () => {
  it('ends a resync with 3, and is carried out by the command itself where no service runs', async () => {
    const own = await startEmulator({ users: 40, groups: 1 });
    try {
      const env = {
        ...setUp(),
        AZURE_TENANT_ID: own.tenantId,
        AZURE_CLIENT_ID: own.clientId,
        AZURE_CLIENT_SECRET: own.clientSecret,
        AZURE_AUTHORITY_HOST: own.authorityHost,
        GRAPH_BASE_URL: own.graphBaseUrl,
        NODE_EXTRA_CA_CERTS: own.caPath,
      };
      await call(['resync'], env);
      const before = countAccounts(env, 'enabled');
      for (let n = 0; n < 30; n += 1) own.updateUser(own.userId(n), { accountEnabled: false });
      const planned = await call(['resync', '--dry-run'], env);
      expect(planned.code).toBe(3);
      expect(planned.out).toContain('would be held for approval');
      const resync = await run(['resync'], env);
      expect(resync.code).toBe(3);
      expect(countAccounts(env, 'enabled')).toBe(before);
      const holds = (await call(['holds', '--json'], env)).json<{
        items: { id: number; people: number }[];
      }>();
      const [hold] = holds.items;
      const approved = await run(['hold', String(hold?.id), 'approve', '--json'], env);
      expect(approved.json()).toMatchObject({ status: 'approved', carriedOut: true });
      expect(approved.code).toBe(0);
      expect(countAccounts(env, 'enabled')).toBe(before - (hold?.people ?? 0));
    } finally {
      await own.close();
    }
  });
});

describe('renew', () => {
  it('has nothing to do in polling mode', async () => {
    const { code, out } = await call(['renew'], setUp());
    expect(code).toBe(0);
    expect(out).toContain('PUBLIC_URL is not set');
  });

  it('makes the subscriptions with the public door open for the handshake, and leaves them alone the next time', async () => {
    const env = setUp(await freePort());
    const first = await run(['renew', '--json'], env);
    expect(first.json()).toMatchObject({ status: 'succeeded', counts: { created: 2 } });
    expect(first.code).toBe(0);
    const second = await call(['renew'], env);
    expect(second.out).toContain('healthy 2');
    const listed = await call(['subscriptions'], env);
    expect(listed.out).toMatch(/^users +active/m);
    expect(listed.out).toMatch(/^groups +active/m);
  });

  it('says so where another program has the port', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as AddressInfo).port));
    });
    const { code, err } = await call(['renew'], setUp(port));
    blocker.close();
    expect(code).toBe(1);
    expect(err).toContain('EADDRINUSE');
  });
});

describe('check', () => {
  it('finds a good set-up good, the public URL too', async () => {
    const ended = await run(['check', '--json'], setUp(await freePort()));
    const { ok, findings } = ended.json<{ ok: boolean; findings: { part: string; verdict: string }[] }>();
    expect(findings.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect({ code: ended.code, ok }).toEqual({ code: 0, ok: true });
    for (const part of ['sign-in', 'permissions', 'graph', 'public url', 'target']) {
      expect(findings.some((finding) => finding.part === part && finding.verdict === 'ok')).toBe(true);
    }
  });

  it('says what is wrong with the public URL and with the target, and what to do', async () => {
    const [port, nobody] = [await freePort(), await freePort()];
    const { code, out } = await call(['check'], {
      ...setUp(port),
      PUBLIC_URL: `http://127.0.0.1:${nobody}`,
      GESPAGE_SQL_URL: `postgres://user:secret-of-the-target@127.0.0.1:${nobody}/gespage`,
    });
    expect(code).toBe(1);
    expect(out).toMatch(/^FAILED +public url .*ECONNREFUSED/m);
    expect(out).toMatch(/^FAILED +target /m);
    expect(out).toMatch(/^ +-> /m);
    expect(out).not.toContain('secret-of-the-target');
  });
});
