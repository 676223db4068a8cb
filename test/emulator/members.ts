// Owns direct memberships: a compact seeded base for each group, and the history of what was added and removed since.
import { coprimeStep, mix32 } from './random.ts';
import type { Kind } from './properties.ts';

/** A member as one number: two bits of kind, thirty of index. */
export type Ref = number;

const kinds: readonly Kind[] = ['user', 'group', 'device', 'servicePrincipal'];

export function refOf(kind: Kind, index: number): Ref {
  return ((kinds.indexOf(kind) << 30) >>> 0) + index;
}

export function kindOfRef(ref: Ref): Kind {
  return kinds[ref >>> 30] as Kind;
}

export function indexOfRef(ref: Ref): number {
  return ref & 0x3fffffff;
}

export type MemberEvent = { seq: number; ref: Ref; added: boolean };

export type Members = {
  /** The direct members of a group as they were after change `asOf`. */
  at(group: number, asOf: number): Uint32Array | Ref[];
  has(group: number, ref: Ref, asOf: number): boolean;
  change(group: number, event: MemberEvent): void;
  /** Everything added and removed since the seed, oldest first. */
  events(group: number): readonly MemberEvent[];
  /** The groups (of `groupCount`) that hold this member directly. */
  groupsOf(ref: Ref, asOf: number, groupCount: number): number[];
  setBase(group: number, base: Uint32Array): void;
  /** Direct memberships in the seed. */
  seeded(): number;
};

const none = new Uint32Array(0);

function includes(sorted: Uint32Array, ref: Ref): boolean {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const value = sorted[middle] as number;
    if (value === ref) return true;
    if (value < ref) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

/** Makes an empty membership store. */
export function createMembers(): Members {
  const bases: Uint32Array[] = [];
  const history = new Map<number, { all: MemberEvent[]; byRef: Map<Ref, MemberEvent[]> }>();
  let seeded = 0;

  const lastFor = (events: MemberEvent[] | undefined, asOf: number): MemberEvent | undefined => {
    if (!events) return undefined;
    for (let i = events.length - 1; i >= 0; i--) {
      const event = events[i] as MemberEvent;
      if (event.seq <= asOf) return event;
    }
    return undefined;
  };
  const has = (group: number, ref: Ref, asOf: number): boolean =>
    lastFor(history.get(group)?.byRef.get(ref), asOf)?.added ?? includes(bases[group] ?? none, ref);

  return {
    has,
    at: (group, asOf) => {
      const base = bases[group] ?? none;
      const touched = history.get(group)?.byRef;
      if (!touched) return base;
      const result: number[] = [];
      for (const ref of base) {
        if (lastFor(touched.get(ref), asOf)?.added ?? true) result.push(ref);
      }
      for (const [ref, events] of touched) {
        if (lastFor(events, asOf)?.added && !includes(base, ref)) result.push(ref);
      }
      return result;
    },
    change: (group, event) => {
      let own = history.get(group);
      if (!own) history.set(group, (own = { all: [], byRef: new Map() }));
      own.all.push(event);
      const events = own.byRef.get(event.ref);
      if (events) events.push(event);
      else own.byRef.set(event.ref, [event]);
    },
    events: (group) => history.get(group)?.all ?? [],
    groupsOf: (ref, asOf, groupCount) => {
      const found: number[] = [];
      for (let group = 0; group < groupCount; group++) if (has(group, ref, asOf)) found.push(group);
      return found;
    },
    setBase: (group, base) => {
      bases[group] = base.sort();
      seeded += base.length;
    },
    seeded: () => seeded,
  };
}

/**
 * Seeds memberships: sizes differ by a factor of about a hundred and add up to roughly `memberships`;
 * every tenth group also holds one or two groups of higher number, so nesting is several levels deep.
 */
export function seedMembers(
  members: Members,
  size: { users: number; groups: number; memberships: number; devices: number; seed: number },
): void {
  if (size.groups === 0) return;
  const weights = Array.from(
    { length: size.groups },
    (_, g) => 1 + (mix32(size.seed ^ (g + 1)) % 1000) ** 2 / 10000,
  );
  const scale = size.memberships / weights.reduce((sum, weight) => sum + weight, 0);
  for (let group = 0; group < size.groups; group++) {
    const wanted = Math.min(size.users, Math.round((weights[group] as number) * scale));
    const nested: number[] = [];
    if (group % 10 === 0) {
      for (const step of [1 + (mix32(group ^ size.seed) % 7), 9]) {
        if (group + step < size.groups) nested.push(refOf('group', group + step));
      }
    }
    if (size.devices > 0 && group % 10 === 3) nested.push(refOf('device', group % size.devices));
    const base = new Uint32Array(wanted + nested.length);
    const step = coprimeStep(size.users, size.seed + group);
    let at = size.users > 0 ? mix32(size.seed * 31 + group) % size.users : 0;
    for (let i = 0; i < wanted; i++) {
      base[i] = at;
      at = (at + step) % size.users;
    }
    base.set(nested, wanted);
    members.setBase(group, base);
  }
}
