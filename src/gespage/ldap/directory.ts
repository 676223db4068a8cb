// Owns the seam between the LDAP wire and the directory behind it: what a search asks, and what comes back.

/** One attribute type with its values; the server compares names without regard to letter case. */
export interface Attribute {
  /** In its canonical spelling, such as `sAMAccountName`. */
  readonly name: string;
  /** Octets; text is UTF-8. Never empty. */
  readonly values: readonly Buffer[];
  /** BER of the whole PartialAttribute, where it is kept ready. */
  readonly encoded?: Buffer;
}

/** One entry of the tree. */
export interface Entry {
  /** As clients see it, by RFC 4514. */
  readonly dn: string;
  /** What `*` or no selection asks for. */
  readonly user: readonly Attribute[];
  /** What `+`, or its own name, asks for: `entryUUID`, `modifyTimestamp`, … */
  readonly operational: readonly Attribute[];
  /** BER of the members of the PartialAttributeList that holds `user`, where it is kept ready. */
  readonly encodedUser?: Buffer;
}

export type Scope = 'base' | 'one' | 'subtree';

/** A filter of RFC 4511, 4.5.1.7, without the extensible match, which is refused at the door. Names in lower case. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | { readonly kind: 'present'; readonly name: string }
  | {
      readonly kind: 'equal' | 'greater-or-equal' | 'less-or-equal' | 'approximate';
      readonly name: string;
      readonly value: Buffer;
    }
  | {
      readonly kind: 'substrings';
      readonly name: string;
      readonly initial: Buffer | undefined;
      readonly any: readonly Buffer[];
      readonly final: Buffer | undefined;
    };

export interface Query {
  /** Normalized by `normalizeDn`, empty for the root. */
  readonly base: string;
  readonly scope: Scope;
  /** A hint by which the directory may leave out entries that cannot match; the server evaluates it in any case. */
  readonly filter: Filter;
  /** Continue behind the entry with this position. */
  readonly after?: number;
}

export interface Found {
  /** Grows from entry to entry within one snapshot. */
  readonly position: number;
  readonly entry: Entry;
}

/** One consistent revision of the tree, whatever is written meanwhile. To be closed, since it holds resources. */
export interface Snapshot {
  /** Whether the base exists, and if not, the closest DN above it that does, for `matchedDN`. */
  resolve(base: string): { readonly exists: true } | { readonly exists: false; readonly matched: string };
  /** Entries of the scope in a fixed order; all that match the filter, and others too. */
  search(query: Query): IterableIterator<Found>;
  close(): void;
}

export interface Directory {
  /** DNs of the naming contexts, for the root DSE. */
  readonly namingContexts: readonly string[];
  /** @throws when the directory was never filled: the server answers `busy` or `unavailable`, never an empty tree. */
  open(): Snapshot;
}
