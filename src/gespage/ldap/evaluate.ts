// Owns judging entries by a filter, in the three values of RFC 4511, 4.5.1.7: true, false, and undefined.
import type { Attribute, Entry, Filter } from './directory.ts';
import { compareValues, readPiece, readValue } from './matching.ts';
import { findAttributeType, type AttributeType } from './schema.ts';

/** Undefined where the server cannot tell, which a `not` leaves as it is. Only true is an answer. */
export type Verdict = boolean | undefined;

export type Judge = (entry: Entry) => Verdict;

const cannotTell: Judge = () => undefined;

/** Prepares a filter once, to be asked about many entries. */
export function compileFilter(filter: Filter): Judge {
  switch (filter.kind) {
    case 'and':
      return compileAnd(filter.parts.map(compileFilter));
    case 'or':
      return compileOr(filter.parts.map(compileFilter));
    case 'not': {
      const judge = compileFilter(filter.part);
      return (entry) => {
        const verdict = judge(entry);
        return verdict === undefined ? undefined : !verdict;
      };
    }
    case 'present':
      return compilePresent(filter.name);
    case 'equal':
    case 'approximate':
      // RFC 4511 lets a server without an approximate rule take equality for it.
      return compileAssertion(filter.name, filter.value, 'equality', (order) => order === 0);
    case 'greater-or-equal':
      return compileAssertion(filter.name, filter.value, 'ordering', (order) => order >= 0);
    case 'less-or-equal':
      return compileAssertion(filter.name, filter.value, 'ordering', (order) => order <= 0);
    case 'substrings':
      return compileSubstrings(filter);
  }
}

/** Whether every entry matches, so that none need be looked at. */
export function matchesAll(filter: Filter): boolean {
  if (filter.kind === 'and') return filter.parts.every(matchesAll);
  return filter.kind === 'present' && filter.name === 'objectclass';
}

function compileAnd(judges: readonly Judge[]): Judge {
  return (entry) => {
    let verdict: Verdict = true;
    for (const judge of judges) {
      const one = judge(entry);
      if (one === false) return false;
      if (one === undefined) verdict = undefined;
    }
    return verdict;
  };
}

function compileOr(judges: readonly Judge[]): Judge {
  return (entry) => {
    let verdict: Verdict = false;
    for (const judge of judges) {
      const one = judge(entry);
      if (one === true) return true;
      if (one === undefined) verdict = undefined;
    }
    return verdict;
  };
}

/** A name with a language tag is of a known attribute, and no entry has values with tags (RFC 3866). */
function lookUp(description: string): { readonly type: AttributeType; readonly tagged: boolean } | undefined {
  const [name = '', ...options] = description.split(';');
  const type = findAttributeType(name);
  if (type === undefined || options.some((option) => !/^lang-[a-z0-9-]*$/.test(option))) return undefined;
  return { type, tagged: options.length > 0 };
}

function compilePresent(name: string): Judge {
  const found = lookUp(name);
  if (found === undefined) return cannotTell;
  if (found.tagged) return () => false;
  return (entry) => attributeOf(entry, found.type.name) !== undefined;
}

function compileAssertion(
  name: string,
  value: Buffer,
  rule: 'equality' | 'ordering',
  accepts: (order: number) => boolean,
): Judge {
  const found = lookUp(name);
  if (found === undefined || !found.type[rule]) return cannotTell;
  const { type, tagged } = found;
  const asserted = readValue(type, value);
  if (asserted === undefined) return cannotTell;
  if (tagged) return () => false;
  return anyValue(type, (one) => {
    const read = readValue(type, one);
    return read !== undefined && accepts(compareValues(type, read, asserted));
  });
}

function compileSubstrings(filter: Extract<Filter, { kind: 'substrings' }>): Judge {
  const found = lookUp(filter.name);
  if (found === undefined || !found.type.substrings) return cannotTell;
  const { type, tagged } = found;
  const initial = filter.initial && readPiece(type, filter.initial, 'initial');
  const any = filter.any.map((piece) => readPiece(type, piece, 'any'));
  const final = filter.final && readPiece(type, filter.final, 'final');
  if (filter.initial && initial === undefined) return cannotTell;
  if (filter.final && final === undefined) return cannotTell;
  const middle = any.filter((piece) => piece !== undefined);
  if (middle.length < any.length) return cannotTell;
  if (tagged) return () => false;
  return anyValue(type, (value) => {
    const text = readValue(type, value);
    return text !== undefined && hasPieces(text, initial, middle, final);
  });
}

function hasPieces(
  text: string,
  initial: string | undefined,
  any: readonly string[],
  final: string | undefined,
): boolean {
  let from = 0;
  if (initial !== undefined) {
    if (!text.startsWith(initial)) return false;
    from = initial.length;
  }
  const end = text.length - (final?.length ?? 0);
  if (end < from || (final !== undefined && !text.endsWith(final))) return false;
  for (const piece of any) {
    const at = text.indexOf(piece, from);
    if (at === -1 || at + piece.length > end) return false;
    from = at + piece.length;
  }
  return true;
}

function anyValue(type: AttributeType, accepts: (value: Buffer) => boolean): Judge {
  return (entry) => attributeOf(entry, type.name)?.values.some(accepts) ?? false;
}

/** By its name in the canonical spelling. */
export function attributeOf(entry: Entry, name: string): Attribute | undefined {
  for (const attribute of entry.user) if (attribute.name === name) return attribute;
  for (const attribute of entry.operational) if (attribute.name === name) return attribute;
  return undefined;
}
