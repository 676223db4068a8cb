// Owns the tenant's truth as tests compare it: objects with state and properties, direct and effective members.
import { transitiveMembers } from './closure.ts';
import type { Directory, Operation, Status } from './directory.ts';
import { indexOfRef, kindOfRef } from './members.ts';
import type { Ref } from './members.ts';
import type { Kind, Props } from './properties.ts';

export type ObjectTruth = { id: string; status: Status; props: Props };

export type GroupTruth = ObjectTruth & { members: { id: string; kind: Kind }[] };

export type Snapshot = {
  /** The last change included. */
  seq: number;
  /** Every user that ever existed, permanently deleted ones too. */
  users: ObjectTruth[];
  groups: GroupTruth[];
};

export type ObjectChange = {
  seq: number;
  at: number;
  operation: Operation;
  props: readonly string[];
  members: string[];
};

export type Truth = {
  snapshot(): Snapshot;
  /** How many objects of the kind ever existed. */
  count(kind: Kind): number;
  /** So many users from this number on, for tenants too large for one snapshot. */
  usersFrom(index: number, count: number): ObjectTruth[];
  user(id: string): ObjectTruth | undefined;
  group(id: string): GroupTruth | undefined;
  /** What was done to the object, oldest first; `members`: who came, and who left with a minus. */
  changesOf(id: string): ObjectChange[];
  /** Ids of the active users in an active group, nested groups included, sorted; empty for a deleted group. */
  effectiveMembers(groupId: string): string[];
  userId(index: number): string;
  groupId(index: number): string;
};

/** Makes the reader of the truth; it ignores replica lag. */
export function createTruth(directory: Directory): Truth {
  const newest = (): number => directory.log.length - 1;

  /** Generated properties that a snapshot has shown: tests take one again and again, of tenants that are small. */
  const shown = new Map<string, Props>();

  const objectAt = (kind: Kind, index: number, keep = false): ObjectTruth => {
    const version = directory.stateAt(kind, index, newest());
    if (!version) throw new Error(`There is no ${kind} number ${index} in the emulated tenant.`);
    const known = version.props ? undefined : shown.get(`${kind} ${index}`);
    const props = known ?? directory.propsOf(kind, index, version);
    if (keep && !version.props) shown.set(`${kind} ${index}`, props);
    return { id: directory.idOf(kind, index), status: version.status, props: { ...props } };
  };
  const groupAt = (index: number, keep = false): GroupTruth => ({
    ...objectAt('group', index, keep),
    members: Array.from(directory.members.at(index, newest()), (ref: Ref) => ({
      id: directory.idOf(kindOfRef(ref), indexOfRef(ref)),
      kind: kindOfRef(ref),
    })),
  });
  const indices = (kind: Kind): number[] => Array.from({ length: directory.table(kind).count }, (_, i) => i);

  return {
    snapshot: () => ({
      seq: newest(),
      users: indices('user').map((index) => objectAt('user', index, true)),
      groups: indices('group').map((index) => groupAt(index, true)),
    }),
    count: (kind) => directory.table(kind).count,
    usersFrom: (index, count) =>
      Array.from({ length: Math.max(0, Math.min(count, directory.table('user').count - index)) }, (_, i) =>
        objectAt('user', index + i),
      ),
    user: (id) => {
      const found = directory.find(id, ['user']);
      return found && objectAt('user', found.index);
    },
    group: (id) => {
      const found = directory.find(id, ['group']);
      return found && groupAt(found.index);
    },
    changesOf: (id) => {
      const found = directory.find(id);
      const idOf = (ref: Ref): string => directory.idOf(kindOfRef(ref), indexOfRef(ref));
      return directory.log
        .filter((entry) => entry.kind === found?.kind && entry.index === found.index)
        .map(({ seq, at, operation, props, members }) => ({
          ...{ seq, at, operation, props },
          members: members.map(({ ref, added }) => `${added ? '' : '-'}${idOf(ref)}`),
        }));
    },
    effectiveMembers: (groupId) => {
      const found = directory.find(groupId, ['group']);
      if (!found || directory.stateAt('group', found.index, newest())?.status !== 'active') return [];
      return transitiveMembers(directory, found.index, newest())
        .filter((ref) => kindOfRef(ref) === 'user')
        .map((ref) => directory.idOf('user', indexOfRef(ref)))
        .sort();
    },
    userId: (index) => directory.idOf('user', index),
    groupId: (index) => directory.idOf('group', index),
  };
}
