// Owns the proof that the scope is followed: groups, nested ones, guests, exclusions, and a scope that becomes empty.
import { describe, expect, it } from 'vitest';
import { startRig } from '../helpers/service.ts';
import { readTestConfig } from '../helpers/service.ts';

const scoped = { scope: { groups: ['Staff'] }, groups: { publish: ['Staff'] } };

async function startScoped(env: Record<string, string> = {}) {
  const rig = await startRig({ tenant: { users: 0 }, mapping: scoped, env });
  const { tenant } = rig;
  const people = Array.from(
    { length: 14 },
    (_, number) => tenant.createUser({ mailNickname: `p${number}` }).id,
  );
  const staff = tenant.createGroup({ displayName: 'Staff' }).id;
  const team = tenant.createGroup({ displayName: 'Team' }).id;
  tenant.changeMembers(staff, { add: [team, ...people.slice(0, 12)] });
  await rig.atRest();
  const enabled = (id: string | undefined) => rig.target().accounts.get(id ?? '')?.enabled;
  return { rig, tenant, people, staff, team, enabled };
}

describe('the scope', () => {
  it('is entered and left by membership, and the account stays the same', async () => {
    const { rig, tenant, people, staff, enabled } = await startScoped();
    const [first = ''] = people;
    const late = people[12] ?? '';
    expect(rig.target().accounts.size).toBe(12);
    tenant.changeMembers(staff, { add: [late], remove: [first] });
    await rig.atRest();
    expect([enabled(first), enabled(late)]).toEqual([0, 1]);
    tenant.addMember(staff, first);
    await rig.atRest();
    expect(enabled(first)).toBe(1);
  });

  it('is entered and left through a nested group, a member at a time and as a whole', async () => {
    const { rig, tenant, people, staff, team, enabled } = await startScoped();
    const [one = '', two = ''] = people.slice(12);
    tenant.addMember(team, one);
    await rig.atRest();
    expect(enabled(one)).toBe(1);
    tenant.addMember(team, two);
    tenant.removeMember(team, one);
    await rig.atRest();
    expect([enabled(one), enabled(two)]).toEqual([0, 1]);
    tenant.removeMember(staff, team);
    await rig.atRest();
    expect(enabled(two)).toBe(0);
  });

  it('follows the name of its group', async () => {
    const { rig, tenant, people, enabled } = await startScoped();
    const other = tenant.createGroup({ displayName: 'Other' }).id;
    tenant.addMember(other, people[13] ?? '');
    await rig.atRest();
    expect(enabled(people[13])).toBeUndefined();
    tenant.updateGroup(other, { displayName: 'staff' });
    await rig.atRest();
    expect(enabled(people[13])).toBe(1);
  });

  it('that becomes empty takes nobody away unasked [pitfall 10]', async () => {
    const { rig, tenant, staff, enabled, people } = await startScoped({ REMOVAL_LIMIT: '1' });
    tenant.deleteGroup(staff);
    await expect
      .poll(() =>
        rig
          .parts()
          .rooms.removals.list(10)
          .filter(({ status }) => status === 'open'),
      )
      .toHaveLength(1);
    await expect.poll(() => rig.parts().engine.isAtRest()).toBe(true);
    expect(people.slice(0, 12).map(enabled)).toEqual(Array(12).fill(1));
    expect(rig.target().groups.size).toBe(0);
    // The group comes back: there is nothing to approve any more.
    tenant.restoreGroup(staff);
    await rig.atRest();
    await expect
      .poll(() =>
        rig
          .parts()
          .rooms.removals.list(10)
          .map(({ status }) => status),
      )
      .toEqual(['emptied']);
  });

  it('takes guests in where they are wanted, and leaves out who is named', async () => {
    const rig = await startRig({
      tenant: { users: 30 },
      mapping: { scope: { includeGuests: true, exclude: ['svc-*'] } },
    });
    const service = rig.tenant.createUser({
      userPrincipalName: 'svc-print@emulated.example',
      mailNickname: 'svc',
    }).id;
    const guest = rig.tenant.createUser({
      userType: 'Guest',
      mailNickname: null,
      userPrincipalName: 'anna_partner.example#EXT#@emulated.example',
    }).id;
    await rig.atRest();
    expect(rig.target().accounts.has(service)).toBe(false);
    expect(rig.target().accounts.get(guest)).toMatchObject({ login: 'anna_partner.example', enabled: 1 });
  });

  it('changed in the mapping file is applied at the next start, to everybody [pitfall 9]', async () => {
    const { rig, tenant, people, enabled } = await startScoped();
    const team2 = tenant.createGroup({ displayName: 'Only these' }).id;
    tenant.changeMembers(team2, { add: people.slice(10) });
    await rig.atRest();
    await rig.stop();
    const mapping = { scope: { groups: ['Only these'] }, groups: { publish: ['Only these'] } };
    Object.assign(rig.config, { mapping: readTestConfig(rig.env, mapping).mapping });
    await rig.start();
    await rig.atRest();
    expect(people.map(enabled)).toEqual([...Array<number>(10).fill(0), 1, 1, 1, 1]);
    expect([...rig.target().groups.keys()]).toEqual([team2]);
  });
});
