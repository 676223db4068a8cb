// Owns how values are compared: for each syntax a form in which equal values are equal, and an order (RFC 4517).
import { isUtf8 } from 'node:buffer';
import { normalizeDn } from './dn.ts';
import { findAttributeType, findObjectClass, type AttributeType, type Syntax } from './schema.ts';
import { prepareText, type Part } from './text.ts';

/** Gives the form to compare by; undefined for what is no value of the syntax. */
type Reader = (value: Buffer) => string | undefined;

const readers: Readonly<Record<Syntax, Reader>> = {
  'directory-string': (value) =>
    value.length > 0 && isUtf8(value) ? prepareText(value.toString('utf8')) : undefined,
  'ia5-string': (value) => (isAscii(value) ? prepareText(value.toString('latin1')) : undefined),
  octets: (value) => value.toString('latin1'),
  uuid: (value) => matchText(value, /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)?.toLowerCase(),
  integer: (value) => matchText(value, /^(?:0|-?[1-9][0-9]*)$/),
  boolean: (value) => matchText(value, /^(?:TRUE|FALSE)$/),
  'generalized-time': (value) => readTime(value.toString('latin1')),
  dn: (value) => (isUtf8(value) ? normalizeDn(value.toString('utf8')) : undefined),
  oid: (value) => readOid(value.toString('latin1')),
  description: () => undefined,
};

/** The form of a value by which the attribute's equality rule compares. */
export function readValue(type: AttributeType, value: Buffer): string | undefined {
  if (!type.caseExact) return readers[type.syntax](value);
  return value.length > 0 && isUtf8(value) ? prepareText(value.toString('utf8'), 'whole', true) : undefined;
}

/** The form of a piece of a value, for the substrings rule. An empty piece says nothing. */
export function readPiece(type: AttributeType, piece: Buffer, part: Part): string | undefined {
  if (piece.length === 0) return undefined;
  if (type.syntax === 'ia5-string')
    // OpenLDAP takes spaces from both ends of such a piece, wherever it stands.
    return isAscii(piece) ? prepareText(piece.toString('latin1')).trim() : undefined;
  return isUtf8(piece) ? prepareText(piece.toString('utf8'), part, type.caseExact) : undefined;
}

/** Below zero where the first comes before the second, both in the form of `readValue`. */
export function compareValues(type: AttributeType, one: string, other: string): number {
  if (type.syntax === 'integer') return compareIntegers(one, other);
  return one < other ? -1 : one > other ? 1 : 0;
}

function compareIntegers(one: string, other: string): number {
  const [left, right] = [BigInt(one), BigInt(other)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function isAscii(value: Buffer): boolean {
  for (const octet of value) if (octet > 0x7f) return false;
  return true;
}

function matchText(value: Buffer, pattern: RegExp): string | undefined {
  const text = value.toString('latin1');
  return pattern.test(text) ? text : undefined;
}

const time =
  /^(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])(?:([0-5]\d)([0-5]\d|60)?)?(?:[.,](\d+))?(?:Z|([+-])([01]\d|2[0-3])([0-5]\d)?)$/;

/** UTC to the second, and what is left of a fraction; such texts are in the order of time. */
function readTime(text: string): string | undefined {
  const found = time.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHours, offsetMinutes] = found;
  const midnight = new Date(0);
  midnight.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (midnight.getUTCDate() !== Number(day)) return undefined;
  const unit = minute === undefined ? 3_600_000 : second === undefined ? 60_000 : 1_000;
  const offset =
    (Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)) * (sign === '-' ? -60_000 : 60_000);
  const whole =
    midnight.getTime() +
    Number(hour) * 3_600_000 +
    Number(minute ?? 0) * 60_000 +
    Number(second ?? 0) * 1_000 -
    offset;
  // Of an hour or a minute a fraction is exact to the millisecond; of a second all its digits count.
  if (unit !== 1_000) return writeTime(whole + Math.round(Number(`0.${fraction || '0'}`) * unit), '');
  return writeTime(whole, fraction);
}

function writeTime(ms: number, fraction: string): string {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return '';
  const [date = '', rest = ''] = at.toISOString().replace(/[-:]/g, '').split('T');
  const digits = (rest.slice(7, 10) === '000' ? fraction : rest.slice(7, 10)).replace(/0+$/, '');
  return `${date}${rest.slice(0, 6)}${digits && `.${digits}`}`;
}

/** By its OID; a name that stands for none is no value. */
function readOid(text: string): string | undefined {
  const known = findObjectClass(text)?.oid ?? findAttributeType(text)?.oid;
  if (known !== undefined) return known;
  return /^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+$/.test(text) ? text : undefined;
}
