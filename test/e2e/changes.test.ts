// Owns the proof of the main job: each kind of change stands in the target within a second, and nothing else changes.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Change } from '../emulator/mutations.ts';
import { type Rig, startRig } from '../helpers/service.ts';
import { touched } from '../helpers/target-tables.ts';

/** The tenant has more in it than the tests touch, so that "nothing else" means something. */
const setting = {
  tenant: { users: 40, groups: 5, memberships: 80 },
  mapping: { groups: { publish: ['Print*'] } },
};

let rig: Rig;
let anna: string;
let bert: string;
let printers: string;
let inner: string;

const nameOf = (first: string) => ({
  displayName: `${first} Test`,
  givenName: first,
  surname: 'Test',
  mail: `${first}@emulated.example`.toLowerCase(),
  mailNickname: first.toLowerCase(),
  userPrincipalName: `${first}@emulated.example`.toLowerCase(),
});

beforeEach(async () => {
  rig = await startRig(setting);
  const { tenant } = rig;
  anna = tenant.createUser(nameOf('Anna')).id;
  bert = tenant.createUser(nameOf('Bert')).id;
  printers = tenant.createGroup({ displayName: 'Print all' }).id;
  inner = tenant.createGroup({ displayName: 'Inner' }).id;
  tenant.changeMembers(printers, { add: [inner, anna] });
  await rig.atRest();
});

/** Within a second of its notification, and in these rows alone. */
async function arrives(change: Change, ...ids: string[]): Promise<void> {
  const before = rig.target();
  expect(await rig.delayOf(change)).toBeLessThan(1_000);
  const changed = touched(before, rig.target());
  expect(changed).toEqual([...ids].sort());
}

const account = (id: string) => rig.target().accounts.get(id);
const groupsOf = (id: string) => rig.target().memberships.get(id) ?? [];

describe('a person', () => {
  it('who is created gets an account', async () => {
    const change = rig.tenant.createUser({ ...nameOf('Carla'), department: 'Law' });
    await arrives(change, change.id);
    expect(account(change.id)).toMatchObject({
      login: 'carla',
      display_name: 'Carla Test',
      email: 'carla@emulated.example',
      department: 'Law',
      print_code: null,
      enabled: 1,
    });
  });

  it('who is renamed keeps the row [pitfall 11]', async () => {
    await arrives(rig.tenant.updateUser(anna, { displayName: 'Anna Neu', surname: 'Neu' }), anna);
    expect(account(anna)).toMatchObject({ login: 'anna', display_name: 'Anna Neu', last_name: 'Neu' });
  });

  it('whose login changes keeps the row [pitfall 11]', async () => {
    await arrives(rig.tenant.updateUser(anna, { mailNickname: 'anna.neu' }), anna);
    expect(account(anna)?.login).toBe('anna.neu');
    expect(groupsOf(anna)).toEqual([printers]);
  });

  it('whose value is cleared has none', async () => {
    await arrives(rig.tenant.updateUser(anna, { department: 'Law' }), anna);
    await arrives(rig.tenant.updateUser(anna, { department: null }), anna);
    expect(account(anna)?.department).toBeNull();
  });

  it('whose login changes in case alone is left as it is', async () => {
    await arrives(rig.tenant.updateUser(anna, { mailNickname: 'ANNA' }));
    expect(account(anna)?.login).toBe('anna');
  });

  it('of whom something changes that Gespage does not get is left alone', async () => {
    await arrives(rig.tenant.updateUser(anna, { jobTitle: 'Dean' }));
  });

  it('who is disabled, then enabled, is the same account again [pitfall 13]', async () => {
    const before = account(anna);
    await arrives(rig.tenant.updateUser(anna, { accountEnabled: false }), anna);
    expect(account(anna)).toMatchObject({ login: 'anna', enabled: 0 });
    expect(groupsOf(anna)).toEqual([printers]);
    await arrives(rig.tenant.updateUser(anna, { accountEnabled: true }), anna);
    expect({ ...account(anna), updated_at: '' }).toEqual({ ...before, updated_at: '' });
  });

  it('who is deleted, then restored, is the same account again [pitfall 13] [trouble 13.15]', async () => {
    const before = account(anna);
    await arrives(rig.tenant.softDeleteUser(anna), anna);
    expect(account(anna)).toMatchObject({ login: 'anna', display_name: 'Anna Test', enabled: 0 });
    await arrives(rig.tenant.restoreUser(anna), anna);
    expect({ ...account(anna), updated_at: '' }).toEqual({ ...before, updated_at: '' });
    expect(groupsOf(anna)).toEqual([printers]);
  });

  it('who is deleted for good is disabled and in no group, though the group stream stays silent [pitfall 14] [trouble 13.15]', async () => {
    await arrives(rig.tenant.hardDeleteUser(anna), anna);
    expect(account(anna)?.enabled).toBe(0);
    expect(groupsOf(anna)).toEqual([]);
  });

  it('who is purged after the deletion stays disabled', async () => {
    await arrives(rig.tenant.softDeleteUser(bert), bert);
    await arrives(rig.tenant.hardDeleteUser(bert));
    expect(account(bert)?.enabled).toBe(0);
  });

  it('who was created disabled gets an account only once enabled', async () => {
    const change = rig.tenant.createUser({ ...nameOf('Dora'), accountEnabled: false });
    await arrives(change);
    await arrives(rig.tenant.updateUser(change.id, { accountEnabled: true }), change.id);
    expect(account(change.id)).toMatchObject({ login: 'dora', enabled: 1 });
  });

  it('who is a guest gets none, until they become a member', async () => {
    const change = rig.tenant.createUser({ ...nameOf('Emil'), userType: 'Guest' });
    await arrives(change);
    await arrives(rig.tenant.updateUser(change.id, { userType: 'Member' }), change.id);
  });
});

describe('a group', () => {
  it('gets a member, and loses one', async () => {
    await arrives(rig.tenant.addMember(printers, bert), bert);
    expect(groupsOf(bert)).toEqual([printers]);
    await arrives(rig.tenant.removeMember(printers, bert), bert);
    expect(groupsOf(bert)).toEqual([]);
  });

  it('exchanges several members in one change', async () => {
    await arrives(rig.tenant.changeMembers(printers, { add: [bert], remove: [anna] }), anna, bert);
  });

  it('nested in a published one gets a member, and loses one [pitfall 14]', async () => {
    await arrives(rig.tenant.addMember(inner, bert), bert);
    expect(groupsOf(bert)).toEqual([printers]);
    await arrives(rig.tenant.removeMember(inner, bert), bert);
  });

  it('is taken out of a published one with all its members, and put back', async () => {
    await arrives(rig.tenant.addMember(inner, bert), bert);
    await arrives(rig.tenant.removeMember(printers, inner), bert);
    expect(groupsOf(bert)).toEqual([]);
    await arrives(rig.tenant.addMember(printers, inner), bert);
    expect(groupsOf(bert)).toEqual([printers]);
  });

  it('survives being nested in itself through others', async () => {
    await arrives(rig.tenant.addMember(inner, bert), bert);
    await arrives(rig.tenant.addMember(inner, printers));
    expect(groupsOf(bert)).toEqual([printers]);
    await arrives(rig.tenant.removeMember(inner, bert), bert);
  });

  it('is renamed, and its members stay', async () => {
    await arrives(rig.tenant.updateGroup(printers, { displayName: 'Print everything' }), printers);
    expect(rig.target().groups.get(printers)?.name).toBe('Print everything');
    expect(groupsOf(anna)).toEqual([printers]);
  });

  it('renamed so that no pattern means it any more is published no more, with its memberships', async () => {
    await arrives(rig.tenant.updateGroup(printers, { displayName: 'Nothing' }), printers, anna);
    expect(rig.target().groups.has(printers)).toBe(false);
  });

  it('is created and published at once where a pattern means it', async () => {
    const change = rig.tenant.createGroup({ displayName: 'Print more' });
    await arrives(change, change.id);
    await arrives(rig.tenant.addMember(change.id, anna), anna);
    expect(groupsOf(anna)).toEqual([printers, change.id].sort());
  });

  it('is deleted, restored with its members, and purged', async () => {
    await arrives(rig.tenant.deleteGroup(printers), printers, anna);
    await arrives(rig.tenant.restoreGroup(printers), printers, anna);
    expect(groupsOf(anna)).toEqual([printers]);
    await arrives(rig.tenant.hardDeleteGroup(printers), printers, anna);
    expect(rig.target().groups.has(printers)).toBe(false);
  });
});
