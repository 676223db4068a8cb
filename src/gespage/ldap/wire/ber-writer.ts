// Owns writing BER as RFC 4511, 5.1 restricts it: definite lengths, as short as they can be.
import { tags } from './ber-reader.ts';

/** How many octets a length takes. */
export function lengthSize(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x100) return 2;
  if (length < 0x1_0000) return 3;
  return length < 0x100_0000 ? 4 : 5;
}

/** How many octets an element takes whose content has this length. */
export function elementSize(length: number): number {
  return 1 + lengthSize(length) + length;
}

/** Writes tag and length; gives the place behind them. */
export function writeHeader(into: Buffer, at: number, tag: number, length: number): number {
  into[at] = tag;
  const size = lengthSize(length);
  if (size === 1) {
    into[at + 1] = length;
    return at + 2;
  }
  into[at + 1] = 0x7f + size;
  into.writeUIntBE(length, at + 2, size - 1);
  return at + 1 + size;
}

/** One element whose content is made of the parts. */
export function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = Buffer.allocUnsafe(elementSize(length));
  let at = writeHeader(whole, 0, tag, length);
  for (const part of parts) at += part.copy(whole, at);
  return whole;
}

export function octets(value: Buffer | string, tag: number = tags.octets): Buffer {
  return element(tag, typeof value === 'string' ? Buffer.from(value) : value);
}

/** A number between -2^31 and 2^31 - 1. */
export function integer(value: number, tag: number = tags.integer): Buffer {
  let size = 1;
  while (size < 4 && (value < -(2 ** (size * 8 - 1)) || value >= 2 ** (size * 8 - 1))) size += 1;
  const content = Buffer.allocUnsafe(size);
  content.writeIntBE(value, 0, size);
  return element(tag, content);
}

export function boolean(value: boolean, tag: number = tags.boolean): Buffer {
  return element(tag, Buffer.of(value ? 0xff : 0));
}
