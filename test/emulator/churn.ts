// Owns random administration: a replayable stream of believable changes, for convergence tests and benchmarks.
import type { Directory, Status } from './directory.ts';
import { indexOfRef, kindOfRef } from './members.ts';
import type { Change, Mutations } from './mutations.ts';
import type { Kind } from './properties.ts';
import { createRandom } from './random.ts';

const weights = {
  update: 20,
  rename: 8,
  disable: 8,
  enable: 8,
  create: 10,
  softDelete: 6,
  restore: 5,
  hardDelete: 4,
  addMember: 14,
  removeMember: 10,
  nest: 2,
  unnest: 2,
  renameGroup: 3,
  createGroup: 1,
  deleteGroup: 1,
  restoreGroup: 1,
  hardDeleteGroup: 0.5,
};

export type ChurnKind = keyof typeof weights;

export type ChurnOptions = {
  seed?: number;
  /** Only these kinds of change; all by default. */
  kinds?: readonly ChurnKind[];
};

export const churnKinds = Object.keys(weights) as ChurnKind[];

/** Applies `count` random changes one after the other and returns them. */
export function churn(
  directory: Directory,
  mutations: Mutations,
  domain: string,
  count: number,
  options: ChurnOptions = {},
): Change[] {
  const random = createRandom(options.seed ?? directory.log.length);
  const kinds = options.kinds ?? churnKinds;
  const total = kinds.reduce((sum, kind) => sum + weights[kind], 0);

  const someone = (kind: Kind, status: Status): string | undefined => {
    const table = directory.table(kind);
    const newest = directory.log.length - 1;
    if (status !== 'active') {
      const found: number[] = [];
      for (const [index, versions] of table.versions)
        if (versions.at(-1)?.status === status) found.push(index);
      return found.length > 0 ? directory.idOf(kind, random.pick(found)) : undefined;
    }
    for (let attempt = 0; attempt < 100 && table.count > 0; attempt++) {
      const index = random.int(0, table.count - 1);
      if (directory.stateAt(kind, index, newest)?.status === status) return directory.idOf(kind, index);
    }
    return undefined;
  };

  const memberOf = (groupId: string, kind: Kind): string | undefined => {
    const group = directory.find(groupId, ['group']);
    if (!group) return undefined;
    const refs = Array.from(directory.members.at(group.index, directory.log.length - 1)).filter(
      (ref) => kindOfRef(ref) === kind,
    );
    return refs.length > 0 ? directory.idOf(kind, indexOfRef(random.pick(refs))) : undefined;
  };

  const apply = (kind: ChurnKind): Change | '' | undefined => {
    const mark = `${directory.log.length}x${random.int(100, 999)}`;
    const deleted = kind === 'restore' || kind === 'hardDelete';
    const user =
      someone('user', deleted ? 'deleted' : 'active') ??
      (kind === 'hardDelete' ? someone('user', 'active') : undefined);
    const gone = kind === 'restoreGroup' || kind === 'hardDeleteGroup';
    const group = someone('group', gone ? 'deleted' : 'active');
    switch (kind) {
      case 'create': {
        const made = mutations.createUser({
          displayName: `Created ${mark}`,
          givenName: 'Created',
          surname: mark,
          mail: `created.${mark}@${domain}`,
          mailNickname: `created${mark}`,
          userPrincipalName: `created${mark}@${domain}`,
        });
        return made;
      }
      case 'createGroup':
        return mutations.createGroup({ displayName: `Created group ${mark}` });
      case 'update':
        return user && mutations.updateUser(user, updateOf(mark));
      case 'rename':
        return user && mutations.updateUser(user, renameOf(mark));
      case 'disable':
        return user && mutations.updateUser(user, { accountEnabled: false });
      case 'enable':
        return user && mutations.updateUser(user, { accountEnabled: true });
      case 'softDelete':
        return user && mutations.softDeleteUser(user);
      case 'restore':
        return user && mutations.restoreUser(user);
      case 'hardDelete':
        return user && mutations.hardDeleteUser(user);
      case 'addMember':
        return user && group && mutations.addMember(group, user);
      case 'removeMember': {
        const member = group && memberOf(group, 'user');
        return member && mutations.removeMember(group, member);
      }
      case 'nest': {
        const inner = someone('group', 'active');
        return group && inner && inner !== group ? mutations.addMember(group, inner) : undefined;
      }
      case 'unnest': {
        const inner = group && memberOf(group, 'group');
        return inner && mutations.removeMember(group, inner);
      }
      case 'renameGroup':
        return group && mutations.updateGroup(group, { displayName: `Renamed group ${mark}` });
      case 'deleteGroup':
        return group && mutations.deleteGroup(group);
      case 'restoreGroup':
        return group && mutations.restoreGroup(group);
      case 'hardDeleteGroup':
        return group && mutations.hardDeleteGroup(group);
    }
  };

  const updateOf = (mark: string): Record<string, unknown> =>
    random.pick([
      { displayName: `Changed ${mark}` },
      { surname: `Changed ${mark}`, department: `Dept ${mark}` },
      { department: null },
      { mail: `changed.${mark}@${domain}` },
      { mail: null },
      { jobTitle: `Title ${mark}` },
    ]);
  const renameOf = (mark: string): Record<string, unknown> => ({
    userPrincipalName: `renamed${mark}@${domain}`,
    mailNickname: `renamed${mark}`,
    onPremisesSamAccountName: `renamed${mark}`,
  });

  const changes: Change[] = [];
  for (let tries = 0; changes.length < count && tries < count * 20; tries++) {
    let dice = random.next() * total;
    const kind = kinds.find((each) => (dice -= weights[each]) < 0) ?? 'update';
    const change = apply(kind);
    if (change) changes.push(change);
  }
  return changes;
}
