// Owns the shape of the status: what an operator sees of the service.
import type { PropagationSummary } from '../ops/metrics.ts';
import type { RunRow } from '../state/runs.ts';

/** Times are ISO 8601 in UTC, ages and delays in seconds. Holds no secret, no client state and no link. */
export interface Status {
  readonly at: string;
  readonly mode: 'notifications' | 'polling';
  /** Sentences: what is wrong, what it means, what to do. Empty when all is well. */
  readonly problems: readonly string[];
  /** What is wrong with the state database itself, as far as this process has met it; null when nothing is. */
  readonly storage: string | null;
  /** The engine's background jobs; null when it does not run in this process. */
  readonly jobs: readonly JobStatus[] | null;
  readonly subscriptions: readonly SubscriptionStatus[];
  readonly streams: readonly StreamStatus[];
  readonly inbox: { readonly depth: number; readonly oldestSeconds: number | null };
  /** People whose account must still be decided. */
  readonly unsettled: number;
  readonly lastNotificationAt: string | null;
  /** Microsoft asked to be left alone until then; null when it does not. */
  readonly pausedUntil: string | null;
  readonly targets: readonly TargetStatus[];
  /** Calls of GESPAGE_TRIGGER_URL; null where there was none. */
  readonly trigger: TriggerStatus | null;
  readonly holds: readonly HoldStatus[];
  readonly runs: readonly RunStatus[];
  /** Receipt of a notification to the commit at a target; null before the first one and outside the service. */
  readonly propagation: PropagationSummary | null;
  readonly counts: {
    readonly users: number;
    readonly groups: number;
    readonly memberships: number;
    readonly accounts: number;
    readonly enabledAccounts: number;
  };
  readonly issues: {
    readonly collisions: number;
    readonly withoutLogin: number;
    /** People whom a defect of the program keeps from being settled. */
    readonly failed: number;
    readonly first: readonly {
      readonly person: string;
      readonly kind: string;
      readonly detail: string;
      readonly since: string;
    }[];
  };
  readonly refusals: {
    readonly count: number;
    readonly first: readonly {
      readonly target: string;
      readonly person: string;
      readonly login: string;
      readonly reason: string;
      readonly at: string;
    }[];
  };
  /** Groups whose members Graph hides from this application. */
  /** When the client certificate ends; null with a secret, whose end cannot be read, and where no service is asked. */
  readonly credentialExpiresAt: string | null;
  /** A full round of groups that was not believed: how many memberships it lacked, of how many. */
  readonly refusedGroupLoss: { readonly at: string; readonly unseen: number; readonly known: number } | null;
  /** Published groups that share a name in the tenant and so have another one at the targets. */
  readonly renamedGroups: {
    readonly count: number;
    readonly first: readonly { readonly id: string; readonly name: string; readonly wanted: string }[];
  };
  readonly hiddenGroups: { readonly count: number; readonly first: readonly string[] };
}

export interface JobStatus {
  readonly name: string;
  readonly state: string;
  readonly since: string;
  readonly failures: number;
}

export interface SubscriptionStatus {
  readonly id: string;
  readonly resource: 'users' | 'groups';
  readonly state: 'active' | 'expired' | 'lost' | 'challenged';
  readonly expiresAt: string;
  readonly expiresInSeconds: number;
  readonly createdAt: string;
  readonly renewedAt: string;
}

export interface StreamStatus {
  readonly name: string;
  /** Null before the first complete round. */
  readonly lastRoundAt: string | null;
  readonly lastRoundSecondsAgo: number | null;
  readonly lastFullRoundAt: string | null;
  readonly nextRoundAt: string;
  /** The round under way. */
  readonly running: {
    readonly kind: 'full' | 'incremental';
    readonly since: string | null;
    readonly pages: number;
    readonly objects: number;
  } | null;
  readonly failures: number;
  readonly error: string | null;
}

export interface TargetStatus {
  readonly name: string;
  readonly revision: number;
  /** Changes of the ledger that it lacks. */
  readonly behind: number;
  readonly appliedAt: string | null;
  readonly failingSince: string | null;
  readonly error: string | null;
  /** When each row was last compared with the ledger, as after every full resync. */
  readonly comparedAt: string | null;
  /** Rows that this comparison found wrong, and put right. */
  readonly repaired: number;
}

export interface TriggerStatus {
  /** When a call was last understood. */
  readonly calledAt: string | null;
  /** HTTP status of that call. */
  readonly status: number | null;
  readonly failingSince: string | null;
  readonly error: string | null;
}

export interface HoldStatus {
  readonly id: number;
  readonly createdAt: string;
  readonly people: number;
  readonly limit: number;
  readonly removedInWindow: number;
  readonly enabledAccounts: number;
}

export interface RunStatus {
  readonly id: string;
  readonly kind: 'resync' | 'renew';
  readonly dryRun: boolean;
  readonly person: string | null;
  readonly status: RunRow['status'];
  readonly phase: string | null;
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly counts: Readonly<Record<string, number>> | null;
  readonly error: string | null;
}
