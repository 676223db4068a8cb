// Owns what an administrator can do to the tenant: create, change, delete, restore, purge, and membership.
import type { Directory, LogEntry, Operation, Version } from './directory.ts';
import { refOf } from './members.ts';
import type { Kind, Props } from './properties.ts';

/** What a mutation did. `seq` names the change for `sentAt`; `at` is the emulator's clock in ms. */
export type Change = { seq: number; kind: Kind; id: string; operation: Operation; at: number };

export type Mutations = {
  createUser(props?: Props & { id?: string }): Change;
  /** Sets properties; null clears one. A patch that changes nothing still notifies, and shows nowhere in delta. */
  updateUser(id: string, patch: Props): Change;
  softDeleteUser(id: string): Change;
  restoreUser(id: string): Change;
  hardDeleteUser(id: string): Change;
  createGroup(props?: Props & { id?: string }): Change;
  updateGroup(id: string, patch: Props): Change;
  /** Soft delete: restorable, and the memberships stay. */
  deleteGroup(id: string): Change;
  restoreGroup(id: string): Change;
  hardDeleteGroup(id: string): Change;
  createDevice(props?: Props & { id?: string }): Change;
  createServicePrincipal(props?: Props & { id?: string }): Change;
  addMember(groupId: string, memberId: string): Change;
  removeMember(groupId: string, memberId: string): Change;
  /** Several memberships as one change, hence in one notification. */
  changeMembers(groupId: string, changes: { add?: readonly string[]; remove?: readonly string[] }): Change;
};

export type MutationSettings = {
  /** True: purging a member leaves the group stream silent, as seen in practice. False: it reports the removal. */
  silentHardDelete: boolean;
};

const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Makes the mutators; `onChange` hears of every change in order, after it stands in the directory. */
export function createMutations(
  directory: Directory,
  settings: MutationSettings,
  domain: string,
  onChange: (entry: LogEntry) => void,
): Mutations {
  const newest = (): number => directory.log.length - 1;

  const done = (entry: LogEntry): Change => {
    onChange(entry);
    const { seq, kind, index, operation, at } = entry;
    return { seq, kind, id: directory.idOf(kind, index), operation, at };
  };

  const require = (
    kind: Kind,
    id: string,
    ...statuses: Version['status'][]
  ): { index: number; version: Version } => {
    const found = directory.find(id, [kind]);
    const version = found && directory.stateAt(kind, found.index, newest());
    if (!found || !version) throw new Error(`The emulated tenant has no ${kind} with the id ${id}.`);
    if (!statuses.includes(version.status)) {
      throw new Error(
        `The ${kind} ${id} is ${version.status}; this change needs one that is ${statuses.join(' or ')}.`,
      );
    }
    return { index: found.index, version };
  };

  const create = (kind: Kind, defaults: (index: number) => Props, given: Props & { id?: string }): Change => {
    const { id, ...props } = given;
    const merged: Props = { ...defaults(directory.table(kind).count), ...props };
    for (const name of Object.keys(merged)) if (merged[name] === undefined) delete merged[name];
    directory.add(kind, merged, id);
    return done(directory.log.at(-1) as LogEntry);
  };

  const update = (kind: Kind, id: string, patch: Props): Change => {
    const { index, version } = require(kind, id, 'active');
    const before = directory.propsOf(kind, index, version);
    const changed = Object.keys(patch).filter((name) => !same(before[name], patch[name]));
    const entry = directory.append(kind, index, 'updated', { props: changed });
    directory.setVersion(entry, 'active', { ...before, ...patch });
    return done(entry);
  };

  const move = (kind: Kind, id: string, operation: 'deleted' | 'restored'): Change => {
    const { index, version } = require(kind, id, operation === 'deleted' ? 'active' : 'deleted');
    const entry = directory.append(kind, index, operation);
    directory.setVersion(entry, operation === 'deleted' ? 'deleted' : 'active', version.props);
    return done(entry);
  };

  const purge = (kind: Kind, id: string): Change => {
    const { index, version } = require(kind, id, 'active', 'deleted');
    const entry = directory.append(kind, index, 'purged');
    directory.setVersion(entry, 'purged', version.props);
    const ref = refOf(kind, index);
    const homes = directory.members.groupsOf(ref, newest(), directory.table('group').count);
    const change = done(entry);
    for (const group of homes) {
      if (settings.silentHardDelete) {
        directory.members.change(group, { seq: entry.seq, ref, added: false });
        continue;
      }
      const left = directory.append('group', group, 'members', { members: [{ ref, added: false }] });
      directory.members.change(group, { seq: left.seq, ref, added: false });
      if (directory.stateAt('group', group, left.seq)?.status === 'active') done(left);
    }
    return change;
  };

  const changeMembers: Mutations['changeMembers'] = (groupId, changes) => {
    const { index } = require('group', groupId, 'active');
    const resolve = (id: string): number => {
      const found = directory.find(id);
      const status = found && directory.stateAt(found.kind, found.index, newest())?.status;
      if (!found || status === undefined || status === 'purged') {
        throw new Error(`The emulated tenant has no directory object with the id ${id}.`);
      }
      return refOf(found.kind, found.index);
    };
    const members = [
      ...(changes.add ?? []).map((id) => ({ ref: resolve(id), added: true })),
      ...(changes.remove ?? []).map((id) => ({ ref: resolve(id), added: false })),
    ].filter(({ ref, added }) => directory.members.has(index, ref, newest()) !== added);
    const entry = directory.append('group', index, 'members', { members });
    for (const { ref, added } of members) directory.members.change(index, { seq: entry.seq, ref, added });
    return done(entry);
  };

  const newUser = (index: number): Props => ({
    accountEnabled: true,
    displayName: `New User ${index}`,
    mailNickname: `new.user${index}`,
    userPrincipalName: `new.user${index}@${domain}`,
    userType: 'Member',
    businessPhones: [],
    createdDateTime: new Date(1_700_000_000_000).toISOString(),
  });
  const newGroup = (index: number): Props => ({
    displayName: `New group ${index}`,
    mailNickname: `new.group${index}`,
    mailEnabled: false,
    securityEnabled: true,
    groupTypes: [],
  });

  return {
    createUser: (props = {}) => create('user', newUser, props),
    updateUser: (id, patch) => update('user', id, patch),
    softDeleteUser: (id) => move('user', id, 'deleted'),
    restoreUser: (id) => move('user', id, 'restored'),
    hardDeleteUser: (id) => purge('user', id),
    createGroup: (props = {}) => create('group', newGroup, props),
    updateGroup: (id, patch) => update('group', id, patch),
    deleteGroup: (id) => move('group', id, 'deleted'),
    restoreGroup: (id) => move('group', id, 'restored'),
    hardDeleteGroup: (id) => purge('group', id),
    createDevice: (props = {}) =>
      create('device', (index) => ({ displayName: `Device ${index}`, accountEnabled: true }), props),
    createServicePrincipal: (props = {}) =>
      create(
        'servicePrincipal',
        (index) => ({ displayName: `Service ${index}`, accountEnabled: true }),
        props,
      ),
    addMember: (groupId, memberId) => changeMembers(groupId, { add: [memberId] }),
    removeMember: (groupId, memberId) => changeMembers(groupId, { remove: [memberId] }),
    changeMembers,
  };
}
