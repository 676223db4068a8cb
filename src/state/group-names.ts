// Owns the names of published groups: unique without regard to case, the same on every run, and kept by who had them.
import { foldText } from '../accounts/values.ts';

/** A group that is to be published; `name` is the tenant's, which need not be unique there. */
export interface WantedGroup {
  readonly id: string;
  readonly name: string;
}

/** What the targets have now. */
export interface HeldName {
  readonly id: string;
  readonly name: string;
}

/**
 * Gives each wanted group a name of its own, by its id. Where several want one name, it is for the one that has it now,
 * else for the first by id; the others get `Name (1a2b3c4d)`, with the beginning of their object id. A name that a
 * group still has which is about to go is taken, too, until that one is gone.
 */
export function nameGroups(wanted: readonly WantedGroup[], held: readonly HeldName[]): Map<string, string> {
  const names = new Map<string, string>();
  const wanting = new Set(wanted.map(({ id }) => id));
  const taken = new Set(held.filter(({ id }) => !wanting.has(id)).map(({ name }) => foldText(name)));
  const heldBy = new Map(held.map(({ id, name }) => [id, foldText(name)]));
  const sorted = wanted.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const give = ({ id }: WantedGroup, name: string): boolean => {
    const folded = foldText(name);
    if (taken.has(folded)) return false;
    taken.add(folded);
    names.set(id, name);
    return true;
  };

  for (const group of sorted) if (heldBy.get(group.id) === foldText(group.name)) give(group, group.name);
  for (const group of sorted) if (!names.has(group.id)) give(group, group.name);
  for (const group of sorted) {
    if (names.has(group.id)) continue;
    const short = `${group.name} (${group.id.slice(0, shownDigits)})`;
    // Only a group that is named to look so can have that name already; nobody has the whole id.
    if (!give(group, short)) names.set(group.id, `${group.name} (${group.id})`);
  }
  return names;
}

const shownDigits = 8;
