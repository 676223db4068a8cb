// Owns the proof that a restart, a kill, a second process or a Graph that is away loses nothing and repeats nothing.
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { StreamStatus } from '../../src/sync/status-model.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { makeProcessRig, type ProcessRig, startProcess } from '../helpers/process.ts';
import { type Rig, startRig } from '../helpers/service.ts';
import { touched } from '../helpers/target-tables.ts';

const setting = {
  tenant: {
    users: 40,
    groups: 4,
    memberships: 60,
    settings: { delta: { pageSize: 10, emptyPages: 0 } },
  },
  mapping: { groups: { publish: ['*'] } },
};

const someone = (rig: Pick<Rig | ProcessRig, 'target'>, at = 0): string =>
  [...rig.target().accounts.values()].filter(({ enabled }) => enabled === 1)[at]?.external_id ?? '';

describe('a pause that Graph asks for', () => {
  it('delays the work over a restart, and nothing counts as failed [pitfall 6]', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const { tenant } = rig;
    const seconds = 4;
    tenant.throttle({ forMs: seconds * 1_000, retryAfter: seconds });
    const end = Date.now() + seconds * 1_000;
    const id = someone(rig);
    tenant.updateUser(id, { displayName: 'In the pause' });
    const run = rig.parts().rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
    rig.parts().engine.asked();
    let refused = 0;
    let since = Date.now();
    await eventuallyTrue('Graph refused a request, and is left alone', () => {
      if (tenant.throttledRequests() !== refused) since = Date.now();
      refused = tenant.throttledRequests();
      return refused > 0 && Date.now() - since > 200;
    });
    await rig.stop();
    await rig.start();
    const rooms = () => rig.parts().rooms;
    await eventuallyTrue('the pause is over', () => {
      expect(rig.target().accounts.get(id)?.display_name).not.toBe('In the pause');
      expect(rooms().runs.get(run.id)?.status).toBe('running');
      for (const name of ['users', 'groups'] as const) expect(rooms().streams.get(name).attempt).toBe(0);
      return Date.now() > end - 100;
    });
    await rig.atRest();
    await eventuallyTrue('the run is over', () => rooms().runs.get(run.id)?.finishedAt !== null);
    expect(rooms().runs.get(run.id)?.status).toBe('succeeded');
    expect(tenant.throttledRequests()).toBe(refused);
  });
});

describe('a run that is under way', () => {
  it('when the target is away survives a restart, and writes nothing a second time [pitfall 27]', async () => {
    let isDown = false;
    const rig = await startRig({
      ...setting,
      prepare({ targets }) {
        for (const target of targets) {
          const { apply } = target;
          target.apply = (batch) =>
            isDown ? Promise.reject(new Error('The test has taken the target away.')) : apply(batch);
        }
      },
    });
    await rig.atRest();
    const before = rig.target();
    const { tenant } = rig;
    tenant.configure({ delivery: { drops: 1 } });
    const renamed = someone(rig, 0);
    const left = someone(rig, 1);
    tenant.updateUser(renamed, { displayName: 'Renamed in silence' });
    tenant.softDeleteUser(left);
    isDown = true;
    const rooms = () => rig.parts().rooms;
    const run = rooms().runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
    rig.parts().engine.asked();
    await eventuallyTrue(
      'the run waits for the target',
      () => rooms().runs.get(run.id)?.phase === 'delivering',
    );
    const startedAt = rooms().runs.get(run.id)?.startedAt;
    const revision = rooms().ledger.revision();
    const audit = () => rooms().state.sql('SELECT count(*) FROM audit').pluck().get();
    const audited = audit();
    await rig.stop();
    isDown = false;
    await rig.start();
    await eventuallyTrue('the run is over', () => rooms().runs.get(run.id)?.finishedAt !== null);
    const ended = rooms().runs.get(run.id);
    expect(ended).toMatchObject({ status: 'succeeded', startedAt });
    expect(JSON.parse(ended?.counts ?? '{}')).toMatchObject({
      created: 0,
      updated: 1,
      disabled: 1,
      deleted: 0,
    });
    await rig.atRest();
    expect([rooms().ledger.revision(), audit(), rooms().runs.list(9).length]).toEqual([revision, audited, 1]);
    expect(touched(before, rig.target())).toEqual([renamed, left].sort());
  });
});

describe('the process', () => {
  it('killed between the 202 and the reading applies the change after its restart [pitfall 1]', async () => {
    const rig = await makeProcessRig(setting);
    const { tenant } = rig;
    const service = await rig.start();
    await rig.inSync();
    await tenant.whenIdle();
    // The stream never shows the change: whoever forgets the notification never sees it.
    tenant.freeze('delta');
    tenant.addFault({ path: '/\\$batch', action: { type: 'status', status: 503 } });
    const change = tenant.updateUser(someone(rig), { displayName: 'Acknowledged' });
    await eventuallyTrue('it is acknowledged', () => tenant.acknowledgedAt(change.seq) !== null);
    service.kill('SIGKILL');
    await service.ended;
    expect(rig.target().accounts.get(change.id)?.display_name).not.toBe('Acknowledged');
    tenant.clearFaults();
    await rig.start();
    await rig.inSync();
  });

  it('killed amid a resync ends it after its restart, once [pitfall 27]', async () => {
    const rig = await makeProcessRig(setting);
    const { tenant } = rig;
    const service = await rig.start();
    await rig.inSync();
    await tenant.whenIdle();
    // The round that follows the first full one would find the person before the run does.
    await eventuallyTrue('the round after the full one is over', async () => {
      const streams = (await rig.ask('/api/status')).body['streams'] as StreamStatus[];
      return streams.every(
        ({ running, lastRoundAt, lastFullRoundAt, nextRoundAt }) =>
          running === null &&
          ((lastRoundAt ?? '') > (lastFullRoundAt ?? '') || nextRoundAt > new Date().toISOString()),
      );
    });
    tenant.configure({ delivery: { drops: 1 } });
    const created = tenant.createUser({ mailNickname: 'silent' }).id;
    tenant.addFault({
      path: '^/v1.0/users/delta.*skiptoken',
      skip: 2,
      action: { type: 'status', status: 500 },
    });
    const asked = await rig.ask('/api/resync', { method: 'POST', body: '{}' });
    const route = `/api/runs/${String(asked.body['runId'])}`;
    await eventuallyTrue('the run reads', async () => (await rig.ask(route)).body['status'] === 'running');
    const { startedAt } = (await rig.ask(route)).body;
    service.kill('SIGKILL');
    await service.ended;
    tenant.clearFaults();
    await rig.start();
    await eventuallyTrue('the run is over', async () => (await rig.ask(route)).body['finishedAt'] !== null);
    const { body } = await rig.ask(route);
    expect(body).toMatchObject({
      status: 'succeeded',
      startedAt,
      counts: { created: 1, updated: 0, disabled: 0 },
    });
    const audit = (await rig.ask(`/api/audit?person=${created}`)).body['items'];
    expect(audit).toMatchObject([{ action: 'create' }]);
    expect((await rig.ask('/api/runs')).body['items']).toHaveLength(1);
  });

  it('stays ready while Graph is away, so that notifications are taken, and starts ready too [pitfall 16]', async () => {
    const rig = await makeProcessRig(setting);
    const { tenant } = rig;
    const first = await rig.start();
    await rig.inSync();
    for (const scope of ['graph', 'token'] as const) tenant.addFault({ scope, action: { type: 'reset' } });
    const takes = async (displayName: string) => {
      const changes = [
        tenant.updateUser(someone(rig), { displayName }),
        tenant.updateGroup(tenant.groupId(0), { displayName }),
      ];
      await eventuallyTrue('both are acknowledged', () =>
        changes.every(({ seq }) => tenant.acknowledgedAt(seq) !== null),
      );
      return (await rig.ask('/readyz')).status;
    };
    const isDegraded = async () => (await rig.ask('/readyz')).body['status'] === 'degraded';
    expect(await takes('While Graph is away')).toBe(200);
    await eventuallyTrue('the trouble is told', isDegraded);
    first.kill('SIGTERM');
    await first.ended;
    await rig.start();
    expect(await takes('Still away')).toBe(200);
    await eventuallyTrue('the trouble is told again', isDegraded);
    expect((await rig.ask('/readyz')).status).toBe(200);
    tenant.clearFaults();
    await rig.inSync(20_000);
  });

  it('whose migration fails ends and names it [pitfall 17]', async () => {
    const rig = await makeProcessRig(setting);
    const state = new Database(rig.env['STATE_PATH'] ?? '');
    state.exec('CREATE TABLE stream (it_is TEXT)');
    state.close();
    const service = startProcess(rig.env);
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.output()).toMatch(/migration 0000_\w+ .*failed: .*stream.* already exists/);
  });

  it('started twice at once makes two subscriptions and one reader; the other takes over [trouble 13.9]', async () => {
    const rig = await makeProcessRig(setting);
    const { tenant } = rig;
    const services = [startProcess(rig.env), startProcess(rig.env)];
    await rig.inSync(20_000);
    expect(tenant.subscriptions()).toHaveLength(2);
    const waits = (one: (typeof services)[number]) =>
      one.output().includes('Another process still works on the state database');
    await eventuallyTrue('one of them waits', () => services.some(waits));
    expect(services.filter(waits)).toHaveLength(1);
    expect(tenant.handshakes()).toHaveLength(4);
    const { byStatus, violations } = tenant.requests();
    expect([byStatus[409], violations]).toEqual([undefined, []]);
    const subscribed = tenant.subscriptions().map(({ id }) => id);
    const [working, waiting] = services.toSorted((one, other) => Number(waits(one)) - Number(waits(other)));
    working?.kill('SIGTERM');
    expect(await working?.ended).toEqual({ code: 0, signal: null });
    await eventuallyTrue(
      'the other one works',
      () => waiting?.output().includes('The doors are open') === true,
    );
    tenant.updateUser(someone(rig), { displayName: 'Under the other one' });
    await rig.inSync(20_000);
    expect(tenant.subscriptions().map(({ id }) => id)).toEqual(subscribed);
    waiting?.kill('SIGTERM');
    expect(await waiting?.ended).toEqual({ code: 0, signal: null });
  });
});
