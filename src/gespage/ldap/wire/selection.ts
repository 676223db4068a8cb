// Owns which attributes of an entry a client gets (RFC 4511, 4.5.1.8; RFC 3673), and writing them down.
import type { Attribute, Entry } from '../directory.ts';
import { findAttributeType } from '../schema.ts';
import { elementSize, octets, writeHeader } from './ber-writer.ts';

export interface Selection {
  readonly allUser: boolean;
  readonly allOperational: boolean;
  /** Canonical spellings. */
  readonly names: ReadonlySet<string>;
  readonly typesOnly: boolean;
}

/**
 * Reads the attributes of a search request. Names that no attribute bears say nothing, and so do names with options:
 * no value here has a language, and none is transferred in another form than its own.
 */
export function readSelection(requested: readonly string[], typesOnly: boolean): Selection {
  const names = new Set<string>();
  for (const name of requested) {
    const type = findAttributeType(name);
    if (type !== undefined) names.add(type.name);
  }
  return {
    allUser: requested.length === 0 || requested.includes('*'),
    allOperational: requested.includes('+'),
    names,
    typesOnly,
  };
}

const searchResultEntry = 0x64;
const set = 0x31;
const sequence = 0x30;

/** Names as they are written, since the same ones come again in every entry. */
const encodedNames = new Map<string, Buffer>();

function encodeName(name: string): Buffer {
  let encoded = encodedNames.get(name);
  if (encoded === undefined) {
    encoded = octets(name);
    // Only what the schema knows is kept: the number of other names has no bound.
    if (findAttributeType(name) !== undefined) encodedNames.set(name, encoded);
  }
  return encoded;
}

function valuesSize({ values }: Attribute, typesOnly: boolean): number {
  if (typesOnly) return 0;
  let size = 0;
  for (const value of values) size += elementSize(value.length);
  return size;
}

/** Where an attribute is kept ready in BER, that is copied. */
function readyOf({ encoded }: Attribute, typesOnly: boolean): Buffer | undefined {
  return typesOnly ? undefined : encoded;
}

function attributeSize(attribute: Attribute, typesOnly: boolean): number {
  const ready = readyOf(attribute, typesOnly);
  if (ready !== undefined) return ready.length;
  return elementSize(encodeName(attribute.name).length + elementSize(valuesSize(attribute, typesOnly)));
}

function writeAttribute(into: Buffer, from: number, attribute: Attribute, typesOnly: boolean): number {
  const ready = readyOf(attribute, typesOnly);
  if (ready !== undefined) return from + ready.copy(into, from);
  const name = encodeName(attribute.name);
  const size = valuesSize(attribute, typesOnly);
  let at = writeHeader(into, from, sequence, name.length + elementSize(size));
  at += name.copy(into, at);
  at = writeHeader(into, at, set, size);
  if (typesOnly) return at;
  for (const value of attribute.values) {
    at = writeHeader(into, at, 0x04, value.length);
    at += value.copy(into, at);
  }
  return at;
}

/** The members of a PartialAttributeList, for `Entry.encodedUser`. */
export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  let size = 0;
  for (const attribute of attributes) size += attributeSize(attribute, false);
  const whole = Buffer.allocUnsafe(size);
  let at = 0;
  for (const attribute of attributes) at = writeAttribute(whole, at, attribute, false);
  return whole;
}

/** Takes what is to be sent and gives it on in large chunks. */
export interface Chunks {
  /** A buffer with room for so many octets, and where to begin. */
  reserve(size: number): { readonly buffer: Buffer; readonly at: number };
  /** What was reserved so far, as long as it is at least `least` octets. */
  take(least: number): Buffer | undefined;
}

export function createChunks(chunkSize: number): Chunks {
  let buffer = Buffer.alloc(0);
  let begun = 0;
  let at = 0;
  return {
    reserve(size) {
      if (at + size > buffer.length) {
        const held = buffer.subarray(begun, at);
        buffer = Buffer.allocUnsafe(Math.max(chunkSize * 2, held.length + size));
        held.copy(buffer);
        begun = 0;
        at = held.length;
      }
      const place = { buffer, at };
      at += size;
      return place;
    },
    take(least) {
      if (at === begun || at - begun < least) return undefined;
      const taken = buffer.subarray(begun, at);
      begun = at;
      return taken;
    },
  };
}

/** Writes a whole SearchResultEntry message. */
export function writeEntry(chunks: Chunks, messageId: Buffer, entry: Entry, selection: Selection): void {
  const { typesOnly } = selection;
  const ready = selection.allUser && !typesOnly ? entry.encodedUser : undefined;
  const picked: Attribute[] = [];
  if (ready === undefined) {
    for (const attribute of entry.user)
      if (selection.allUser || selection.names.has(attribute.name)) picked.push(attribute);
  }
  if (selection.allOperational || selection.names.size > 0) {
    for (const attribute of entry.operational)
      if (selection.allOperational || selection.names.has(attribute.name)) picked.push(attribute);
  }
  let listSize = ready?.length ?? 0;
  for (const attribute of picked) listSize += attributeSize(attribute, typesOnly);
  const dnSize = Buffer.byteLength(entry.dn);
  const entrySize = elementSize(dnSize) + elementSize(listSize);
  const messageSize = messageId.length + elementSize(entrySize);
  const { buffer, at: from } = chunks.reserve(elementSize(messageSize));
  let at = writeHeader(buffer, from, sequence, messageSize);
  at += messageId.copy(buffer, at);
  at = writeHeader(buffer, at, searchResultEntry, entrySize);
  at = writeHeader(buffer, at, 0x04, dnSize);
  at += buffer.write(entry.dn, at);
  at = writeHeader(buffer, at, sequence, listSize);
  if (ready !== undefined) at += ready.copy(buffer, at);
  for (const attribute of picked) at = writeAttribute(buffer, at, attribute, typesOnly);
}
