// Owns nested membership: who is effectively in a group, and which groups somebody is effectively in.
import type { Directory } from './directory.ts';
import { indexOfRef, kindOfRef, refOf } from './members.ts';
import type { Ref } from './members.ts';

function isActive(directory: Directory, ref: Ref, asOf: number): boolean {
  return directory.stateAt(kindOfRef(ref), indexOfRef(ref), asOf)?.status === 'active';
}

/** The active direct members of a group. */
export function directMembers(directory: Directory, group: number, asOf: number): Ref[] {
  return Array.from(directory.members.at(group, asOf)).filter((ref) => isActive(directory, ref, asOf));
}

/** Everything in a group directly or through nested active groups; cycles end, and the group itself is left out. */
export function transitiveMembers(directory: Directory, group: number, asOf: number): Ref[] {
  const found = new Set<Ref>();
  const waiting = [group];
  const visited = new Set(waiting);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const ref of directMembers(directory, next, asOf)) {
      found.add(ref);
      const index = indexOfRef(ref);
      if (kindOfRef(ref) === 'group' && !visited.has(index)) {
        visited.add(index);
        waiting.push(index);
      }
    }
  }
  found.delete(refOf('group', group));
  return [...found];
}

/** The active groups (by index) that hold the object directly. */
export function directGroups(directory: Directory, ref: Ref, asOf: number): number[] {
  return directory.members
    .groupsOf(ref, asOf, directory.table('group').count)
    .filter((group) => isActive(directory, refOf('group', group), asOf));
}

/** The active groups (by index) that hold the object directly or through other groups. */
export function transitiveGroups(directory: Directory, ref: Ref, asOf: number): number[] {
  const found = new Set<number>();
  const waiting = [ref];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const group of directGroups(directory, next, asOf)) {
      if (found.has(group)) continue;
      found.add(group);
      waiting.push(refOf('group', group));
    }
  }
  return [...found];
}
