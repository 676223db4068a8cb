// Owns the proof that delta answers of every odd kind, and rounds that break off, end in the tenant's truth.
import { describe, expect, it } from 'vitest';
import { readStatus } from '../../src/sync/status.ts';
import type { FaultAction } from '../emulator/faults.ts';
import { startWireServer } from '../graph/wire-server.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { findMirrorDifferences } from '../helpers/expected-mirror.ts';
import { makeRig, readTestConfig, type Rig, startRig } from '../helpers/service.ts';
import { touched } from '../helpers/target-tables.ts';

const setting = {
  tenant: {
    users: 60,
    groups: 6,
    memberships: 60,
    settings: { delta: { pageSize: 10, emptyPages: 0 } },
  },
  mapping: { groups: { publish: ['*'] } },
};

const someone = (rig: Rig, at = 0): string =>
  [...rig.target().accounts.values()].filter(({ enabled }) => enabled === 1)[at]?.external_id ?? '';

/** Asks for a full resync and gives its end. */
async function resync(rig: Rig) {
  const { rooms, engine } = rig.parts();
  const { id } = rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
  engine.asked();
  await eventuallyTrue('the run is over', () => rooms.runs.get(id)?.finishedAt !== null);
  return rooms.runs.get(id);
}

/** Asks for a round of users, as the safety round does. */
function askRound(rig: Rig): void {
  const { rooms, engine } = rig.parts();
  rooms.streams.due('users', Date.now());
  engine.notified();
}

const usersStream = (rig: Rig) => rig.parts().rooms.streams.get('users');
const fullRoundsOfUsers = (rig: Rig) =>
  rig.tenant.rounds().filter(({ stream, full }) => stream === 'users' && full);

describe('a tenant whose delta shows everything that the documents allow', () => {
  it('is followed through empty pages, pieces, repeats, replays and tombstones [pitfall 21] [trouble 13.11]', async () => {
    const delta = {
      ...{ pageSize: [1, 4] as const, membersPerPage: [1, 6] as const, memberChunk: [1, 4] as const },
      ...{ emptyPages: 0.3, unknownTombstones: 3, formerMembers: 2, repeatObjects: 0.3, replayChanges: 5 },
      ...{ memberEvents: 'all' as const, firstRoundTombstones: true },
    };
    const rig = await makeRig({
      tenant: { ...setting.tenant, users: 40, settings: { delta } },
      mapping: setting.mapping,
      notifications: false,
      env: { POLL_SECONDS: '0.1' },
    });
    try {
      const { tenant } = rig;
      const [back = '', gone = ''] = tenant
        .snapshot()
        .users.filter(({ status }) => status === 'active')
        .map(({ id }) => id);
      tenant.addMember(tenant.groupId(0), back);
      tenant.softDeleteUser(back);
      tenant.hardDeleteUser(gone);
      await rig.start();
      await rig.inSync();
      tenant.restoreUser(back);
      for (let seed = 1; seed <= 3; seed += 1) {
        await rig.inSync();
        tenant.churn(15, { seed });
      }
      await rig.inSync();
      expect(tenant.rounds().some(({ full, pages }) => full && pages > 10)).toBe(true);
      await eventuallyTrue(
        'the mirror equals the tenant too',
        () =>
          findMirrorDifferences(tenant.snapshot(), rig.parts().rooms, rig.config.mapping, false).length === 0,
      );
    } finally {
      await rig.close();
    }
  });
});

describe('a full round that is interrupted in its middle', () => {
  it.each<[string, FaultAction, number]>([
    ['429 with Retry-After', { type: 'status', status: 429, retryAfter: 1 }, 1],
    ['429 without Retry-After', { type: 'status', status: 429, retryAfter: null }, 1],
    ['503 on a connection that never recovers', { type: 'status', status: 503, poison: true }, 1],
    ['504', { type: 'status', status: 504 }, 1],
    ['a reset, twice', { type: 'reset' }, 2],
  ])('by %s goes on at the same page [trouble 13.12]', async (_, action, times) => {
    const rig = await startRig(setting);
    await rig.atRest();
    const before = rig.target();
    const rounds = fullRoundsOfUsers(rig).length;
    rig.tenant.addFault({ path: '^/v1.0/users/delta', skip: 3, times, action });
    expect(await resync(rig)).toMatchObject({ status: 'succeeded' });
    expect(rig.tenant.faultHits()).toBe(times);
    expect(fullRoundsOfUsers(rig)).toHaveLength(rounds + 1);
    expect(touched(before, rig.target())).toEqual([]);
  });
});

describe('a full round', () => {
  it('that a dead token asks for is read while the last good state is served and changes go on [pitfall 7]', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const { tenant } = rig;
    const before = rig.target();
    const [one, other] = [someone(rig, 0), someone(rig, 1)];
    tenant.expireDeltaTokens('users', 'gone');
    tenant.addFault({
      path: '^/v1.0/users/delta.*skiptoken',
      skip: 2,
      action: { type: 'status', status: 500 },
    });
    tenant.configure({ delivery: { drops: 1 } });
    tenant.softDeleteUser(other);
    tenant.configure({ delivery: { drops: 0 } });
    askRound(rig);
    await eventuallyTrue('the full round is stuck in its middle', () => {
      const { round, roundPages, attempt } = usersStream(rig);
      return round === 'full' && roundPages > 1 && attempt > 1;
    });
    expect(touched(before, rig.target())).toEqual([]);
    tenant.updateUser(one, { displayName: 'Changed meanwhile' });
    await eventuallyTrue(
      'the change has arrived',
      () => rig.target().accounts.get(one)?.display_name === 'Changed meanwhile',
    );
    expect(usersStream(rig).round).toBe('full');
    expect(touched(before, rig.target())).toEqual([one]);
    tenant.clearFaults();
    await rig.atRest();
  });

  it('that a new attribute asks for begins from nothing, while the last good state is served [pitfall 9]', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const { tenant } = rig;
    const before = rig.target();
    await rig.stop();
    const mapping = { fields: { activity: ['jobTitle'] }, groups: setting.mapping.groups };
    Object.assign(rig.config, { mapping: readTestConfig(rig.env, mapping).mapping });
    tenant.softDeleteUser([...before.accounts.keys()][0] ?? '');
    const rounds = fullRoundsOfUsers(rig).length;
    tenant.addFault({
      path: '^/v1.0/users/delta.*skiptoken',
      skip: 2,
      action: { type: 'status', status: 500 },
    });
    await rig.start();
    await eventuallyTrue('the new round is stuck in its middle', () => usersStream(rig).attempt > 1);
    expect(usersStream(rig)).toMatchObject({ deltaLink: null, round: 'full' });
    expect(touched(before, rig.target())).toEqual([]);
    tenant.clearFaults();
    await rig.atRest();
    expect(fullRoundsOfUsers(rig)).toHaveLength(rounds + 1);
    expect([...rig.target().accounts.values()].some(({ activity }) => activity !== null)).toBe(true);
  });

  it('that stops at the seventh page of many removes nobody, after a restart neither [pitfall 8] [trouble 13.13]', async () => {
    const tenant = { ...setting.tenant, settings: { delta: { pageSize: 5, emptyPages: 0 } } };
    const rig = await startRig({ ...setting, tenant });
    await rig.atRest();
    const before = rig.target();
    rig.tenant.configure({ delivery: { drops: 1 } });
    const left = someone(rig);
    rig.tenant.softDeleteUser(left);
    const { rooms, engine } = rig.parts();
    rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
    rig.tenant.addFault({
      path: '^/v1.0/users/delta.*skiptoken',
      skip: 6,
      action: { type: 'status', status: 500 },
    });
    engine.asked();
    const isStuck = () => usersStream(rig).roundPages === 7 && usersStream(rig).attempt > 1;
    await eventuallyTrue('the round is stuck', isStuck);
    await rig.stop();
    await rig.start();
    await eventuallyTrue('the round is stuck again', isStuck);
    expect(touched(before, rig.target()).filter((id) => id !== left)).toEqual([]);
    rig.tenant.clearFaults();
    await rig.atRest();
    // Whoever is really gone went, and nobody else.
    expect(touched(before, rig.target())).toEqual([left]);
  });

  it('that ends well but shows nobody is held, and the next good one takes the hold away [pitfall 10] [trouble 13.13]', async () => {
    const rig = await startRig({ ...setting, env: { REMOVAL_LIMIT: '' } });
    await rig.atRest();
    const enabled = () => [...rig.target().accounts.values()].filter((row) => row.enabled === 1).length;
    const before = enabled();
    rig.tenant.addFault({ path: '^/v1.0/groups/delta', action: { type: 'status', status: 500 } });
    rig.tenant.configure({ deltaFaults: { emptyRounds: 1 } });
    const { rooms, engine } = rig.parts();
    rooms.streams.set('users', { fullWanted: rooms.directory.beginRead() });
    askRound(rig);
    await eventuallyTrue('there is a hold', () => rooms.removals.list(1)[0]?.status === 'open');
    expect(rooms.removals.list(9)).toMatchObject([{ people: before }]);
    expect(enabled()).toBe(before);
    rig.tenant.clearFaults();
    rooms.streams.set('users', { fullWanted: rooms.directory.beginRead() });
    engine.notified();
    await rig.atRest();
    expect(enabled()).toBe(before);
    await eventuallyTrue('the hold is over', () => rooms.removals.list(1)[0]?.status === 'emptied');
  });
});

describe('links', () => {
  it('that go round for ever are cut with an alarm; the stream is read anew once they end [pitfall 22] [trouble 13.12]', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const { tenant, log } = rig;
    const before = rig.target();
    tenant.configure({ deltaFaults: { loop: 'same-link' }, delivery: { drops: 1 } });
    const silent = tenant.createUser({ mailNickname: 'silent' }).id;
    tenant.resetRequests();
    askRound(rig);
    const alarms = () => log.lines.filter(({ fields }) => fields['code'] === 'link-loop');
    await eventuallyTrue('the alarm has come twice', () => alarms().length > 1);
    expect(alarms()[0]?.level).toBe('warn');
    const { rooms, engine, metrics } = rig.parts();
    const { problems } = readStatus({ rooms, engine, metrics, now: Date.now });
    expect(problems.some((problem) => problem.startsWith('The stream of users failed'))).toBe(true);
    expect((await metrics.render()).body).toMatch(/delta_resets_total\{stream="users"\} [1-9]/);
    expect(tenant.requests().byPath['GET /users/delta']).toBeLessThan(20);
    expect(touched(before, rig.target()).filter((id) => id !== silent)).toEqual([]);
    tenant.configure({ deltaFaults: { loop: null }, delivery: { drops: 0 } });
    await rig.atRest();
  });

  it('and a Location to a foreign host are never followed [trouble 13.17]', async () => {
    const foreign = await startWireServer();
    foreign.answer(() => ({ body: { value: [], '@odata.deltaLink': `${foreign.origin}/v1.0/users/delta` } }));
    const rig = await startRig(setting);
    await rig.atRest();
    const { tenant } = rig;
    const before = rig.target();
    tenant.configure({ deltaFaults: { foreignOrigin: foreign.origin } });
    tenant.expireDeltaTokens(null, 'gone-location');
    askRound(rig);
    const refusals = () => rig.log.lines.filter(({ fields }) => fields['code'] === 'foreign-link');
    await eventuallyTrue('the link is refused', () => refusals().length > 0);
    expect(touched(before, rig.target())).toEqual([]);
    tenant.configure({ deltaFaults: { foreignOrigin: null } });
    await rig.atRest();
    expect(foreign.asked).toEqual([]);
    await foreign.close();
  });
});

describe('a group that hides its members', () => {
  it('keeps those known after the permission to see them was revoked, and that is told [pitfall 23] [trouble 13.18]', async () => {
    const roles = ['User.Read.All', 'Group.Read.All'];
    const signIn = { roles: [...roles, 'Member.Read.Hidden'] };
    const rig = await startRig({ ...setting, tenant: { ...setting.tenant, settings: { signIn } } });
    const { tenant } = rig;
    const hidden = tenant.createGroup({ displayName: 'Hidden', visibility: 'HiddenMembership' }).id;
    await rig.inSync();
    tenant.addMember(hidden, someone(rig, 0));
    tenant.addMember(hidden, someone(rig, 1));
    await rig.atRest();
    const before = rig.target();
    expect([...before.memberships.values()].filter((groups) => groups.includes(hidden))).toHaveLength(2);
    tenant.configure({ signIn: { roles } });
    tenant.revokeTokens();
    // The group was empty at first, which was told as well.
    rig.log.clear();
    expect(await resync(rig)).toMatchObject({ status: 'succeeded' });
    expect(touched(before, rig.target())).toEqual([]);
    const warning = rig.log.lines.find(({ message }) => message.startsWith('Groups hide their members'));
    expect(warning).toMatchObject({ level: 'warn', fields: { groups: [hidden] } });
    expect(String(warning?.fields['advice'])).toContain('Member.Read.Hidden');
  });
});
