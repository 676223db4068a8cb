// Owns reading one directory object as Graph sends it: in a delta page or as the answer to a lookup.

export interface DeltaMember {
  /** Object id, lower case. */
  readonly id: string;
  readonly type: 'user' | 'group' | 'other' | 'unknown';
  /** Left the group. Says nothing about whether the member itself still exists. */
  readonly removed: boolean;
}

export interface DeltaObject {
  /** Object id, lower case. */
  readonly id: string;
  /** `changed`: soft-deleted, can be restored; `deleted`: gone for good. */
  readonly removed?: 'changed' | 'deleted';
  /** The properties as sent, explicit nulls included; no annotations, no `id`, no members. */
  readonly properties: Record<string, unknown>;
  /** For groups whose answer speaks of members: in the order sent. A part of the membership only, never the whole list. */
  readonly members?: readonly DeltaMember[];
}

/** An object, and how many of its members could not be read. */
export interface ReadObject {
  readonly object: DeltaObject;
  readonly invalidMembers: number;
}

const idPattern = /^[\w.-]{1,128}$/;

/**
 * Reads one object. By hand and not by schema, since a first round reads hundreds of thousands.
 * @returns `undefined` when it has no usable id.
 * @see https://learn.microsoft.com/graph/delta-query-overview
 */
export function readObject(raw: unknown): ReadObject | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const source = raw as Record<string, unknown>;
  const id = readId(source['id']);
  if (id === undefined) return undefined;
  const properties: Record<string, unknown> = {};
  for (const key in source) {
    // Annotations (`@odata.type`, `members@delta`); and a name that would set the prototype instead of a property.
    if (key === 'id' || key.includes('@') || key === '__proto__') continue;
    properties[key] = source[key];
  }
  const removed = readRemoval(source['@removed']);
  const list = source['members@delta'];
  if (list === undefined || list === null) {
    return {
      object: removed === undefined ? { id, properties } : { id, removed, properties },
      invalidMembers: 0,
    };
  }
  const { members, invalidMembers } = readMembers(list);
  return {
    object: removed === undefined ? { id, properties, members } : { id, removed, properties, members },
    invalidMembers,
  };
}

function readMembers(list: unknown): { members: DeltaMember[]; invalidMembers: number } {
  if (!Array.isArray(list)) return { members: [], invalidMembers: 1 };
  const members: DeltaMember[] = [];
  let invalidMembers = 0;
  for (const entry of list as unknown[]) {
    const source = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
    const id = readId(source['id']);
    if (id === undefined) {
      invalidMembers += 1;
      continue;
    }
    const removed =
      source['@removed'] !== undefined && source['@removed'] !== null && source['@removed'] !== false;
    members.push({ id, type: memberType(source['@odata.type']), removed });
  }
  return { members, invalidMembers };
}

/** By character code: 1 for what a GUID in lower case is made of. */
const guidCharacters = new Uint8Array(128);
for (const character of '0123456789abcdef-') guidCharacters[character.charCodeAt(0)] = 1;

/** Lower-cased; `undefined` for what is no id. */
function readId(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (isPlain(value)) return value;
  return idPattern.test(value) ? value.toLowerCase() : undefined;
}

/** As nearly all ids are, some millions in a first round: nothing else need be asked of them. */
function isPlain(id: string): boolean {
  if (id.length !== 36) return false;
  let plain = 1;
  for (let place = 0; place < 36; place += 1) plain &= guidCharacters[id.charCodeAt(place)] ?? 0;
  return plain === 1;
}

/** An object in delta answers, plain text in notifications. A reason that is unknown is taken for the milder one. */
function readRemoval(value: unknown): 'changed' | 'deleted' | undefined {
  if (value === undefined || value === null || value === false) return undefined;
  const reason = typeof value === 'object' ? (value as Record<string, unknown>)['reason'] : value;
  return typeof reason === 'string' && reason.toLowerCase() === 'deleted' ? 'deleted' : 'changed';
}

function memberType(value: unknown): DeltaMember['type'] {
  if (value === '#microsoft.graph.user') return 'user';
  if (value === '#microsoft.graph.group') return 'group';
  if (typeof value !== 'string' || value === '') return 'unknown';
  const name = value.toLowerCase();
  if (name.endsWith('graph.user')) return 'user';
  return name.endsWith('graph.group') ? 'group' : 'other';
}
