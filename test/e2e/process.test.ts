// Owns the proof that the process behaves: killed at any moment, told to stop, wrongly configured, and silent on secrets.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../emulator/random.ts';
import { gatherEvidence } from '../helpers/evidence.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { makeProcessRig, type Process, type ProcessRig, startProcess } from '../helpers/process.ts';
import { adminToken } from '../helpers/service.ts';

const setting = {
  tenant: { users: 150, groups: 12, memberships: 400, settings: { delta: { pageSize: [1, 60] as const } } },
  mapping: { groups: { publish: ['*'] } },
};

/** Everything that must never be seen in the output. */
function findSecrets(rig: ProcessRig, clientStates: ReadonlySet<string>, output: string): string[] {
  const secrets = [rig.tenant.clientSecret, adminToken, ...clientStates];
  const shapes = [/\$?(delta|skip)token=[^"\s]{8,}/i, /eyJ[\w-]{10,}\./, /Bearer [\w-]{8,}/];
  return [
    ...secrets.filter((secret) => secret !== '' && output.includes(secret)),
    ...shapes.flatMap((shape) => shape.exec(output)?.[0] ?? []),
  ];
}

describe('the service', () => {
  it(
    'killed again and again amid changes and failures, loses nothing [pitfall 1]',
    { timeout: 90_000 },
    async () => {
      const kills = 8;
      const seed = Number(process.env['KILL_SEED'] ?? Math.trunc(Math.random() * 1e9));
      const random = createRandom(seed);
      const rig = await makeProcessRig(setting);
      const { tenant } = rig;
      tenant.addFault({ probability: 0.03, action: { type: 'status', status: 503 } });
      tenant.addFault({ probability: 0.02, action: { type: 'reset' } });
      const clientStates = new Set<string>();
      let output = '';
      let changes = 0;
      const change = (): void => {
        changes += tenant.churn(random.int(1, 4), { seed: random.int(0, 1e9) }).length;
        for (const { clientState } of tenant.subscriptions()) clientStates.add(clientState ?? '');
      };
      const live = async (service: Process, ms: number): Promise<void> => {
        for (const end = Date.now() + ms; Date.now() < end; await sleep(random.int(0, 25))) change();
        service.kill('SIGKILL');
        await service.ended;
        output += service.output();
        // Changes go on while nobody listens.
        for (let more = random.int(0, 3); more > 0; more -= 1) change();
      };
      for (let kill = 0; kill < kills; kill += 1) await live(await rig.start(), random.int(20, 700));
      const last = await rig.start();
      change();
      await rig.inSync(40_000).catch((error: unknown) => {
        const text = `KILL_SEED=${seed}: ${String(error)}`;
        throw new Error(`${text}\n${gatherEvidence(tenant, rig.env['STATE_PATH'] ?? '', text)}`);
      });
      expect(changes).toBeGreaterThan(200);
      last.kill('SIGTERM');
      expect(await last.ended).toEqual({ code: 0, signal: null });
      output += last.output();
      expect(output).toContain('A subscription is created');
      expect(findSecrets(rig, clientStates, output)).toEqual([]);
    },
  );

  it('told to stop, ends with exit code 0 although a connection is kept open [pitfall 15]', async () => {
    const rig = await makeProcessRig(setting);
    const service = await rig.start();
    await rig.inSync();
    const parked = [rig.publicPort, Number(new URL(rig.adminUrl).port)].map((port) =>
      connect(port, '127.0.0.1'),
    );
    for (const socket of parked) {
      socket.on('error', () => undefined);
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n');
      await once(socket, 'data');
    }
    const asked = Date.now();
    service.kill('SIGTERM');
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(Date.now() - asked).toBeLessThan(5_000);
    for (const socket of parked) socket.destroy();
  });

  it('told twice, ends at once', async () => {
    const rig = await makeProcessRig(setting);
    const service = await rig.start();
    await rig.inSync();
    // A request that never ends keeps the door from closing.
    const socket = connect(rig.publicPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'POST /graph/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    await once(socket, 'connect');
    service.kill('SIGTERM');
    await eventuallyTrue('the first signal is taken up', () =>
      service.output().includes('SIGTERM received: stopping'),
    );
    service.kill('SIGINT');
    expect(await service.ended).toEqual({ code: 130, signal: null });
    socket.destroy();
  });

  it('wrongly configured, names every problem at once and ends with exit code 2 [pitfall 18]', async () => {
    const secret = 'a~secret.that-must-not-be-shown';
    const service = startProcess({
      AZURE_TENANT_ID: 'not a tenant',
      AZURE_CLIENT_SECRET: secret,
      GRAPH_BASE_URL: 'http://graph.example',
      LISTEN_PORT: 'eighty',
      ADMIN_TOKEN: 'short',
      REMOVAL_POLICY: 'perhaps',
      GESPAGE_SQL_URL: 'oracle://somewhere',
    });
    expect(await service.ended).toEqual({ code: 2, signal: null });
    const output = service.output();
    for (const name of [
      ...['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'GRAPH_BASE_URL', 'LISTEN_PORT', 'ADMIN_TOKEN'],
      ...['REMOVAL_POLICY', 'GESPAGE_SQL_URL'],
    ]) {
      expect(output).toContain(name);
    }
    expect(output).not.toContain(secret);
    expect(output).not.toMatch(/^\s+at /m);
  });

  it('resyncs when asked by HTTP, and tells how it went', async () => {
    const rig = await makeProcessRig(setting);
    const { tenant } = rig;
    await rig.start();
    await rig.inSync();
    expect((await fetch(`${rig.adminUrl}/api/resync`, { method: 'POST' })).status).toBe(401);
    tenant.configure({ delivery: { drops: 1 } });
    tenant.createUser({ mailNickname: 'silent' });
    const resync = async (dryRun: boolean) => {
      const { status, body } = await rig.ask('/api/resync', {
        method: 'POST',
        body: JSON.stringify({ dryRun }),
      });
      expect(status).toBe(202);
      const route = `/api/runs/${String(body['runId'])}`;
      await eventuallyTrue('the run is over', async () =>
        /succeeded|failed|held/.test(String((await rig.ask(route)).body['status'])),
      );
      return (await rig.ask(route)).body;
    };
    expect(await resync(true)).toMatchObject({ status: 'succeeded', counts: { created: 1 } });
    expect(rig.differences()).toHaveLength(1);
    expect(await resync(false)).toMatchObject({ status: 'succeeded', counts: { created: 1 } });
    expect(rig.differences()).toEqual([]);
  });
});
