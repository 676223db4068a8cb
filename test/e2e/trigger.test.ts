// Owns the proof of the trigger in the whole service: called when the targets have a change, and known to the status.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { TriggerMessage } from '../../src/gespage/trigger.ts';
import { readStatus } from '../../src/sync/status.ts';
import { eventually } from '../helpers/eventually.ts';
import { type Rig, startRig } from '../helpers/service.ts';

const secret = 'k3y-of-the-trigger';

async function listen() {
  const heard: TriggerMessage[] = [];
  let status = 503;
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      if (status === 200) heard.push(JSON.parse(Buffer.concat(pieces).toString('utf8')) as TriggerMessage);
      response.writeHead(status).end('the answer');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://user:${secret}@127.0.0.1:${port}/run`, heard, mend: () => (status = 200) };
}

const statusOf = (rig: Rig) => {
  const { rooms, engine, metrics } = rig.parts();
  return readStatus({ rooms, engine, metrics, now: Date.now });
};

it('is called once all is there, again after a change, through failures and restarts', async () => {
  const site = await listen();
  const rig = await startRig({
    tenant: { users: 20, groups: 0 },
    env: { GESPAGE_TRIGGER_URL: site.url },
  });
  await rig.atRest();
  await eventually(() => (statusOf(rig).trigger?.failingSince ? [] : 'no failure is noted'), 15_000);
  expect(statusOf(rig).problems.join()).toContain('answered 503 and said: the answer');
  await rig.stop();
  site.mend();
  await rig.start();
  await eventually(() => (site.heard.length === 1 ? [] : `${site.heard.length} calls`), 15_000);
  const accounts = rig.target().accounts.size;
  expect(site.heard[0]).toMatchObject({ product: 'gespage-graph-sync', accounts, targets: ['sqlite'] });

  rig.tenant.createUser({ displayName: 'Late', mailNickname: 'late' });
  await eventually(() => (site.heard.length === 2 ? [] : `${site.heard.length} calls`), 15_000);
  expect(site.heard[1]?.accounts).toBe(accounts + 1);
  await eventually(() => (statusOf(rig).trigger?.status === 200 ? [] : 'the status does not know'));
  expect(statusOf(rig).trigger).toMatchObject({ failingSince: null, error: null });
  expect(JSON.stringify(rig.log.lines)).toContain('"answer":"the answer"');
  expect(JSON.stringify([rig.log.lines, statusOf(rig)])).not.toContain(secret);
});
