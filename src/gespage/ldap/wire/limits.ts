// Owns the bounds within which the LDAP server works: nobody can make it hold much, or hold it for long.
import type { FilterLimits } from './filter-reader.ts';

/** Times in ms. */
export interface LdapLimits {
  /** Connections at the same time; more are closed at once. */
  readonly connections: number;
  /** Octets of one request. */
  readonly messageBytes: number;
  /** Requests of one connection that are worked on at the same time. */
  readonly requestsInHand: number;
  readonly filter: FilterLimits;
  /** How long a connection may rest that has not bound yet, its TLS handshake included. */
  readonly anonymousRestMs: number;
  /** How long one may rest that has. */
  readonly restMs: number;
  /** How long a client may leave unread what was sent. */
  readonly unreadMs: number;
  /** The longest search, whatever the client allows; of a paged one each page. */
  readonly searchMs: number;
  /** How long a search works before others get their turn. */
  readonly turnMs: number;
  /** How long a paged search waits for its next page. */
  readonly pageRestMs: number;
  /** Revisions held open for searches: by one connection, and by all. */
  readonly snapshotsEach: number;
  readonly snapshots: number;
  /** Failed binds after which a connection ends. */
  readonly failedBinds: number;
  /** How long the answer to the first failed bind waits; each further one twice as long. */
  readonly failedBindMs: number;
  /** How often the times are looked at. */
  readonly checkMs: number;
}

export const usualLdapLimits: LdapLimits = {
  connections: 200,
  messageBytes: 2 ** 20,
  requestsInHand: 32,
  filter: { depth: 64, items: 10_000 },
  anonymousRestMs: 30_000,
  restMs: 15 * 60_000,
  unreadMs: 60_000,
  searchMs: 10 * 60_000,
  turnMs: 5,
  pageRestMs: 5 * 60_000,
  snapshotsEach: 4,
  snapshots: 32,
  failedBinds: 5,
  failedBindMs: 250,
  checkMs: 1_000,
};
