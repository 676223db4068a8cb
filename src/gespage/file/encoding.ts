// Owns the encodings of a CSV file: text becomes bytes, and what an encoding cannot express is known beforehand.

export type Encoding = 'utf-8' | 'windows-1252';

export interface Encoder {
  /** What an encoding cannot express becomes a question mark. */
  readonly encode: (text: string) => Buffer;
  /** Whether every character of the text can be written. */
  readonly canExpress: (text: string) => boolean;
}

const utf8: Encoder = {
  encode: (text) => Buffer.from(text, 'utf8'),
  canExpress: (text) => text.isWellFormed(),
};

export function createEncoder(encoding: Encoding): Encoder {
  return encoding === 'utf-8' ? utf8 : createWindows1252();
}

/** Latin 1 apart from the 32 places from 0x80 on. https://encoding.spec.whatwg.org/#windows-1252 */
function createWindows1252(): Encoder {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const characters = new TextDecoder('windows-1252').decode(all);
  const byteOf = new Map([...characters].map((character, byte) => [character, byte]));
  // Written as letter and accent apart, é is two characters, of which the second has no place.
  const composed = (text: string): string => text.normalize('NFC');
  return {
    encode(text) {
      const bytes = [...composed(text)].map((character) => byteOf.get(character) ?? questionMark);
      return Buffer.from(bytes);
    },
    canExpress: (text) => [...composed(text)].every((character) => byteOf.has(character)),
  };
}
const questionMark = 0x3f;
