// Owns how a value is read from a directory user: one property, the first of several, always a clean text or null.
import type { DirectoryUser } from './model.ts';

/** Reads one text from a user; `null` when it is absent or empty. */
export type ValueReader = (user: DirectoryUser) => string | null;

/**
 * Turns what Graph sent into the text that Gespage gets: trimmed, empty means `null`, numbers and booleans
 * are written out, a list gives its first non-empty element, an object gives `null`.
 */
export function toText(value: unknown): string | null {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : null;
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return Array.isArray(value) ? firstText(value) : null;
}

/** Makes a reader for one property name of a mapping; the name must have passed the mapping's check. */
export function compileReader(name: string): ValueReader {
  // The id is the key of the record and need not stand among the properties.
  if (name === 'id') return (user) => user.id;
  if (name === 'userPrincipalName.prefix') {
    return (user) => principalPrefix(toText(user.properties['userPrincipalName']));
  }
  const dot = name.indexOf('.');
  if (dot === -1) return (user) => toText(user.properties[name]);
  const root = name.slice(0, dot);
  const part = name.slice(dot + 1);
  return (user) => {
    const parent = user.properties[root];
    return isRecord(parent) ? toText(parent[part]) : null;
  };
}

/** Makes a reader that gives the first non-empty of several properties; no names, always `null`. */
export function compileFirst(names: readonly string[]): ValueReader {
  const readers = names.map(compileReader);
  const [only] = readers;
  if (only === undefined) return () => null;
  if (readers.length === 1) return only;
  return (user) => {
    for (const read of readers) {
      const text = read(user);
      if (text !== null) return text;
    }
    return null;
  };
}

/**
 * The part of a user principal name before its domain. A guest's name carries the mark `#EXT#` between the
 * home address and the tenant's domain; the mark is left out, so `anna_example.org#EXT#@contoso.com` gives
 * `anna_example.org`. https://learn.microsoft.com/entra/external-id/user-properties
 */
export function principalPrefix(principalName: string | null): string | null {
  if (principalName === null) return null;
  const at = principalName.lastIndexOf('@');
  const prefix = at === -1 ? principalName : principalName.slice(0, at);
  return cleanText(prefix.replace(/#ext#$/i, ''));
}

/**
 * The form under which two texts count as the same: Unicode NFC and lower case, independent of the
 * machine's language. Both Greek sigmas count as one, since lower case picks between them by position.
 */
export function foldText(text: string): string {
  const lower = text.toLowerCase();
  if (isAscii(lower)) return lower;
  return text.normalize('NFC').toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

function firstText(values: readonly unknown[]): string | null {
  for (const value of values) {
    const text = Array.isArray(value) ? null : toText(value);
    if (text !== null) return text;
  }
  return null;
}

function cleanText(raw: string): string | null {
  // PostgreSQL takes neither NUL nor half a surrogate pair; one such character must not cost the whole account.
  const storable = raw.includes('\0') || !raw.isWellFormed() ? raw.replaceAll('\0', '').toWellFormed() : raw;
  const text = storable.trim();
  return text === '' ? null : text;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 127) return false;
  }
  return true;
}
