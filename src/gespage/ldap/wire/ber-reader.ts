// Owns reading BER as RFC 4511, 5.1 restricts it: definite lengths, one octet for a tag, strings in one piece.

/** The octets are not the BER that LDAP allows: nothing behind this place can be trusted. */
export class BerError extends Error {
  override readonly name = 'BerError';
}

/** Reads elements one after another; each call moves behind what it read. Throws BerError where they do not fit. */
export interface BerReader {
  /** The tag that comes next; undefined at the end. */
  peek(): number | undefined;
  /** The content of the next element, which must have this tag. It shares memory with the whole. */
  element(tag: number): Buffer;
  /** The same for whichever tag comes. */
  any(): { readonly tag: number; readonly content: Buffer };
  /** A reader of the members of a constructed element. */
  within(tag: number): BerReader;
  octets(tag?: number): Buffer;
  /** Between -2^31 and 2^31 - 1. */
  integer(tag?: number): number;
  boolean(tag?: number): boolean;
  /** @throws BerError where anything is left. */
  end(): void;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  octets: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A header is never longer than a tag, the length of the length, and four octets. */
export const longestHeader = 6;

/**
 * The header at `at`: the tag, where the content begins, and its length in octets. Undefined where octets are missing.
 * @throws BerError for tags of several octets, indefinite lengths, and lengths of more than four octets.
 */
export function readHeader(
  octets: Buffer,
  at: number,
  end: number,
): { readonly tag: number; readonly start: number; readonly length: number } | undefined {
  const tag = octets[at];
  if (tag === undefined || at >= end) return undefined;
  if ((tag & 0x1f) === 0x1f) throw new BerError('A tag of several octets does not occur in LDAP.');
  const first = octets[at + 1];
  if (first === undefined || at + 1 >= end) return undefined;
  if (first < 0x80) return { tag, start: at + 2, length: first };
  const count = first & 0x7f;
  if (count === 0) throw new BerError('An indefinite length is not allowed in LDAP.');
  if (count > 4) throw new BerError('A length of more than four octets.');
  if (at + 2 + count > end) return undefined;
  return { tag, start: at + 2 + count, length: octets.readUIntBE(at + 2, count) };
}

export function createBerReader(octets: Buffer): BerReader {
  let at = 0;
  const any = (): { tag: number; content: Buffer } => {
    const header = readHeader(octets, at, octets.length);
    if (header === undefined) throw new BerError('An element is cut off.');
    const end = header.start + header.length;
    if (end > octets.length) throw new BerError('An element is longer than what holds it.');
    at = end;
    return { tag: header.tag, content: octets.subarray(header.start, end) };
  };
  const element = (tag: number): Buffer => {
    if (octets[at] !== tag) throw new BerError(`The tag ${octets[at] ?? 'nothing'} in place of ${tag}.`);
    return any().content;
  };
  return {
    peek: () => octets[at],
    element,
    any,
    within: (tag) => createBerReader(element(tag)),
    octets: (tag = tags.octets) => element(tag),
    integer(tag = tags.integer) {
      const content = element(tag);
      if (content.length === 0 || content.length > 4) throw new BerError('A number of the wrong length.');
      const value = content.readIntBE(0, content.length);
      if (
        content.length > 1 &&
        value >= -(2 ** (content.length * 8 - 9)) &&
        value < 2 ** (content.length * 8 - 9)
      )
        throw new BerError('A number with octets that it does not need.');
      return value;
    },
    boolean(tag = tags.boolean) {
      const content = element(tag);
      if (content.length !== 1) throw new BerError('A boolean of the wrong length.');
      return content[0] !== 0;
    },
    end() {
      if (at !== octets.length) throw new BerError('Octets are left behind the last element.');
    },
  };
}
