// Owns a compact map from object ids to the mirror's keys: 28 bytes an object where the id is a GUID.
//
// The first full round of groups names everybody several times in random order. By the index in the file each would
// touch another corner of it, and the time for a membership would grow with the tenant.

export interface ObjectKeys {
  get(id: string): number | undefined;
  /** Each id at most once. */
  add(id: string, key: number): void;
}

const wordsOf = new Uint32Array(4);

/** `expected`: about how many ids will be added; more are taken too. */
export function createObjectKeys(expected: number): ObjectKeys {
  const odd = new Map<string, number>();
  let room = Math.max(1_024, expected + (expected >>> 3));
  let words = new Uint32Array(room * 4);
  let keys = new Int32Array(room);
  let count = 0;
  // Power of two, at least twice the ids; 0 is an empty slot, else the place of the id plus one.
  let slots = new Int32Array(sizeFor(room));

  /** Where the id in `wordsOf` stands, or the empty slot for it. */
  function slotOf(): number {
    const mask = slots.length - 1;
    const [a, b, c, d] = wordsOf as unknown as readonly [number, number, number, number];
    // Object ids are random, so their first bits serve as they are; made-up ones differ at their end.
    let slot = (a ^ Math.imul(b ^ Math.imul(c ^ Math.imul(d, 0x9e3779b1), 0x85ebca6b), 0xc2b2ae35)) & mask;
    for (;;) {
      const place = (slots[slot] ?? 0) - 1;
      if (place < 0) return slot;
      const at = place * 4;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
      slot = (slot + 1) & mask;
    }
  }

  function grow(): void {
    room *= 2;
    const [oldWords, oldKeys] = [words, keys];
    words = new Uint32Array(room * 4);
    words.set(oldWords);
    keys = new Int32Array(room);
    keys.set(oldKeys);
    slots = new Int32Array(sizeFor(room));
    for (let place = 0; place < count; place += 1) {
      wordsOf.set(words.subarray(place * 4, place * 4 + 4));
      slots[slotOf()] = place + 1;
    }
  }

  return {
    get(id) {
      if (!readGuid(id)) return odd.get(id);
      const place = (slots[slotOf()] ?? 0) - 1;
      return place < 0 ? undefined : keys[place];
    },
    add(id, key) {
      if (!readGuid(id)) {
        odd.set(id, key);
        return;
      }
      if (count === room) {
        grow();
        readGuid(id);
      }
      words.set(wordsOf, count * 4);
      keys[count] = key;
      count += 1;
      slots[slotOf()] = count;
    },
  };
}

function sizeFor(room: number): number {
  return 2 ** Math.ceil(Math.log2(room * 1.5));
}

/** Reads a GUID in lower case into `wordsOf`; false for every other text. */
function readGuid(id: string): boolean {
  if (id.length !== 36) return false;
  let digits = 0;
  let word = 0;
  for (let at = 0; at < 36; at += 1) {
    const code = id.charCodeAt(at);
    if (at === 8 || at === 13 || at === 18 || at === 23) {
      if (code !== 45) return false;
      continue;
    }
    const value = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1;
    if (value < 0) return false;
    word = (word << 4) | value;
    digits += 1;
    if ((digits & 7) === 0) wordsOf[(digits >>> 3) - 1] = word;
  }
  return true;
}
