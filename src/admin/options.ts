// Owns what the private door is given to work with.
import type { CompiledMapping } from '../accounts/decide.ts';
import type { RemovalPolicy } from '../accounts/plan.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { StateRooms } from '../state/rooms.ts';
import type { Engine } from '../sync/engine.ts';

export interface AdminOptions {
  readonly rooms: StateRooms;
  readonly engine: Pick<Engine, 'asked' | 'notified' | 'mode' | 'loops' | 'credentialExpiresAt'>;
  readonly metrics: Pick<
    Metrics,
    'render' | 'summarisePropagation' | 'beforeRender' | 'setSubscriptionExpiry'
  >;
  readonly mapping: CompiledMapping;
  /** The key to everything but the probes. */
  readonly token: string;
  /** How leavers are treated, for explanations; the grace in milliseconds. */
  readonly removal: { readonly policy: RemovalPolicy; readonly graceMs: number };
  readonly log: Log;
  readonly now: () => number;
  /** A new session id that nobody can guess; random unless told. */
  readonly newSessionId?: () => string;
  /** Waits between two looks at a run's progress; real time unless told. */
  readonly sleep?: (ms: number) => Promise<void>;
}
