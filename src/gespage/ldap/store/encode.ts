// Owns the form in which an entry's attributes are kept: BER, as RFC 4511 wants them on the wire, so that they are copied there.
import type { Attribute } from '../directory.ts';

const sequenceTag = 0x30;
const setTag = 0x31;
const octetsTag = 0x04;

/** One attribute before it is encoded; text becomes UTF-8. */
export type Draft = readonly [name: string, values: readonly (string | Buffer)[]];

/** PartialAttributes one after the other, without a frame around them. A draft without values leaves nothing. */
export function encodeAttributes(drafts: readonly Draft[]): Buffer {
  return Buffer.concat(drafts.map(encodeAttribute));
}

function encodeAttribute([name, values]: Draft): Buffer {
  if (values.length === 0) return Buffer.alloc(0);
  let setLength = 0;
  for (const value of values) setLength += framed(Buffer.byteLength(value));
  const length = framed(name.length) + framed(setLength);
  const encoded = Buffer.allocUnsafe(framed(length));
  let at = writeHeader(encoded, 0, sequenceTag, length);
  at = writeHeader(encoded, at, octetsTag, name.length);
  at += encoded.write(name, at, 'latin1');
  at = writeHeader(encoded, at, setTag, setLength);
  for (const value of values) {
    at = writeHeader(encoded, at, octetsTag, Buffer.byteLength(value));
    at += typeof value === 'string' ? encoded.write(value, at) : value.copy(encoded, at);
  }
  return encoded;
}

/** The attributes that `encodeAttributes` wrote; values are found only once somebody asks for them. */
export function decodeAttributes(encoded: Buffer): Attribute[] {
  const attributes: Attribute[] = [];
  for (let at = 0; at < encoded.length;) {
    const frame = readHeader(encoded, at);
    attributes.push(new KeptAttribute(encoded, at, frame.from, frame.to));
    at = frame.to;
  }
  return attributes;
}

/** A class, since twenty of them are made for each entry of a search, and most are never looked into. */
class KeptAttribute implements Attribute {
  readonly name: string;
  readonly #whole: Buffer;
  readonly #start: number;
  readonly #values: number;
  readonly #end: number;

  constructor(whole: Buffer, start: number, from: number, end: number) {
    const length = whole[from + 1] ?? 0;
    this.name = readName(whole, from + 2, length);
    this.#whole = whole;
    this.#start = start;
    this.#values = from + 2 + length;
    this.#end = end;
  }

  get encoded(): Buffer {
    return this.#whole.subarray(this.#start, this.#end);
  }

  get values(): Buffer[] {
    return readValues(this.#whole, this.#values);
  }
}

/** Names seen before, by their length and two of their letters: the same few come again in every entry. */
const knownNames = new Map<number, string>();

function readName(encoded: Buffer, at: number, length: number): string {
  const key = (length << 16) | ((encoded[at] ?? 0) << 8) | (encoded[at + length - 1] ?? 0);
  const known = knownNames.get(key);
  if (known !== undefined && isAt(encoded, at, known)) return known;
  const name = encoded.toString('latin1', at, at + length);
  knownNames.set(key, name);
  return name;
}

function isAt(encoded: Buffer, at: number, name: string): boolean {
  for (let index = 1; index < name.length; index += 1) {
    if (encoded[at + index] !== name.charCodeAt(index)) return false;
  }
  return true;
}

function readValues(encoded: Buffer, at: number): Buffer[] {
  const set = readHeader(encoded, at);
  const values: Buffer[] = [];
  for (let next = set.from; next < set.to;) {
    const { from, to } = readHeader(encoded, next);
    values.push(encoded.subarray(from, to));
    next = to;
  }
  return values;
}

const lengthOctets = 4;

/** Both parts of an entry as one: a column less to be read, for each entry of each search. */
export function packEntry(user: Buffer, operational: Buffer): Buffer {
  const packed = Buffer.allocUnsafe(lengthOctets + user.length + operational.length);
  packed.writeUInt32BE(user.length);
  user.copy(packed, lengthOctets);
  operational.copy(packed, lengthOctets + user.length);
  return packed;
}

export function userPart(packed: Buffer): Buffer {
  return packed.subarray(lengthOctets, lengthOctets + packed.readUInt32BE());
}

export function operationalPart(packed: Buffer): Buffer {
  return packed.subarray(lengthOctets + packed.readUInt32BE());
}

/** The length of what is written for a content of this length. */
function framed(length: number): number {
  return 1 + lengthSize(length) + length;
}

function lengthSize(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x100) return 2;
  if (length < 0x10000) return 3;
  return length < 0x1000000 ? 4 : 5;
}

function writeHeader(encoded: Buffer, at: number, tag: number, length: number): number {
  encoded[at] = tag;
  const size = lengthSize(length);
  if (size === 1) {
    encoded[at + 1] = length;
    return at + 2;
  }
  encoded[at + 1] = 0x80 | (size - 1);
  encoded.writeUIntBE(length, at + 2, size - 1);
  return at + 1 + size;
}

function readHeader(encoded: Buffer, at: number): { readonly from: number; readonly to: number } {
  const first = encoded[at + 1] ?? 0;
  if (first < 0x80) return { from: at + 2, to: at + 2 + first };
  const size = first & 0x7f;
  const from = at + 2 + size;
  return { from, to: from + encoded.readUIntBE(at + 2, size) };
}
