// Owns reading a search filter (RFC 4511, 4.5.1.7); what the server cannot judge is refused here.
import type { Filter } from '../directory.ts';
import { findAttributeType } from '../schema.ts';
import { createBerReader, type BerReader } from './ber-reader.ts';
import { Refused } from './results.ts';

const choices = {
  and: 0xa0,
  or: 0xa1,
  not: 0xa2,
  equal: 0xa3,
  substrings: 0xa4,
  greaterOrEqual: 0xa5,
  lessOrEqual: 0xa6,
  present: 0x87,
  approximate: 0xa8,
  extensible: 0xa9,
} as const;

const pieces = { initial: 0x80, any: 0x81, final: 0x82 } as const;

/** How large a filter may be: importers nest a handful, and name some thousands of logins at most. */
export interface FilterLimits {
  readonly depth: number;
  readonly items: number;
}

/**
 * Reads one filter, the next element of the reader.
 * @throws Refused for kinds that this server does not evaluate, unknown ones, and those beyond the limits.
 * @throws BerError where the octets do not fit.
 */
export function readFilter(reader: BerReader, limits: FilterLimits): Filter {
  let items = 0;
  const read = (from: BerReader, depth: number): Filter => {
    items += 1;
    if (depth > limits.depth || items > limits.items)
      throw new Refused('adminLimitExceeded', 'The filter is nested too deeply or has too many parts.');
    const { tag, content } = from.any();
    switch (tag) {
      case choices.and:
      case choices.or: {
        const inner = createBerReader(content);
        const parts: Filter[] = [];
        while (inner.peek() !== undefined) parts.push(read(inner, depth + 1));
        return { kind: tag === choices.and ? 'and' : 'or', parts };
      }
      case choices.not: {
        const inner = createBerReader(content);
        const part = read(inner, depth + 1);
        inner.end();
        return { kind: 'not', part };
      }
      case choices.equal:
        return { kind: 'equal', ...readAssertion(content) };
      case choices.greaterOrEqual:
        return { kind: 'greater-or-equal', ...readAssertion(content) };
      case choices.lessOrEqual:
        return { kind: 'less-or-equal', ...readAssertion(content) };
      case choices.approximate:
        return { kind: 'approximate', ...readAssertion(content) };
      case choices.present:
        return { kind: 'present', name: nameOf(content) };
      case choices.substrings:
        return readSubstrings(content);
      case choices.extensible:
        throw new Refused(
          'inappropriateMatching',
          'Extensible matches (such as attribute:rule:=value) are not evaluated here. Use another filter.',
        );
      default:
        throw new Refused('protocolError', 'A kind of filter that LDAPv3 does not have.');
    }
  };
  return read(reader, 1);
}

/** An attribute description and a value: of a filter, and of a compare request. */
export function readAssertion(content: Buffer): { name: string; value: Buffer } {
  const reader = createBerReader(content);
  const name = nameOf(reader.octets());
  const value = reader.octets();
  reader.end();
  return { name, value };
}

function readSubstrings(content: Buffer): Filter {
  const reader = createBerReader(content);
  const name = nameOf(reader.octets());
  const list = reader.within(0x30);
  reader.end();
  let initial: Buffer | undefined;
  let final: Buffer | undefined;
  const any: Buffer[] = [];
  if (list.peek() === undefined) throw new Refused('protocolError', 'A substring filter without substrings.');
  for (let isFirst = true; list.peek() !== undefined; isFirst = false) {
    const { tag, content: value } = list.any();
    if (final !== undefined) throw new Refused('protocolError', 'A substring behind the final one.');
    if (tag === pieces.initial && isFirst) initial = value;
    else if (tag === pieces.any) any.push(value);
    else if (tag === pieces.final) final = value;
    else
      throw new Refused('protocolError', 'A substring of an unknown kind, or an initial one in the middle.');
  }
  return { kind: 'substrings', name, initial, any, final };
}

/** In lower case; of a known attribute the main name, whichever name or OID was written. Options stay. */
function nameOf(octets: Buffer): string {
  const written = octets.toString('utf8').toLowerCase();
  const [base = '', ...options] = written.split(';');
  const name = findAttributeType(base)?.name.toLowerCase() ?? base;
  return [name, ...options].join(';');
}
