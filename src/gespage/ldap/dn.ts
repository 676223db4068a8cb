// Owns distinguished names (RFC 4514): reading, a normal form to compare by, and writing values into them.
import { findAttributeType } from './schema.ts';
import { prepareText } from './text.ts';

/** One attribute with its value, such as `ou=people`. */
export interface Assertion {
  /** In lower case; of a known attribute the main name, whichever name or OID was written. */
  readonly type: string;
  readonly value: string;
}

/** A relative distinguished name: nearly always one assertion, by RFC 4514 several with `+` between. */
export type Rdn = readonly Assertion[];

/** Longer ones are not read: nothing here has names of such a length. */
const longestDn = 8_192;

const description = /^[a-z][a-z0-9-]*$/i;
const numericOid = /^(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The parts from the entry up to the root; none for the root itself. Undefined where it is not a DN. */
export function parseDn(text: string): Rdn[] | undefined {
  if (text.length > longestDn || !text.isWellFormed()) return undefined;
  if (text === '') return [];
  const rdns: Rdn[] = [];
  let assertions: Assertion[] = [];
  for (let at = 0; ;) {
    const read = readAssertion(text, at);
    if (read === undefined) return undefined;
    assertions.push(read.assertion);
    const separator = text[read.end];
    if (separator !== '+') {
      rdns.push(assertions);
      assertions = [];
    }
    if (separator === undefined) return rdns;
    at = read.end + 1;
  }
}

/**
 * A form in which two spellings of one name are equal: attribute types by their main name in lower case, values
 * prepared as text of caseIgnoreMatch, several assertions of one part in order. Empty for the root.
 * Undefined where the text is not a DN.
 */
export function normalizeDn(text: string): string | undefined {
  const rdns = parseDn(text);
  return rdns && normalizeRdns(rdns);
}

/** The normal form of names already read. */
export function normalizeRdns(rdns: readonly Rdn[]): string {
  return rdns.map(normalizeRdn).join(',');
}

/** The DN above, both in normal form; undefined for the root. */
export function parentOf(normalized: string): string | undefined {
  if (normalized === '') return undefined;
  for (let at = 0; at < normalized.length; at += 1) {
    if (normalized[at] === '\\') at += 1;
    else if (normalized[at] === ',') return normalized.slice(at + 1);
  }
  return '';
}

/** Whether a name is the base or below it, both in normal form. */
export function isWithin(normalized: string, base: string): boolean {
  if (base === '' || normalized === base) return true;
  if (!normalized.endsWith(`,${base}`)) return false;
  // A comma that belongs to a value is escaped; backslashes before it come in pairs otherwise.
  const before = normalized.slice(0, -base.length - 1);
  return (/\\*$/.exec(before)?.[0].length ?? 0) % 2 === 0;
}

/** Writes a value so that it can stand in a DN. A NUL is written as `\00`. */
export function escapeRdnValue(value: string): string {
  const escaped = value.replace(/[\\"+,;<>]/g, '\\$&').replaceAll('\0', '\\00');
  const begun = escaped.replace(/^[ #]/, '\\$&');
  return value.length > 1 && value.endsWith(' ') ? `${begun.slice(0, -1)}\\ ` : begun;
}

function normalizeRdn(rdn: Rdn): string {
  const texts = rdn.map(({ type, value }) => `${type}=${escapeRdnValue(prepareText(value))}`);
  return texts.length === 1 ? (texts[0] as string) : texts.sort().join('+');
}

function readAssertion(text: string, from: number): { assertion: Assertion; end: number } | undefined {
  const equals = text.indexOf('=', from);
  if (equals === -1) return undefined;
  const type = text.slice(from, equals).trim();
  if (!description.test(type) && !numericOid.test(type)) return undefined;
  let at = equals + 1;
  while (text[at] === ' ') at += 1;
  const read = text[at] === '#' ? readHex(text, at + 1) : readText(text, at);
  if (read === undefined) return undefined;
  const name = (findAttributeType(type)?.name ?? type).toLowerCase();
  return { assertion: { type: name, value: read.value }, end: read.end };
}

const specials = new Set([' ', '"', '#', '+', ',', ';', '<', '=', '>', '\\']);
const hexPair = /^[0-9a-f]{2}$/i;

/** A value as text: up to a separator, with its escapes undone. */
function readText(text: string, from: number): { value: string; end: number } | undefined {
  let value = '';
  // How far the value goes for certain: spaces that follow belong to it only if something else does too.
  let solid = 0;
  let at = from;
  for (;;) {
    const letter = text[at];
    if (letter === undefined || letter === ',' || letter === '+') break;
    if (letter === '"' || letter === ';' || letter === '<' || letter === '>' || letter === '\0')
      return undefined;
    if (letter !== '\\') {
      value += letter;
      at += 1;
      if (letter !== ' ') solid = value.length;
      continue;
    }
    const next = text[at + 1];
    if (next !== undefined && specials.has(next)) {
      value += next;
      at += 2;
    } else {
      const bytes: number[] = [];
      while (text[at] === '\\' && hexPair.test(text.slice(at + 1, at + 3))) {
        bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
        at += 3;
      }
      const decoded = bytes.length > 0 ? decode(Uint8Array.from(bytes)) : undefined;
      if (decoded === undefined) return undefined;
      value += decoded;
    }
    solid = value.length;
  }
  return { value: value.slice(0, solid), end: at };
}

/** Strings of ASN.1 that are text in one octet a letter or in UTF-8, by their tag. */
const textTags = new Set([0x04, 0x0c, 0x12, 0x13, 0x16]);

/** A value as `#` and the hexadecimal BER of a string. */
function readHex(text: string, from: number): { value: string; end: number } | undefined {
  const digits = /^[0-9a-f]*/i.exec(text.slice(from))?.[0] ?? '';
  const bytes = Buffer.from(digits, 'hex');
  let end = from + digits.length;
  while (text[end] === ' ') end += 1;
  const separator = text[end];
  if (separator !== undefined && separator !== ',' && separator !== '+') return undefined;
  const [tag = 0, length = 0] = bytes;
  if (digits.length % 2 !== 0 || !textTags.has(tag) || length > 0x7f || bytes.length !== 2 + length)
    return undefined;
  const value = decode(bytes.subarray(2));
  return value === undefined ? undefined : { value, end };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
