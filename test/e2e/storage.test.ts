// Owns the proof that a disk that is full, and a state database that is damaged, cost nobody anything while the service runs.
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { backUp } from '../../src/state/backup.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { makeProcessRig, type ProcessRig } from '../helpers/process.ts';
import { type Rig, startRig } from '../helpers/service.ts';
import { makeSmallDisk, sayIfNoSmallDisk } from '../helpers/small-disk.ts';
import { overwrite, pagesOf } from '../state/spoilt.ts';
import { send, userItem } from '../webhook/public-door.ts';

const withoutDisk = sayIfNoSmallDisk('the service on a disk that fills up');

const setting = {
  tenant: {
    users: 60,
    groups: 6,
    memberships: 120,
    settings: { delivery: { retryBaseMs: 100, retryMaxMs: 500 } },
  },
  mapping: { scope: { groups: ['*'] }, groups: { publish: ['*'] } },
};

type AnyRig = Pick<Rig | ProcessRig, 'tenant' | 'env'>;

/** A batch of nobody's: what is rejected is recorded too before it is acknowledged. */
const foreign = (number: number): string =>
  JSON.stringify({ value: [userItem(1, { subscriptionId: `nobody-${number}-${'x'.repeat(60)}` })] });

/** Posts until one is answered with 503; gives the statuses. */
async function postUntilRefused({ env }: AnyRig): Promise<number[]> {
  const port = Number(env['LISTEN_PORT']);
  const statuses: number[] = [];
  while (!statuses.includes(503)) {
    if (statuses.length > 20_000) throw new Error('The disk does not fill up.');
    const some = await Promise.all(
      Array.from({ length: 20 }, (_, at) => send(port, { body: foreign(statuses.length + at) })),
    );
    statuses.push(...some.map(({ status }) => status));
  }
  return statuses;
}

const countForeign = (file: string): number => {
  const sqlite = new Database(file, { readonly: true });
  const count = sqlite
    .prepare(`SELECT count(*) FROM notification WHERE subscription_id LIKE 'nobody-%'`)
    .pluck()
    .get() as number;
  sqlite.close();
  return count;
};

const someone = (rig: Pick<Rig | ProcessRig, 'target'>, at = 0): string =>
  [...rig.target().accounts.values()].filter(({ enabled }) => enabled === 1)[at]?.external_id ?? '';

describe('a disk that fills up', () => {
  it.skipIf(withoutDisk)(
    'refuses what it cannot hold, says so at every door, and goes on by itself when there is room [trouble 13.4]',
    { timeout: 90_000 },
    async () => {
      const disk = makeSmallDisk();
      const file = path.join(disk.folder, 'state.db');
      const rig = await makeProcessRig({ ...setting, env: { STATE_PATH: file } });
      const { tenant } = rig;
      const service = await rig.start();
      await rig.inSync(20_000);
      expect((await send(rig.publicPort, { body: foreign(-1) })).status).toBe(202);
      disk.fill();
      const statuses = await postUntilRefused(rig);
      // Changes of the meantime: notified, refused, notified again.
      for (let at = 0; at < 5; at += 1)
        tenant.updateUser(someone(rig, at), { displayName: `While full ${at}` });
      tenant.softDeleteUser(someone(rig, 6));
      await eventuallyTrue('the probe tells', async () => (await rig.ask('/readyz')).status === 503);
      const ready = await rig.ask('/readyz');
      expect(ready.body).toMatchObject({ status: 'unready', checks: { state: 'not writable' } });
      const { body } = await rig.ask('/api/status');
      expect((body['problems'] as string[])[0]).toMatch(/cannot be written: .* is full.*Make room/);
      // The first ones may find the last bytes of the log.
      let asked = await rig.ask('/api/subscriptions/renew', { method: 'POST' });
      for (let more = 0; asked.status === 202 && more < 50; more += 1) {
        asked = await rig.ask('/api/subscriptions/renew', { method: 'POST' });
      }
      expect([asked.status, asked.body['detail']]).toEqual([503, expect.stringMatching(/disk is full/)]);
      await eventuallyTrue('the log tells', () => service.output().includes('the work waits until it can'));
      disk.makeRoom();
      await eventuallyTrue('the log tells the end', () =>
        service.output().includes('The state database can be used again'),
      );
      await rig.inSync(30_000);
      await eventuallyTrue('the probe is content', async () => (await rig.ask('/readyz')).status === 200);
      expect((await rig.ask('/api/status')).body['problems']).toEqual([]);
      // Not one more and not one less than was acknowledged.
      expect((await send(rig.publicPort, { body: foreign(-2) })).status).toBe(202);
      const acknowledged = statuses.filter((status) => status === 202).length + 2;
      expect(countForeign(file)).toBe(acknowledged);
      // Not a line for each of the jobs at each of their tries.
      expect(service.output().split('the work waits until it can').length).toBeLessThan(5);
    },
  );

  it('that SQLite itself is told of does the same [trouble 13.4]', { timeout: 60_000 }, async () => {
    const rig = await startRig(setting);
    await rig.atRest(20_000);
    const { state, rooms, engine } = rig.parts();
    const { tenant } = rig;
    const pages = state.sql('PRAGMA page_count').pluck().get() as number;
    state.sql(`PRAGMA max_page_count = ${pages}`).get();
    tenant.configure({ delivery: { drops: 1 } });
    for (let at = 0; at < 150; at += 1) {
      tenant.createUser({ mailNickname: `new${at}`, displayName: 'n'.repeat(250) });
    }
    const run = rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
    engine.asked();
    await eventuallyTrue('a job meets it', () => rig.log.text().includes('the work waits until it can'));
    const statuses = await postUntilRefused(rig);
    expect(state.trouble()?.kind).toBe('full');
    expect(rooms.runs.get(run.id)?.status).toBe('running');
    state.sql('PRAGMA max_page_count = 1000000').get();
    await rig.inSync(30_000);
    await eventuallyTrue('the run is over', () => rooms.runs.get(run.id)?.finishedAt !== null);
    expect(rooms.runs.get(run.id)?.status).toBe('succeeded');
    await eventuallyTrue('the trouble is over', () => state.trouble() === undefined);
    const acknowledged = statuses.filter((status) => status === 202).length;
    expect(countForeign(rig.env['STATE_PATH'] ?? '')).toBe(acknowledged);
    for (const name of ['users', 'groups'] as const) {
      // Graph had no part in it.
      expect(rooms.streams.get(name)).toMatchObject({ attempt: 0, error: null });
    }
    expect(rig.log.text()).not.toContain('A target cannot be written');
  });
});

describe('a page of something else', () => {
  /** The tenant changes in every way while the service is down, and pages of the table are spoilt. */
  async function startSpoilt(rig: Rig, table: string): Promise<{ backup: string; file: string }> {
    await rig.atRest(20_000);
    const file = rig.env['STATE_PATH'] ?? '';
    const backup = `${file}.backup`;
    await backUp(file, backup);
    const { tenant } = rig;
    await rig.stop();
    for (let at = 0; at < 8; at += 1) tenant.updateUser(someone(rig, at), { accountEnabled: false });
    for (let at = 8; at < 16; at += 1) tenant.softDeleteUser(someone(rig, at));
    for (let at = 16; at < 30; at += 1) tenant.updateUser(someone(rig, at), { department: 'Elsewhere' });
    tenant.churn(20, { seed: 7 });
    const [, ...leaves] = pagesOf(file, table);
    for (const page of leaves.length > 0 ? leaves : pagesOf(file, table)) overwrite(file, page);
    return { backup, file };
  }

  it.each(['directory_object', 'account', 'membership'])(
    'in the table %s, met at work, stops all work: nobody is disabled, and the backup brings all back',
    { timeout: 90_000 },
    async (table) => {
      const rig = await startRig(setting);
      const { tenant } = rig;
      const { backup, file } = await startSpoilt(rig, table);
      const before = rig.target();
      await rig.start();
      const { state, engine } = rig.parts();
      await eventuallyTrue('the damage is met', () => state.trouble()?.kind === 'damaged', 20_000);
      await eventuallyTrue('all work has stopped', () => rig.log.text().includes('all work has stopped'));
      tenant.churn(20, { seed: 8 });
      await eventuallyTrue('the jobs rest', () =>
        engine.loops().every((loop) => ['resting', 'backing-off'].includes(loop.status().state)),
      );
      expect((await send(Number(rig.env['LISTEN_PORT']), { body: foreign(1) })).status).toBe(503);
      const enabled = (rows: typeof before): string[] =>
        [...rows.accounts.values()].filter((row) => row.enabled === 1).map((row) => row.external_id);
      expect(enabled(rig.target())).toEqual(enabled(before));
      expect(rig.target().accounts.size).toBe(before.accounts.size);
      const line = rig.log.lines.find(({ message }) => message.includes('all work has stopped'));
      expect(JSON.stringify(line?.fields)).toMatch(/is damaged.*move .* aside\. Put a backup in its place/);
      await rig.stop();
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
      copyFileSync(backup, file);
      await rig.start();
      await rig.atRest(40_000);
    },
  );

  it(
    'is told by the probe and the status, and a restart without the file fills a new one',
    { timeout: 90_000 },
    async () => {
      const rig = await makeProcessRig(setting);
      const { tenant } = rig;
      const first = await rig.start();
      await rig.inSync(20_000);
      first.kill('SIGTERM');
      await first.ended;
      const file = rig.env['STATE_PATH'] ?? '';
      const pages = pagesOf(file, 'directory_object');
      for (const page of pages.slice(1)) overwrite(file, page);
      const left = someone(rig, 1);
      tenant.softDeleteUser(left);
      const second = await rig.start();
      await eventuallyTrue('the probe tells', async () => (await rig.ask('/readyz')).status === 503, 20_000);
      expect((await rig.ask('/readyz')).body).toMatchObject({
        status: 'unready',
        checks: { state: 'damaged', worker: 'alive' },
      });
      const { status, body } = await rig.ask('/api/status');
      const words = status === 503 ? body['detail'] : (body['problems'] as string[])[0];
      expect(words).toMatch(/is damaged.*nobody is disabled or deleted.*Put a backup in its place/s);
      expect(rig.target().accounts.get(left)?.enabled).toBe(1);
      second.kill('SIGTERM');
      expect(await second.ended).toEqual({ code: 0, signal: null });
      const spoilt = readFileSync(file);
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
      writeFileSync(`${file}.aside`, spoilt);
      await rig.start();
      await rig.inSync(30_000);
      expect(rig.target().accounts.get(left)?.enabled).toBe(0);
    },
  );
});
