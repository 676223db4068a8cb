// Owns the stuff of which fuzzed inputs are made: odd values, and sound samples spoiled as JSON or as bytes.
import fc from 'fast-check';

/** Texts that have broken programs before. */
const oddTexts = [
  '',
  ' ',
  '\u0000',
  '\ud800',
  '\udfff\ud800',
  '\uFEFF',
  '\r\nset-cookie: x=1',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '%00',
  '%',
  '%ff',
  '%E0%A4',
  '${7*7}',
  '<script>alert(1)</script>',
  "' OR 1=1 --",
  'İIıi\u0307',
  '\u202E',
  '1e400',
  'NaN',
  'null',
  'true',
  '0x10',
  '-0',
  '9007199254740993',
] as const;

/** Any units of UTF-16, halves of pairs too. */
export function anyUnits(maxLength: number): fc.Arbitrary<string> {
  return fc
    .array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff)), { maxLength })
    .map((codes) => String.fromCharCode(...codes));
}

export const anyText = fc.oneof(fc.constantFrom(...oddTexts), fc.string({ maxLength: 40 }), anyUnits(40), {
  weight: 1,
  arbitrary: fc.integer({ min: 100, max: 5_000 }).map((length) => 'x'.repeat(length)),
});

const anyNumber = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(-0, 1e308, -1e308, Number.MAX_SAFE_INTEGER, 2 ** 53, 5e-324, 2 ** 31, 2 ** 32, 2 ** 63),
);

/** Members that a careless merge would write into every object of the process. */
const poisons = [
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"__proto__":[],"id":"x"}',
  '{"__proto__":null}',
  '{"__proto__":{"__proto__":{"polluted":true}},"value":[]}',
] as const;

const poison = fc.constantFrom(...poisons).map((text) => JSON.parse(text) as unknown);

/** A text nested as deep as a careless recursion would not survive. */
export const deepText = fc
  .tuple(fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 9_000, max: 10_000 })), fc.boolean())
  .map(([levels, inLists]) =>
    inLists ? '['.repeat(levels) + ']'.repeat(levels) : `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`,
  );

/** Not so deep that those who write it out again, such as this test, would fail at it. */
const deep = fc.integer({ min: 1, max: 1_000 }).map((levels) => {
  const text = '{"value":['.repeat(levels) + ']}'.repeat(levels);
  return JSON.parse(text) as unknown;
});

const plain = fc.oneof(
  { weight: 4, arbitrary: anyText },
  { weight: 2, arbitrary: anyNumber },
  { weight: 1, arbitrary: fc.constantFrom(null, true, false) },
);

/** Any JSON value: mostly small, sometimes poisoned, seldom very deep. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 60, arbitrary: plain },
  { weight: 10, arbitrary: fc.array(plain, { maxLength: 4 }) },
  { weight: 10, arbitrary: fc.dictionary(anyText, plain, { maxKeys: 4 }) },
  { weight: 10, arbitrary: poison },
  { weight: 5, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: deep },
);

/** One blow at a sound value: where (as a number of the place), what, and with which value. */
interface Blow {
  readonly at: number;
  readonly how: 'replace' | 'remove' | 'add' | 'wrap' | 'repeat' | 'rename';
  readonly value: unknown;
}

function blow(values: fc.Arbitrary<unknown>): fc.Arbitrary<Blow> {
  return fc.record({
    at: fc.nat(10_000),
    how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'wrap', 'repeat', 'rename'),
    value: values,
  });
}

/**
 * A sound sample with up to four blows; unharmed at times, so that what lies behind the checks is reached too.
 * @param values what is put in, beside odd values of all kinds: ids that are known, words that mean something.
 */
export function spoiled(
  samples: readonly unknown[],
  values: fc.Arbitrary<unknown> = anyValue,
): fc.Arbitrary<unknown> {
  const put = fc.oneof({ weight: 2, arbitrary: anyValue }, { weight: 1, arbitrary: values });
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(blow(put), { maxLength: 4 }))
    .map(([sample, blows]) => blows.reduce(strike, structuredClone(sample)));
}

type Holder = Record<string, unknown>;

function strike(root: unknown, { at, how, value: drawn }: Blow): unknown {
  // A later blow may hit within it, and the same value can be drawn again.
  const value = structuredClone(drawn);
  const places = placesOf(root);
  const place = places[at % Math.max(1, places.length)];
  if (place === undefined) return how === 'wrap' ? [root] : value;
  const { holder, key } = place;
  const before = holder[key];
  switch (how) {
    case 'replace':
      put(holder, key, value);
      break;
    case 'remove':
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
      break;
    case 'add':
      if (Array.isArray(before)) before.push(value);
      else put(holder, at % 2 === 0 ? '__proto__' : `${key}${at % 7}`, value);
      break;
    case 'wrap':
      put(holder, key, at % 2 === 0 ? [before] : { [key]: before });
      break;
    case 'repeat':
      if (Array.isArray(holder)) holder.push(before, before);
      else put(holder, key, [before, before]);
      break;
    case 'rename':
      Reflect.deleteProperty(holder, key);
      put(holder, at % 2 === 0 ? key.toUpperCase() : ` ${key}`, before);
      break;
  }
  return root;
}

/** Also where the name is `__proto__`, as the parser of JSON does it. */
function put(holder: Holder, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

interface Place {
  readonly holder: Holder;
  readonly key: string;
}

const mostPlaces = 200;

function placesOf(root: unknown): Place[] {
  const places: Place[] = [];
  const waiting: unknown[] = [root];
  for (let next = waiting.pop(); next !== undefined && places.length < mostPlaces; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    for (const [key, value] of Object.entries(next)) {
      places.push({ holder: next as Holder, key });
      waiting.push(value);
    }
  }
  return places;
}

interface Cut {
  readonly at: number;
  readonly how: 'flip' | 'insert' | 'remove' | 'end' | 'repeat';
  readonly length: number;
  readonly bytes: Uint8Array;
}

const cut: fc.Arbitrary<Cut> = fc.record({
  at: fc.nat(100_000),
  how: fc.constantFrom('flip', 'insert', 'remove', 'end', 'repeat'),
  length: fc.integer({ min: 1, max: 40 }),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc
      .constantFrom(
        '\ud800',
        '"',
        '\\',
        '\\u',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '\u0000',
        '\n',
        '1e999',
        '"__proto__":{},',
      )
      .map((text) => Buffer.from(text)),
    // Half of a character, an overlong slash, a surrogate, a byte that UTF-8 does not have.
    fc.constantFrom([0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xff]).map((bytes) => Uint8Array.from(bytes)),
  ),
});

/** A text with up to three cuts at its bytes, or none. */
export function mangled(texts: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(texts, fc.oneof(fc.constant([]), fc.array(cut, { maxLength: 3 })))
    .map(([text, cuts]) => cuts.reduce(mangle, Buffer.from(text)));
}

function mangle(bytes: Buffer, { at, how, length, bytes: more }: Cut): Buffer {
  const place = at % (bytes.length + 1);
  const head = bytes.subarray(0, place);
  const tail = bytes.subarray(place);
  switch (how) {
    case 'flip': {
      const changed = Buffer.from(bytes);
      if (place < changed.length) changed[place] = (changed[place] ?? 0) ^ (1 << (length % 8));
      return changed;
    }
    case 'insert':
      return Buffer.concat([head, more, tail]);
    case 'remove':
      return Buffer.concat([head, tail.subarray(length)]);
    case 'end':
      return Buffer.from(head);
    case 'repeat':
      return Buffer.concat([head, tail.subarray(0, length), tail.subarray(0, length), tail]);
  }
}

/** The same as a text, however broken. */
export function mangledText(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return mangled(texts).map((bytes) => bytes.toString('utf8'));
}
