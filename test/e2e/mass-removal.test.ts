// Owns the proof that no way in which a tenant can seem to have lost its people takes accounts beyond the limit.
import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readStatus } from '../../src/sync/status.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { type Rig, startRig } from '../helpers/service.ts';

const people = 30;
const limit = 10;

/** What goes wrong; the service runs, or is started again by the way itself. */
interface Way {
  readonly scoped: boolean;
  /** Whether the removals come as far as the guard; else they are seen through before. */
  readonly isHeld: boolean;
  go(
    rig: Rig,
    made: { readonly ids: readonly string[]; readonly staff: string; readonly team: string },
  ): void | Promise<void>;
}

const whileDown = async (rig: Rig, work: () => void): Promise<void> => {
  await rig.stop();
  work();
  await rig.start();
};

function remap(rig: Rig, mapping: unknown): void {
  Object.assign(rig.config, { mapping: { ...rig.config.mapping, ...(mapping as object) } });
  writeFileSync(rig.env['MAPPING_FILE'] ?? '', JSON.stringify(rig.config.mapping));
}

const ways: Readonly<Record<string, Way>> = {
  'a full round of users that is empty and ends well': {
    scoped: false,
    isHeld: true,
    go: ({ tenant }) => tenant.configure({ deltaFaults: { emptyRounds: 1 } }),
  },
  'a full round of groups that is empty and ends well': {
    scoped: true,
    isHeld: true,
    go({ tenant, parts }) {
      // The users' round comes first; only that of the groups is to be empty.
      tenant.configure({ deltaFaults: { emptyRounds: 1 } });
      parts().rooms.streams.set('groups', { fullWanted: parts().rooms.directory.beginRead() });
    },
  },
  'everybody deleted for now': {
    scoped: false,
    isHeld: true,
    go: ({ tenant }, { ids }) => ids.forEach((id) => tenant.softDeleteUser(id)),
  },
  'everybody deleted for good while the service was down': {
    scoped: false,
    isHeld: true,
    go: (rig, { ids }) => whileDown(rig, () => ids.forEach((id) => rig.tenant.hardDeleteUser(id))),
  },
  'everybody disabled, one notification after the other': {
    scoped: false,
    isHeld: true,
    go: ({ tenant }, { ids }) => ids.forEach((id) => tenant.updateUser(id, { accountEnabled: false })),
  },
  'everybody made a guest': {
    scoped: false,
    isHeld: true,
    go: ({ tenant }, { ids }) => ids.forEach((id) => tenant.updateUser(id, { userType: 'Guest' })),
  },
  'an empty scope group': {
    scoped: true,
    isHeld: true,
    go: ({ tenant }, { ids, staff }) => void tenant.changeMembers(staff, { remove: ids.slice(0, 15) }),
  },
  'a scope group that is renamed': {
    scoped: true,
    isHeld: true,
    go: ({ tenant }, { staff }) => void tenant.updateGroup(staff, { displayName: 'Personnel' }),
  },
  'a scope group that is deleted': {
    scoped: true,
    isHeld: true,
    go: ({ tenant }, { staff }) => void tenant.deleteGroup(staff),
  },
  'a nested group that is taken out of the scope group': {
    scoped: true,
    isHeld: true,
    go: ({ tenant }, { staff, team }) => void tenant.removeMember(staff, team),
  },
  'a scope group that hides its members from now on': {
    scoped: true,
    isHeld: false,
    go: ({ tenant }, { staff }) => void tenant.updateGroup(staff, { visibility: 'HiddenMembership' }),
  },
  'a scope that is mistyped in the mapping file': {
    scoped: true,
    isHeld: true,
    go: (rig) =>
      whileDown(rig, () => remap(rig, { scope: { groups: ['Saff'], includeGuests: false, exclude: [] } })),
  },
  'an exclusion that means everybody': {
    scoped: false,
    isHeld: true,
    go: (rig) =>
      whileDown(rig, () =>
        remap(rig, { scope: { groups: [], includeGuests: false, exclude: ['*@emulated.example'] } }),
      ),
  },
  'a permission that is revoked': {
    scoped: true,
    isHeld: false,
    go: ({ tenant }) => {
      tenant.configure({ signIn: { roles: [] } });
      tenant.revokeTokens();
    },
  },
  'properties that cannot be read any more': {
    scoped: false,
    isHeld: false,
    go: ({ tenant }, { ids }) => ids.forEach((id) => tenant.updateUser(id, { accountEnabled: null })),
  },
  'replicas of the reads by name that know nobody': {
    scoped: false,
    isHeld: false,
    go({ tenant }, { ids }) {
      tenant.configure({ lag: { getMs: 3_600_000, deltaMs: 0, probability: 1 } });
      ids.forEach((id) => tenant.updateUser(id, { displayName: 'Changed' }));
    },
  },
  'a state database that is lost while everybody is deleted': {
    scoped: false,
    isHeld: true,
    go: (rig, { ids }) =>
      whileDown(rig, () => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(rig.config.state.path + suffix, { force: true });
        ids.forEach((id) => rig.tenant.softDeleteUser(id));
      }),
  },
};

/** Asks for a full resync, and waits until it has ended one way or another. */
async function resync(rig: Rig, requestedBy = 'test'): Promise<void> {
  const { rooms, engine } = rig.parts();
  const { id } = rooms.runs.request({ kind: 'resync', requestedBy }, Date.now());
  engine.asked();
  await eventuallyTrue(
    'the resync has ended',
    () => (rooms.runs.get(id)?.finishedAt ?? null) !== null,
    25_000,
  );
}

describe('a tenant that seems to have lost its people', () => {
  it.each(Object.entries(ways))('by %s, costs no account beyond the limit [pitfall 8]', async (_, way) => {
    const groups = way.scoped ? ['Staff'] : [];
    const rig = await startRig({
      tenant: { users: 0 },
      mapping: { scope: { groups, includeGuests: false, exclude: [] } },
      env: { REMOVAL_LIMIT: `${limit}` },
    });
    const { tenant } = rig;
    const ids = Array.from(
      { length: people },
      (__, number) => tenant.createUser({ mailNickname: `p${number}` }).id,
    );
    const staff = tenant.createGroup({ displayName: 'Staff' }).id;
    const team = tenant.createGroup({ displayName: 'Team' }).id;
    tenant.changeMembers(staff, { add: [team, ...ids.slice(0, 15)] });
    tenant.changeMembers(team, { add: ids.slice(15) });
    await rig.atRest();
    await way.go(rig, { ids, staff, team });
    await resync(rig);
    await eventuallyTrue('nothing waits to be decided', () => {
      const { rooms, deliveries } = { ...rig.parts(), deliveries: rig.parts().engine.deliveries };
      return (
        rooms.people.isEmpty() &&
        rooms.removals.countProposed() === 0 &&
        deliveries.every((delivery) => delivery.isCurrent())
      );
    });
    const { accounts } = rig.target();
    const lost = ids.filter((id) => accounts.get(id)?.enabled !== 1).length;
    expect(lost).toBeLessThanOrEqual(limit);
    const removals = rig
      .parts()
      .rooms.state.sql(`SELECT count(DISTINCT key) FROM audit WHERE action IN ('disable', 'delete')`)
      .pluck()
      .get();
    expect(removals).toBeLessThanOrEqual(limit);
    expect(rig.parts().rooms.removals.openPeople() > 0).toBe(way.isHeld);
    expect(lost > 0).toBe(false);
  });
});

describe('groups that seem to have lost their members', () => {
  const startWithGroups = async () => {
    const rig = await startRig({
      tenant: { users: 60, groups: 6, memberships: 60 },
      mapping: { groups: { publish: ['*'] } },
    });
    await rig.atRest();
    return { rig, before: rig.target() };
  };
  const asked = (rig: Rig) =>
    rig
      .parts()
      .rooms.runs.list(10)
      .map(({ status, requestedBy }) => `${requestedBy}: ${status}`);
  /** A round of groups that says nothing and ends well; the one of users comes before it, and is not empty. */
  const emptyGroups = (rig: Rig) => {
    const { rooms } = rig.parts();
    rig.tenant.configure({ deltaFaults: { emptyRounds: 1 } });
    rooms.streams.set('groups', { fullWanted: rooms.directory.beginRead() });
    rig
      .parts()
      .engine.loops()
      .find((loop) => loop.status().name === 'groups')
      ?.wake();
    return eventuallyTrue('the loss is refused', () => rooms.groupLosses.refused() !== undefined);
  };

  it('keep them until an operator asks for a resync, and that is told [trouble 13.13]', async () => {
    const { rig, before } = await startWithGroups();
    await emptyGroups(rig);
    await rig.atRest();
    expect(rig.target().memberships).toEqual(before.memberships);
    expect(rig.target().groups).toEqual(before.groups);
    const { problems } = readStatus({ ...rig.parts(), now: Date.now });
    expect(problems.join(' ')).toContain('memberships, so it was not believed');
    // The next round shows them again: nothing is lost, nothing is to be decided.
    await resync(rig);
    expect(rig.parts().rooms.groupLosses.refused()).toBeUndefined();
    expect(rig.target().memberships).toEqual(before.memberships);
    expect(asked(rig)).toEqual(['test: succeeded']);
  });

  it('lose them when an operator asks for a resync after that; the schedule is no operator', async () => {
    const { rig, before } = await startWithGroups();
    await rig.stop();
    for (const { id, status, members } of rig.tenant.snapshot().groups) {
      if (status === 'active') rig.tenant.changeMembers(id, { remove: members.map((member) => member.id) });
    }
    rig.tenant.expireDeltaTokens('groups');
    await rig.start();
    await eventuallyTrue('the loss is refused', () => rig.parts().rooms.groupLosses.refused() !== undefined);
    await resync(rig, 'schedule');
    expect(rig.target().memberships).toEqual(before.memberships);
    await resync(rig);
    await rig.atRest();
    expect(rig.target().memberships.size).toBe(0);
    expect(asked(rig)).toEqual(['test: succeeded', 'schedule: held']);
  });
});
