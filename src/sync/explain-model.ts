// Owns the shape of an explanation: the facts about one person, and the sentences made of them.
import type { AccountFields, ObjectState } from '../accounts/model.ts';
import type { RemovalPolicy } from '../accounts/plan.ts';
import type { AuditAction } from '../state/ledger.ts';
import type { RemovalState } from '../state/people.ts';
import type { GroupName, ScopePath } from '../state/person-lookup.ts';

/** Times are ISO 8601 in UTC. */
export interface AccountExplanation {
  readonly login: string;
  readonly displayName: string | null;
  /** False once the row is gone from Gespage; the values are the last ones then. */
  readonly present: boolean;
  readonly enabled: boolean;
  readonly disabledSince: string | null;
  /** When the days of grace end; null while enabled, and where the policy deletes nobody later. */
  readonly deletedAfter: string | null;
  readonly groups: readonly GroupName[];
  readonly fields: AccountFields;
  readonly revision: number;
}

export interface TargetExplanation {
  readonly name: string;
  /** Whether it holds the ledger's last word on this person. */
  readonly current: boolean;
  readonly refused: string | null;
  readonly failingSince: string | null;
  readonly error: string | null;
}

/** Everything that is known about why one person is, or is not, an account. */
export interface PersonFacts {
  /** Entra object id. */
  readonly id: string;
  readonly userPrincipalName: string | null;
  readonly displayName: string | null;
  /** `unread`: known as somebody's member only. */
  readonly state: ObjectState | 'unread';
  readonly scope: {
    /** The mapping names no scope group. */
    readonly everyone: boolean;
    readonly inside: boolean;
    /** From the group that has the person up to the scope group. */
    readonly paths: readonly ScopePath[];
    /** Where nobody of the scope has the person: the groups that do. */
    readonly directGroups: readonly GroupName[];
    /** Scope groups of the mapping that the tenant does not have. */
    readonly unmatched: readonly string[];
  };
  /** Undefined for somebody never read. */
  readonly decision:
    | {
        readonly kind: 'active' | 'leaver' | 'unmappable';
        readonly text: string;
        /** A leaver's reason, or the sentence about somebody who cannot be judged. */
        readonly reason: string | null;
      }
    | undefined;
  readonly login: {
    readonly wanted: string | null;
    /** The property that gives it. */
    readonly from: string | null;
    readonly rule: readonly string[];
    /** Who has the wanted login, where somebody else does. */
    readonly heldBy: {
      readonly id: string;
      readonly login: string;
      readonly displayName: string | null;
    } | null;
    readonly since: string | null;
  };
  readonly account: AccountExplanation | null;
  readonly publishesGroups: boolean;
  readonly removal: {
    readonly state: RemovalState;
    readonly how: 'disable' | 'delete';
    readonly reason: string;
    readonly holdId: number | null;
    readonly since: string;
  } | null;
  /** A change is known and not yet worked in. */
  readonly waiting: boolean;
  /** Both streams were read completely at least once. */
  readonly ready: boolean;
  readonly targets: readonly TargetExplanation[];
  readonly audit: readonly {
    readonly id: number;
    readonly at: string;
    readonly action: AuditAction;
    readonly cause: string;
    readonly reason: string | null;
    readonly changes: Readonly<Record<string, readonly [unknown, unknown]>> | null;
  }[];
  readonly policy: RemovalPolicy;
}

export interface PersonExplanation extends PersonFacts {
  /** The same in plain English, the answer first. */
  readonly sentences: readonly string[];
}
