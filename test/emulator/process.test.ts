// Owns the proof that the tenant runs as a process of its own, is driven from outside, and can be replayed.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { trustAuthority } from './certificates.ts';
import { startEmulator } from './emulator.ts';
import type { Change } from './mutations.ts';
import { guidOf, indexOfGuid } from './random.ts';

type Ready = Record<
  'graphBaseUrl' | 'authorityHost' | 'tenantId' | 'clientId' | 'clientSecret' | 'caPath' | 'controlUrl',
  string
>;

test('the tenant closes at once, though somebody is in the middle of a handshake', async () => {
  const tenant = await startEmulator({ users: 1 });
  const { port } = new URL(tenant.graphBaseUrl);
  const silent = connect(Number(port), '127.0.0.1');
  // Nobody answers a client that says nothing; another's answer shows that the server has taken both in.
  await once(silent, 'connect');
  trustAuthority(tenant.caPem);
  await fetch(`${tenant.graphBaseUrl}/v1.0/users`);
  const closed = once(silent, 'close');
  await Promise.all([tenant.close(), closed]);
  expect(silent.destroyed).toBe(true);
});

describe('the process', () => {
  test('prints where it is, obeys the control API, and ends on SIGTERM', async () => {
    const main = new URL('./main.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [main, '--users', '40', '--groups', '4', '--page-size', '1-7'], {
      env: { ...process.env, EMULATOR_SEED: '5' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line')) as [string];
    const ready = JSON.parse(line) as Ready;
    trustAuthority(readFileSync(ready.caPath, 'utf8'));
    const discovery = await fetch(
      `${ready.authorityHost}/${ready.tenantId}/v2.0/.well-known/openid-configuration`,
    );
    expect(await discovery.json()).toMatchObject({
      token_endpoint: `${ready.authorityHost}/${ready.tenantId}/oauth2/v2.0/token`,
    });
    const call = async (verb: string, ...args: unknown[]) => {
      const answer = await fetch(`${ready.controlUrl}/${verb}`, {
        method: 'POST',
        body: JSON.stringify({ args }),
      });
      return { status: answer.status, ...((await answer.json()) as { result?: unknown; error?: string }) };
    };
    const { result: id } = await call('userId', 7);
    const { result } = await call('updateUser', id, { displayName: 'From outside' });
    expect(result).toMatchObject({ kind: 'user', id, operation: 'updated', seq: 1 });
    expect((await call('user', id)).result).toMatchObject({ props: { displayName: 'From outside' } });
    expect((await call('snapshot')).result).toMatchObject({ seq: 1 });
    expect(await call('noSuchVerb')).toMatchObject({ status: 400 });
    expect((await call('updateUser', 'nobody', {})).error).toContain('no user with the id nobody');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe('the seed', () => {
  test('repeats the population and the changes', async () => {
    const run = async (seed: number): Promise<{ changes: Change[]; truth: string }> => {
      const tenant = await startEmulator({ users: 200, groups: 12, seed, clock: () => 1_800_000_000_000 });
      const changes = tenant.churn(300);
      const truth = JSON.stringify(tenant.snapshot());
      await tenant.close();
      return { changes, truth };
    };
    const [first, again, other] = [await run(3), await run(3), await run(4)];
    expect(first.changes).toHaveLength(300);
    expect(new Set(first.changes.map(({ operation }) => operation)).size).toBe(6);
    expect(again).toEqual(first);
    expect(other.truth).not.toBe(first.truth);
  });

  test('gives every person a login of their own', async () => {
    const tenant = await startEmulator({ users: 3000 });
    const { users } = tenant.snapshot();
    for (const name of ['userPrincipalName', 'mailNickname']) {
      expect(new Set(users.map(({ props }) => String(props[name]).toLowerCase())).size).toBe(3000);
    }
    await tenant.close();
  });

  test('numbers objects reversibly', () => {
    for (const index of [0, 1, 2, 499_999, 0x3fffffff]) {
      const id = guidOf(index, 12345);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(indexOfGuid(id, 12345)).toBe(index);
    }
  });

  test('stays small and quick at the size of a large university', async () => {
    const started = performance.now();
    const tenant = await startEmulator({ users: 100_000, groups: 1000, memberships: 400_000 });
    const truth = tenant.group(tenant.groupId(0));
    expect(performance.now() - started).toBeLessThan(5000);
    expect(truth?.members.length).toBeGreaterThan(0);
    await tenant.close();
  });
});
