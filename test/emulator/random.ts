// Owns the emulator's randomness: a seeded generator and the reversible numbering behind object ids.

/** A replayable source of randomness: the same seed gives the same sequence. */
export type Random = {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number in [min, max]. */
  int(min: number, max: number): number;
  /** True with the given probability, 0 to 1. */
  chance(probability: number): boolean;
  /** One of the items; throws on an empty list. */
  pick<T>(items: readonly T[]): T;
};

/** Makes a generator from a seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    int,
    chance: (probability) => probability > 0 && next() < probability,
    pick: (items) => {
      const item = items[int(0, items.length - 1)];
      if (item === undefined) throw new Error('pick: the list is empty');
      return item;
    },
  };
}

/** Shuffles in place and returns the same array. */
export function shuffle<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.int(0, i);
    const kept = items[i] as T;
    items[i] = items[j] as T;
    items[j] = kept;
  }
  return items;
}

/** Scrambles 32 bits; every input has its own output (the finaliser of MurmurHash3). */
export function mix32(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The inverse of `mix32`. */
export function unmix32(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7ed1b41d);
  h = Math.imul(h ^ (h >>> 13) ^ (h >>> 26), 0xa5cb9243);
  return (h ^ (h >>> 16)) >>> 0;
}

const digits = new Uint8Array(512);
for (let byte = 0; byte < 256; byte++) digits.set(Buffer.from(byte.toString(16).padStart(2, '0')), byte * 2);
// One buffer for all ids: writing bytes and reading one flat string is a third faster than joining pieces.
const scratch = Buffer.from('00000000-0000-0000-0000-000000000000');

function putByte(at: number, byte: number): void {
  const digit = (byte & 255) * 2;
  scratch[at] = digits[digit] as number;
  scratch[at + 1] = digits[digit + 1] as number;
}

function putWord(at: number, word: number): void {
  putByte(at, word >>> 8);
  putByte(at + 2, word);
}

/** The object id of an index: scattered, stable for a key, and reversible, so that no table of ids is needed. */
export function guidOf(index: number, key: number): string {
  const a = mix32(index ^ key);
  const b = mix32(a + 0x9e3779b9);
  const c = mix32(b ^ index);
  const d = mix32(c + key);
  putWord(0, a >>> 16);
  putWord(4, a);
  putWord(9, b >>> 16);
  putWord(14, (b & 0x0fff) | 0x4000);
  putWord(19, (c & 0x3fff) | 0x8000);
  putWord(24, c >>> 16);
  putWord(28, d >>> 16);
  putWord(32, d);
  return scratch.toString('latin1', 0, 36);
}

/** The index that `guidOf` would have needed for this id; the caller must compare the round trip. */
export function indexOfGuid(id: string, key: number): number {
  return (unmix32(Number.parseInt(id.slice(0, 8), 16) >>> 0) ^ key) >>> 0;
}

/** A fresh GUID from the generator. */
export function randomGuid(random: Random): string {
  return guidOf(random.int(0, 0xffffffff), random.int(0, 0xffffffff));
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** A step through [0, size) that visits each number once, whatever the start. */
export function coprimeStep(size: number, salt: number): number {
  if (size < 3) return 1;
  let step = 1 + (mix32(salt) % (size - 1));
  while (gcd(step, size) !== 1) step = (step % (size - 1)) + 1;
  return step;
}
