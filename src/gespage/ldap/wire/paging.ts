// Owns paged searches between their pages (RFC 2696): which revision each one reads, where it stands, who may go on.
import { randomBytes } from 'node:crypto';
import type { Directory, Snapshot } from '../directory.ts';
import type { LdapLimits } from './limits.ts';
import { Refused } from './results.ts';

/** A paged search that waits for its client. */
export interface Parked {
  readonly snapshot: Snapshot;
  /** What all pages of the search have in common. */
  readonly identity: string;
  /** Continue behind this position. */
  readonly after: number | undefined;
  /** Entries sent by all pages so far. */
  readonly sent: number;
}

/** All revisions that are held open for searches. A connection is told apart by the object that stands for it. */
export interface SnapshotShelf {
  /**
   * Opens the newest revision. Where too many are open, the paged search that waited longest is given up for it.
   * @throws Refused `busy` where all are in use, `unavailable` where the directory has none.
   */
  open(owner: object): Snapshot;
  /** Gives the cookie by which the same connection, and only it, gets the search back, once. */
  park(owner: object, parked: Parked): Buffer;
  /** @throws Refused where the cookie is not, or no longer, good. */
  take(owner: object, cookie: Buffer, identity: string): Parked;
  /** Gives up every search of a connection that waits. */
  forget(owner: object): void;
  /** Gives up what waited too long. */
  sweep(): void;
  /** Revisions open now. */
  size(): number;
}

interface Waiting extends Parked {
  readonly owner: object;
  readonly since: number;
}

export function createSnapshotShelf(
  directory: Directory,
  limits: Pick<LdapLimits, 'snapshots' | 'snapshotsEach' | 'pageRestMs'>,
  now: () => number,
): SnapshotShelf {
  /** By cookie; the one that waits longest comes first. */
  const waiting = new Map<string, Waiting>();
  const openOf = new Map<object, number>();
  let all = 0;

  const count = (owner: object, change: number): void => {
    all += change;
    const own = (openOf.get(owner) ?? 0) + change;
    if (own > 0) openOf.set(owner, own);
    else openOf.delete(owner);
  };
  const giveUp = (isMeant: (one: Waiting) => boolean, most = Infinity): void => {
    let left = most;
    for (const [cookie, one] of waiting) {
      if (left <= 0) return;
      if (!isMeant(one)) continue;
      waiting.delete(cookie);
      one.snapshot.close();
      left -= 1;
    }
  };

  return {
    open(owner) {
      if ((openOf.get(owner) ?? 0) >= limits.snapshotsEach) giveUp((one) => one.owner === owner, 1);
      if (all >= limits.snapshots) giveUp(() => true, 1);
      if ((openOf.get(owner) ?? 0) >= limits.snapshotsEach || all >= limits.snapshots)
        throw new Refused('busy', 'Too many searches are under way. Try again later.');
      const snapshot = directory.open();
      count(owner, 1);
      let isOpen = true;
      return {
        resolve: (base) => snapshot.resolve(base),
        search: (query) => snapshot.search(query),
        close() {
          if (!isOpen) return;
          isOpen = false;
          count(owner, -1);
          snapshot.close();
        },
      };
    },
    park(owner, parked) {
      const cookie = randomBytes(16);
      waiting.set(cookie.toString('hex'), { ...parked, owner, since: now() });
      return cookie;
    },
    take(owner, cookie, identity) {
      const key = cookie.toString('hex');
      const found = waiting.get(key);
      if (found === undefined || found.owner !== owner)
        throw new Refused(
          'unwillingToPerform',
          'The cookie of the paged search is unknown, was used, or waited too long. Search again from the first page.',
        );
      waiting.delete(key);
      if (found.identity !== identity) {
        found.snapshot.close();
        throw new Refused(
          'unwillingToPerform',
          'The cookie belongs to a search of another base, scope, filter or selection. Search again from the first page.',
        );
      }
      return found;
    },
    forget: (owner) => giveUp((one) => one.owner === owner),
    sweep() {
      const oldest = now() - limits.pageRestMs;
      giveUp((one) => one.since < oldest);
    },
    size: () => all,
  };
}
