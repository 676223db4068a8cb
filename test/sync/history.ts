// Owns random histories of a tenant and its service: which steps there are, and how often each comes.
import fc from 'fast-check';
import type { DeltaSettings } from '../emulator/delta-plan.ts';

export type Step =
  | { readonly do: 'churn'; readonly count: number; readonly seed: number }
  | { readonly do: 'exchange logins' | 'take a login'; readonly one: number; readonly other: number }
  | { readonly do: 'move members'; readonly group: number; readonly from: number; readonly count: number }
  | { readonly do: 'nest'; readonly outer: number; readonly inner: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'restart'; readonly changes: number; readonly seed: number }
  | Crash
  | { readonly do: 'expire tokens'; readonly stream: 'users' | 'groups' | null; readonly style: number }
  | { readonly do: 'lose a subscription'; readonly index: number }
  | { readonly do: 'lag'; readonly deltaMs: number; readonly getMs: number; readonly share: number }
  | { readonly do: 'freeze'; readonly view: 'delta' | 'get' }
  | { readonly do: 'thaw' | 'revoke tokens' | 'resync' | 'ask for renewal' | 'replay' | 'end faults' }
  | { readonly do: 'fault'; readonly share: number; readonly kind: number }
  | { readonly do: 'drop notifications'; readonly share: number };

/** The engine is abandoned as it stands, and started on what the disk then holds; what that means: see the rig. */
interface Crash {
  readonly do: 'crash';
  /** The share of the uncertain that is on disk after a power cut; null for a mere end of the process. */
  readonly powerCut: number | null;
  readonly changes: number;
  readonly seed: number;
  /** Ms after which it happens again, while the service starts; null for no more. */
  readonly again: number | null;
}

const number = fc.nat({ max: 1_000 });

const everyday: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('churn' as const),
      count: fc.integer({ min: 1, max: 6 }),
      seed: fc.nat(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('exchange logins' as const, 'take a login' as const),
      one: number,
      other: number,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('move members' as const),
      group: number,
      from: number,
      count: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('nest' as const), outer: number, inner: number }) },
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('restart' as const),
      changes: fc.integer({ min: 0, max: 6 }),
      seed: fc.nat(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      powerCut: fc.option(fc.constantFrom(0, 0.2, 0.5, 0.9), { nil: null }),
      changes: fc.integer({ min: 0, max: 6 }),
      seed: fc.nat(),
      again: fc.option(fc.integer({ min: 0, max: 40 }), { nil: null }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('expire tokens' as const),
      stream: fc.constantFrom('users' as const, 'groups' as const, null),
      style: number,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('lag' as const),
      deltaMs: fc.integer({ min: 0, max: 400 }),
      getMs: fc.integer({ min: 0, max: 400 }),
      share: fc.constantFrom(0.3, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('freeze' as const),
      view: fc.constantFrom('delta' as const, 'get' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'thaw' as const,
        'revoke tokens' as const,
        'resync' as const,
        'ask for renewal' as const,
        'replay' as const,
      ),
    }),
  },
  // As often as faults begin: a service that meets little but faults does little else than wait.
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end faults' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      share: fc.constantFrom(0.05, 0.3),
      kind: number,
    }),
  },
];

const losses: fc.WeightedArbitrary<Step>[] = [
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose a subscription' as const), index: number }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('drop notifications' as const), share: fc.constantFrom(0.3, 1) }),
  },
];

/**
 * How the tenant's delta answers look: the documents allow all of it. That full rounds hide the memberships of people
 * deleted for now is not among it: who is restored would then lack them until the next full round of groups.
 */
const deltaSettings: fc.Arbitrary<Partial<DeltaSettings>> = fc.record({
  pageSize: fc.constantFrom(1, [1, 9] as const, [5, 40] as const, 200),
  membersPerPage: fc.constantFrom([1, 6] as const, 3_000),
  memberChunk: fc.constantFrom([1, 4] as const, 500),
  emptyPages: fc.constantFrom(0, 0.3),
  firstRoundTombstones: fc.boolean(),
  unknownTombstones: fc.constantFrom(0, 3),
  formerMembers: fc.constantFrom(0, 2),
  repeatObjects: fc.constantFrom(0, 0.3),
  replayChanges: fc.constantFrom(0, 5),
  memberEvents: fc.constantFrom('net' as const, 'all' as const),
});

export interface History {
  /** Whether notifications and subscriptions get lost, so that only sweeps can find some changes. */
  readonly lossy: boolean;
  readonly seed: number;
  readonly delta: Partial<DeltaSettings>;
  readonly silentHardDelete: boolean;
  readonly scoped: boolean;
  /** Whether membership in a group nested in another counts there. */
  readonly nested: boolean;
  readonly policy: 'disable' | 'delete' | 'keep';
  /** Without an address to be notified at: all is found by rounds. */
  readonly polling: boolean;
  readonly steps: readonly Step[];
}

/** Histories of at least and at most so many steps. */
export const historiesOf = (minLength: number, maxLength: number): fc.Arbitrary<History> =>
  fc.boolean().chain((lossy) =>
    fc.record({
      lossy: fc.constant(lossy),
      seed: fc.integer({ min: 1, max: 1_000_000 }),
      delta: deltaSettings,
      silentHardDelete: fc.boolean(),
      scoped: fc.boolean(),
      nested: fc.boolean(),
      policy: fc.constantFrom('disable', 'disable', 'disable', 'delete', 'keep'),
      polling: fc.constantFrom(false, false, false, true),
      steps: fc.array(fc.oneof(...everyday, ...(lossy ? losses : [])), { minLength, maxLength, size: 'max' }),
    }),
  );

export const histories = historiesOf(40, 80);
