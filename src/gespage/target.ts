// Owns the port through which Gespage gets its accounts: what every target must be able to do.
import type { Account } from '../accounts/model.ts';

/** How far a target has come: `ledgerId` says in which ledger's counting the revision is. */
export interface Position {
  readonly ledgerId: string;
  readonly revision: number;
}

/** The wanted state of everything whose ledger revision lies in `(from, to.revision]`. */
export interface ChangeBatch {
  readonly to: Position;
  /** When the changes are written, for `updated_at`. */
  readonly at: Date;
  readonly groups: readonly { readonly externalId: string; readonly name: string }[];
  readonly removedGroups: readonly string[];
  readonly accounts: readonly Account[];
  readonly removedAccounts: readonly string[];
  /**
   * Whether the target, with this batch, holds all that the tenant is known to hold: nothing of the ledger is newer, and
   * nobody is left to settle. What is filled for the first time must not be shown before. A batch without any change
   * may come for this news alone.
   */
  readonly isCurrent: boolean;
}

/** A person whom the target cannot take; the others of the batch are written all the same. */
export interface Refusal {
  readonly externalId: string;
  readonly reason: string;
}

/** What one `apply` did, for metrics and the log. */
export interface Applied {
  readonly upserted: number;
  readonly removed: number;
  readonly refused: readonly Refusal[];
}

/** A page of what a target holds of ours. */
export interface Holdings {
  /** Fields that this product does not write are null. */
  readonly accounts: readonly Account[];
  readonly groups: readonly { readonly externalId: string; readonly name: string }[];
  /** Where the next page begins; undefined after the last one. */
  readonly last: string | undefined;
}

/** Where a target that can read a SQLite file finds the whole ledger, by queries for its schema `ledger`. */
export interface LedgerSource {
  readonly file: string;
  readonly ledgerId: string;
  /** Present accounts: `external_id`, `login`, `enabled` (0 or 1), `groups` (JSON list of ids), a column for each field. */
  readonly accounts: string;
  /** Present groups: `external_id`, `name`. */
  readonly groups: string;
  /** The revision of what the other two give, as `revision`. */
  readonly revision: string;
}

export interface Target {
  /** Short and stable, for logs and metric labels: `sqlite`, `postgres`, `mysql`. Never holds a secret. */
  readonly name: string;
  /**
   * Connects, creates what is missing, checks the shape. May be called again after a failure.
   * @throws when the target is unreachable or not of the right shape; the message says what to do.
   */
  open(): Promise<void>;
  /** The position stored beside the data; undefined for a target never written. */
  position(): Promise<Position | undefined>;
  /**
   * Brings every named row to its wanted state and stores `batch.to` in the same transaction. Idempotent:
   * applying a batch twice, or an old batch again followed by the newer ones, ends in the same state.
   */
  apply(batch: ChangeBatch): Promise<Applied>;
  /**
   * Where what is applied is not seen at once, as in a file that is made anew: makes it seen. Called while the ledger
   * has nothing newer. Returns after how many ms it wants to be called again, or undefined when all that may be seen
   * is.
   */
  publish?(): Promise<number | undefined>;
  /**
   * Takes in the whole ledger by itself, where nothing was ever written. Readers see all of it or nothing.
   * @returns undefined where that cannot be done: the target is then brought up by `apply`.
   */
  fill?(source: LedgerSource, at: Date): Promise<{ position: Position; accounts: number } | undefined>;
  /** Rows that this product wrote, after the id `after` (empty at first), at most `limit` ids. */
  holdings(after: string, limit: number): Promise<Holdings>;
  /**
   * Only of a target that answers readers itself: lets them in, from its last whole state, and may be called again.
   * Who calls nothing but the others writes, and is not read meanwhile.
   * @throws when it cannot listen; the message says what to do.
   */
  serve?(): Promise<void>;
  close(): Promise<void>;
}
