// Owns a compact map from object ids to the mirror's keys: about 30 bytes an object where the id is a GUID.
//
// The first full round of groups names everybody several times in random order. By the index in the file each would
// touch another corner of it, and the time for a membership would grow with the tenant.

export interface ObjectKeys {
  get(id: string): number | undefined;
  /** Each id at most once. */
  add(id: string, key: number): void;
}

/** `expected`: about how many ids will be added; more are taken too. */
export function createObjectKeys(expected: number): ObjectKeys {
  const odd = new Map<string, number>();
  let room = Math.max(1_024, expected + (expected >>> 3));
  /** Of each id its four words, then its key: one look at memory finds them together. */
  let entries = new Int32Array(room * 5);
  let count = 0;
  // Power of two, at least half as many again as there are ids; 0 is an empty slot, else the place of the entry plus one.
  let slots = new Int32Array(sizeFor(room));

  /** Where the id in `words` stands, or the empty slot for it. */
  function slotOf(): number {
    const mask = slots.length - 1;
    // Object ids are random, so their first bits serve as they are; made-up ones differ at their end.
    const mixed = Math.imul(words[2] ^ Math.imul(words[3], 0x9e3779b1), 0x85ebca6b);
    let slot = (words[0] ^ Math.imul(words[1] ^ mixed, 0xc2b2ae35)) & mask;
    for (;;) {
      const entry = ((slots[slot] ?? 0) - 1) * 5;
      if (
        entry < 0 ||
        (entries[entry] === words[0] &&
          entries[entry + 1] === words[1] &&
          entries[entry + 2] === words[2] &&
          entries[entry + 3] === words[3])
      )
        return slot;
      slot = (slot + 1) & mask;
    }
  }

  function grow(): void {
    room *= 2;
    const old = entries;
    entries = new Int32Array(room * 5);
    entries.set(old);
    slots = new Int32Array(sizeFor(room));
    for (let place = 0; place < count; place += 1) {
      for (const word of [0, 1, 2, 3] as const) words[word] = entries[place * 5 + word] ?? 0;
      slots[slotOf()] = place + 1;
    }
  }

  return {
    get(id) {
      if (!readGuid(id)) return odd.get(id);
      const place = (slots[slotOf()] ?? 0) - 1;
      return place < 0 ? undefined : entries[place * 5 + 4];
    },
    add(id, key) {
      if (count === room) grow();
      if (!readGuid(id)) {
        odd.set(id, key);
        return;
      }
      entries.set(words, count * 5);
      entries[count * 5 + 4] = key;
      count += 1;
      slots[slotOf()] = count;
    },
  };
}

function sizeFor(room: number): number {
  return 2 ** Math.ceil(Math.log2(room * 1.5));
}

/** By character code: the value of a digit in lower case, below zero for everything else. */
const digits = new Int8Array(128).fill(-1);
for (let value = 0; value < 16; value += 1) digits[value.toString(16).charCodeAt(0)] = value;

const digit = (id: string, place: number): number => digits[id.charCodeAt(place)] ?? -1;
/** Below zero where one of the four is no digit. */
const fourDigits = (id: string, place: number): number =>
  (digit(id, place) << 12) | (digit(id, place + 1) << 8) | (digit(id, place + 2) << 4) | digit(id, place + 3);
const isDash = (id: string, place: number): boolean => id.charCodeAt(place) === 45;

/** The four words of the id that was read last. */
const words = new Int32Array(4) as unknown as [number, number, number, number];

/** Reads a GUID in lower case into `words`; false for every other text. Written out: each membership passes here. */
function readGuid(id: string): boolean {
  if (id.length !== 36 || !isDash(id, 8) || !isDash(id, 13) || !isDash(id, 18) || !isDash(id, 23))
    return false;
  const a = fourDigits(id, 0);
  const b = fourDigits(id, 4);
  const c = fourDigits(id, 9);
  const d = fourDigits(id, 14);
  const e = fourDigits(id, 19);
  const f = fourDigits(id, 24);
  const g = fourDigits(id, 28);
  const h = fourDigits(id, 32);
  if ((a | b | c | d | e | f | g | h) < 0) return false;
  words[0] = (a << 16) | b;
  words[1] = (c << 16) | d;
  words[2] = (e << 16) | f;
  words[3] = (g << 16) | h;
  return true;
}
