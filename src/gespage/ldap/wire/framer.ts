// Owns cutting the octets of a connection into whole messages, without holding more than one may have.
import { BerError, longestHeader, readHeader, tags } from './ber-reader.ts';

export interface Framer {
  push(chunk: Buffer): void;
  /**
   * The next whole message, its header included; undefined until it has come.
   * @throws BerError where it is none or where it says that it is longer than allowed.
   */
  next(): Buffer | undefined;
  /** Octets that have come and were not given out yet. */
  pending(): number;
}

/** @param limit octets of a message with its header. */
export function createFramer(limit: number): Framer {
  let chunks: Buffer[] = [];
  let held = 0;
  /** How long the message at the front is, once its header is there. */
  let wanted: number | undefined;

  const joined = (): Buffer => {
    const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, held);
    chunks = [whole];
    return whole;
  };
  const measure = (): number | undefined => {
    const first = chunks[0];
    if (first === undefined) return undefined;
    if (first[0] !== tags.sequence) throw new BerError('What came is not an LDAP message.');
    // A header may come in pieces; joining is cheap as long as there is little.
    const front = first.length >= longestHeader ? first : joined();
    const header = readHeader(front, 0, front.length);
    if (header === undefined) return undefined;
    const size = header.start + header.length;
    if (size > limit) throw new BerError(`A message of ${size} octets; the limit is ${limit}.`);
    return size;
  };

  return {
    push(chunk) {
      if (chunk.length === 0) return;
      chunks.push(chunk);
      held += chunk.length;
    },
    next() {
      wanted ??= measure();
      if (wanted === undefined || held < wanted) return undefined;
      const whole = joined();
      const message = whole.subarray(0, wanted);
      held -= wanted;
      chunks = held > 0 ? [whole.subarray(wanted)] : [];
      wanted = undefined;
      return message;
    },
    pending: () => held,
  };
}
