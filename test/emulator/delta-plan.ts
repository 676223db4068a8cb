// Owns what a delta round contains and in which order: full rounds, incremental rounds, splits, repeats and replays.
import type { Directory, LogEntry } from './directory.ts';
import type { DeltaToken } from './delta-token.ts';
import { indexOfRef, kindOfRef } from './members.ts';
import type { Ref } from './members.ts';
import type { Kind } from './properties.ts';
import { isDirectoryExtension, untracked } from './properties.ts';
import { coprimeStep, createRandom, mix32 } from './random.ts';
import type { Random } from './random.ts';

/** A fixed number, or a range from which each use draws. */
export type Size = number | readonly [number, number];

export type DeltaSettings = {
  /** Objects on a page, 1 to 999. */
  pageSize: Size;
  /** A page also ends once it holds this many members. */
  membersPerPage: Size;
  /** A group with more members comes as several objects with the same id. */
  memberChunk: Size;
  /** Share of pages (0 to 1) that come empty, with a next link. */
  emptyPages: number;
  /** Objects and pieces of groups come in no order. */
  shuffle: boolean;
  /** Objects deleted before the first round stand in it as `@removed`. */
  firstRoundTombstones: boolean;
  /** So many `@removed` ids that nobody ever heard of, in each full round. */
  unknownTombstones: number;
  /** So many `@removed` entries a group for people who are not members, in each full round. */
  formerMembers: number;
  /** Share of objects that occur twice in a round: an older state first where there is one. */
  repeatObjects: number;
  /** So many changes before the token come again. */
  replayChanges: number;
  /** `net`: one entry for a member in a round. `all`: every addition and removal, in order. */
  memberEvents: 'net' | 'all';
  /** Soft-deleted people stay in `members@delta` of a full round (Graph keeps their memberships). */
  softDeletedMembers: boolean;
  /** How long a token lasts, in ms. */
  tokenLifeMs: number;
};

export const defaultDeltaSettings: DeltaSettings = {
  pageSize: 200,
  membersPerPage: 3000,
  memberChunk: 500,
  emptyPages: 0.02,
  shuffle: true,
  firstRoundTombstones: true,
  unknownTombstones: 0,
  formerMembers: 0,
  repeatObjects: 0,
  replayChanges: 0,
  memberEvents: 'net',
  softDeletedMembers: true,
  tokenLifeMs: 7 * 86_400_000,
};

/** One object of an answer. */
export type Unit = {
  /** -1 for an id nobody knows. */
  index: number;
  /** The state to show is the one after this change. */
  asOf: number;
  /** Names that changed, or null where the object is new to the reader. */
  changed: ReadonlySet<string> | null;
  members: MemberList | null;
};

/** Members as numbers, for there are millions: a ref for a member, `-1 - ref` for one who left. */
export type MemberList = ArrayLike<number>;

export type Plan = { length: number; unit(position: number): Unit | undefined };

/** Draws a size from a setting. */
export function drawSize(size: Size, random: Random): number {
  return typeof size === 'number' ? size : random.int(size[0], size[1]);
}

/** Plans the round of a token; the same token gives the same plan. */
export function planRound(directory: Directory, token: DeltaToken, settings: DeltaSettings): Plan {
  const random = createRandom(token.salt);
  if (token.from >= 0) return listPlan(planChanges(directory, token, settings, random));
  if (token.stream === 'users') return planAllUsers(token, settings, directory, random);
  return listPlan(planAllGroups(directory, token, settings, random));
}

function listPlan(units: readonly Unit[]): Plan {
  return { length: units.length, unit: (position) => units[position] };
}

function indicesOf(directory: Directory, kind: Kind, ids: readonly string[]): number[] {
  return ids.flatMap((id) => directory.find(id, [kind])?.index ?? []);
}

function planAllUsers(
  token: DeltaToken,
  settings: DeltaSettings,
  directory: Directory,
  random: Random,
): Plan {
  const chosen = token.ids ? indicesOf(directory, 'user', token.ids) : null;
  const size = chosen ? chosen.length : token.size;
  const step = settings.shuffle ? coprimeStep(size, token.salt) : 1;
  const start = settings.shuffle && size > 0 ? random.int(0, size - 1) : 0;
  const known = { asOf: token.to, changed: null, members: null };
  return {
    length: size + settings.unknownTombstones,
    unit: (position) => {
      if (position >= size) return { ...known, index: -1 };
      const index = (start + position * step) % size;
      return { ...known, index: chosen ? (chosen[index] as number) : index };
    },
  };
}

function splitMembers(
  members: Uint32Array | number[],
  settings: DeltaSettings,
  random: Random,
): MemberList[] {
  const pieces: MemberList[] = [];
  for (let at = 0; at < members.length;) {
    const size = Math.max(1, drawSize(settings.memberChunk, random));
    pieces.push(
      members instanceof Uint32Array ? members.subarray(at, at + size) : members.slice(at, at + size),
    );
    at += size;
  }
  return pieces;
}

function fullMembers(
  directory: Directory,
  group: number,
  asOf: number,
  settings: DeltaSettings,
  random: Random,
): Uint32Array | number[] {
  const current = directory.members.at(group, asOf);
  if (settings.softDeletedMembers && settings.formerMembers === 0) return current;
  const isActive = (ref: Ref): boolean =>
    directory.stateAt(kindOfRef(ref), indexOfRef(ref), asOf)?.status === 'active';
  const members: number[] = Array.from(current).filter((ref) => settings.softDeletedMembers || isActive(ref));
  for (let i = 0; i < settings.formerMembers && directory.table('user').count > 0; i++) {
    const ref = random.int(0, directory.table('user').count - 1);
    if (!directory.members.has(group, ref, asOf)) members.splice(random.int(0, members.length), 0, -1 - ref);
  }
  return members;
}

function planAllGroups(
  directory: Directory,
  token: DeltaToken,
  settings: DeltaSettings,
  random: Random,
): Unit[] {
  const units: Unit[] = [];
  const all = token.ids
    ? indicesOf(directory, 'group', token.ids)
    : Array.from({ length: token.size }, (_, i) => i);
  for (const index of all) {
    const bare: Unit = { index, asOf: token.to, changed: null, members: null };
    const pieces =
      tracksMembers(token) && directory.stateAt('group', index, token.to)?.status === 'active'
        ? splitMembers(fullMembers(directory, index, token.to, settings, random), settings, random)
        : [];
    if (pieces.length === 0) units.push(bare);
    for (const members of pieces) units.push({ ...bare, members });
  }
  for (let i = 0; i < settings.unknownTombstones; i++) {
    units.push({ index: -1, asOf: token.to, changed: null, members: null });
  }
  return settings.shuffle ? order(units, random) : units;
}

function order(units: Unit[], random: Random): Unit[] {
  for (let i = units.length - 1; i > 0; i--) {
    const j = random.int(0, i);
    [units[i], units[j]] = [units[j] as Unit, units[i] as Unit];
  }
  return units;
}

type Gathered = {
  changed: Set<string>;
  fresh: boolean;
  seqs: number[];
  members: { ref: Ref; added: boolean }[];
};

function gather(directory: Directory, token: DeltaToken, from: number): Map<number, Gathered> {
  const kind: Kind = token.stream === 'users' ? 'user' : 'group';
  const tracked = token.select ? new Set(token.select) : null;
  const ids = token.ids ? new Set(indicesOf(directory, kind, token.ids)) : null;
  const found = new Map<number, Gathered>();
  for (let seq = from + 1; seq <= token.to; seq++) {
    const entry = directory.log[seq] as LogEntry;
    if (entry.kind !== kind || (ids && !ids.has(entry.index))) continue;
    const names = entry.props.filter((name) => !untracked.has(name) && (!tracked || tracked.has(name)));
    const members = !tracked || tracked.has('members') ? entry.members : [];
    const lifecycle = entry.operation !== 'updated' && entry.operation !== 'members';
    if (!lifecycle && names.length === 0 && members.length === 0) continue;
    let own = found.get(entry.index);
    if (!own) found.set(entry.index, (own = { changed: new Set(), fresh: false, seqs: [], members: [] }));
    for (const name of names) own.changed.add(name);
    own.members.push(...members);
    own.seqs.push(seq);
    if (entry.operation === 'created' || entry.operation === 'restored') own.fresh = true;
  }
  return found;
}

/** One changed directory extension brings along all others of its data type, even in the minimal answer. */
function withSiblings(changed: Set<string>, tracked: readonly string[] | null): Set<string> {
  if (tracked && [...changed].some(isDirectoryExtension)) {
    for (const name of tracked) if (isDirectoryExtension(name)) changed.add(name);
  }
  return changed;
}

function tracksMembers(token: DeltaToken): boolean {
  return token.select === null || token.select.includes('members');
}

function changedMembers(
  directory: Directory,
  group: number,
  own: Gathered,
  token: DeltaToken,
  settings: DeltaSettings,
  random: Random,
): Uint32Array | number[] {
  const entry = (ref: Ref, added: boolean): number => (added ? ref : -1 - ref);
  const touched = new Set(own.members.map(({ ref }) => ref));
  if (own.fresh) {
    // Who does not hear of the deletion in between still has to hear who left.
    const left = [...touched].filter((ref) => !directory.members.has(group, ref, token.to));
    const present = fullMembers(directory, group, token.to, settings, random);
    return left.length === 0 ? present : [...present, ...left.map((ref) => entry(ref, false))];
  }
  if (settings.memberEvents === 'all') return own.members.map(({ ref, added }) => entry(ref, added));
  return [...touched].map((ref) => entry(ref, directory.members.has(group, ref, token.to)));
}

function planChanges(
  directory: Directory,
  token: DeltaToken,
  settings: DeltaSettings,
  random: Random,
): Unit[] {
  const from = Math.max(0, token.from - settings.replayChanges);
  const placed: { key: number; unit: Unit }[] = [];
  for (const [index, own] of gather(directory, token, from)) {
    const kind: Kind = token.stream === 'users' ? 'user' : 'group';
    const key = settings.shuffle ? (mix32(index ^ token.salt) + 1) / 4294967296 : (own.seqs[0] ?? 0);
    const active = directory.stateAt(kind, index, token.to)?.status === 'active';
    const changed = own.fresh ? null : withSiblings(own.changed, token.select);
    const bare: Unit = { index, asOf: token.to, changed, members: null };
    const middle = own.seqs[Math.floor(own.seqs.length / 2) - 1];
    if (own.seqs.length > 1 && middle !== undefined && random.chance(settings.repeatObjects)) {
      placed.push({ key: key * random.next(), unit: { ...bare, asOf: middle } });
    }
    const members =
      active && token.stream === 'groups' && tracksMembers(token)
        ? changedMembers(directory, index, own, token, settings, random)
        : [];
    const pieces = splitMembers(members, settings, random);
    if (pieces.length === 0) placed.push({ key, unit: bare });
    pieces.forEach((piece, i) => placed.push({ key: key + i * 1e-3, unit: { ...bare, members: piece } }));
  }
  return placed.sort((a, b) => a.key - b.key).map(({ unit }) => unit);
}
