// Owns reading LDAP messages (RFC 4511, 4.1.1): from octets to what a client asks.
import type { Filter, Scope } from '../directory.ts';
import { BerError, createBerReader, tags, type BerReader } from './ber-reader.ts';
import { readAssertion, readFilter, type FilterLimits } from './filter-reader.ts';
import { Refused } from './results.ts';

export interface Control {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer | undefined;
}

export interface SearchRequest {
  readonly kind: 'search';
  /** As sent; undefined where it is not UTF-8. */
  readonly base: string | undefined;
  readonly scope: Scope;
  /** Entries; 0 for no limit. */
  readonly sizeLimit: number;
  /** Seconds; 0 for no limit. */
  readonly timeLimit: number;
  readonly typesOnly: boolean;
  readonly filter: Filter;
  /** As sent. */
  readonly attributes: readonly string[];
  /** The octets of everything that two pages of one search have in common. */
  readonly identity: Buffer;
}

export type Write = 'modify' | 'add' | 'delete' | 'rename';

export type Request =
  | {
      readonly kind: 'bind';
      readonly version: number;
      readonly name: string | undefined;
      /** Undefined for SASL and whatever else is not a simple bind. */
      readonly password: Buffer | undefined;
    }
  | { readonly kind: 'unbind' }
  | SearchRequest
  | { readonly kind: Write }
  | {
      readonly kind: 'compare';
      readonly dn: string | undefined;
      readonly name: string;
      readonly value: Buffer;
    }
  | { readonly kind: 'abandon'; readonly id: number }
  | { readonly kind: 'extended'; readonly oid: string; readonly hasValue: boolean };

export interface Message {
  readonly id: number;
  /** The tag of what is asked, which tells the tag of the answer. */
  readonly tag: number;
  /** A refusal where the message is whole and what it asks is not. */
  readonly request: Request | Refused;
  readonly controls: readonly Control[];
}

export const requestTags = {
  bind: 0x60,
  unbind: 0x42,
  search: 0x63,
  modify: 0x66,
  add: 0x68,
  delete: 0x4a,
  rename: 0x6c,
  compare: 0x6e,
  abandon: 0x50,
  extended: 0x77,
} as const;

const known: ReadonlySet<number> = new Set(Object.values(requestTags));

const controlsTag = 0xa0;
const mostControls = 32;

/**
 * Reads a whole message.
 * @throws BerError where the connection must end, by RFC 4511, 4.1.1 and 5.1.
 */
export function readMessage(octets: Buffer, limits: FilterLimits): Message {
  const outer = createBerReader(octets);
  const message = outer.within(tags.sequence);
  outer.end();
  const id = message.integer();
  if (id < 0) throw new BerError('A message id below zero.');
  const { tag, content } = message.any();
  if (!known.has(tag)) throw new BerError(`A request that LDAPv3 does not have (tag ${tag}).`);
  const controls = message.peek() === undefined ? [] : readControls(message.within(controlsTag));
  message.end();
  return { id, tag, request: readRequest(tag, content, limits), controls };
}

function readControls(list: BerReader): Control[] {
  const controls: Control[] = [];
  while (list.peek() !== undefined) {
    const one = list.within(tags.sequence);
    const oid = one.octets().toString('latin1');
    const critical = one.peek() === tags.boolean ? one.boolean() : false;
    const value = one.peek() === tags.octets ? one.octets() : undefined;
    one.end();
    controls.push({ oid, critical, value });
    if (controls.length > mostControls) throw new BerError('More controls than any request needs.');
  }
  return controls;
}

function readRequest(tag: number, content: Buffer, limits: FilterLimits): Request | Refused {
  try {
    return readOperation(tag, content, limits);
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

function readOperation(tag: number, content: Buffer, limits: FilterLimits): Request {
  const reader = createBerReader(content);
  switch (tag) {
    case requestTags.bind:
      return readBind(reader);
    case requestTags.unbind:
      reader.end();
      return { kind: 'unbind' };
    case requestTags.search:
      return readSearch(reader, content, limits);
    case requestTags.compare: {
      const dn = textOf(reader.octets());
      const assertion = readAssertion(reader.element(tags.sequence));
      reader.end();
      return { kind: 'compare', dn, ...assertion };
    }
    case requestTags.abandon:
      return { kind: 'abandon', id: numberOf(content) };
    case requestTags.extended: {
      const oid = reader.octets(0x80).toString('latin1');
      const hasValue = reader.peek() === 0x81;
      if (hasValue) reader.octets(0x81);
      reader.end();
      return { kind: 'extended', oid, hasValue };
    }
    default:
      // What a write says does not matter: it is refused whatever it says.
      return { kind: writes.get(tag) as Write };
  }
}

const writes: ReadonlyMap<number, Write> = new Map([
  [requestTags.modify, 'modify'],
  [requestTags.add, 'add'],
  [requestTags.delete, 'delete'],
  [requestTags.rename, 'rename'],
]);

function readBind(reader: BerReader): Request {
  const version = reader.integer();
  const name = textOf(reader.octets());
  const { tag, content } = reader.any();
  reader.end();
  return { kind: 'bind', version, name, password: tag === 0x80 ? content : undefined };
}

const scopes: readonly Scope[] = ['base', 'one', 'subtree'];

function readSearch(reader: BerReader, content: Buffer, limits: FilterLimits): SearchRequest {
  const base = textOf(reader.octets());
  const scope = scopes[reader.integer(tags.enumerated)];
  const aliases = reader.integer(tags.enumerated);
  const sizeLimit = reader.integer();
  const timeLimit = reader.integer();
  const typesOnly = reader.boolean();
  if (scope === undefined)
    throw new Refused('protocolError', 'A scope other than base, one level and subtree.');
  if (aliases < 0 || aliases > 3) throw new Refused('protocolError', 'An unknown way to follow aliases.');
  if (sizeLimit < 0 || timeLimit < 0) throw new Refused('protocolError', 'A limit below zero.');
  const filter = readFilter(reader, limits);
  const list = reader.within(tags.sequence);
  reader.end();
  const attributes: string[] = [];
  while (list.peek() !== undefined) attributes.push(list.octets().toString('utf8'));
  return {
    kind: 'search',
    base,
    scope,
    sizeLimit,
    timeLimit,
    typesOnly,
    filter,
    attributes,
    identity: content,
  };
}

/** A number that stands without a header of its own. */
function numberOf(content: Buffer): number {
  if (content.length === 0 || content.length > 4) throw new BerError('A number of the wrong length.');
  return content.readIntBE(0, content.length);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(octets: Buffer): string | undefined {
  try {
    return utf8.decode(octets);
  } catch {
    return undefined;
  }
}
