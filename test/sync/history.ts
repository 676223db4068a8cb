// Owns random histories of a tenant and its service: the steps, what each does, and how it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { DeltaSettings } from '../emulator/delta-plan.ts';
import { resetStyles } from '../emulator/delta-token.ts';
import type { FaultRule } from '../emulator/faults.ts';
import { findLedgerDifferences, findMirrorDifferences } from '../helpers/expected-mirror.ts';
import { eventually } from '../helpers/eventually.ts';
import type { Rig } from '../helpers/service.ts';

export type Step =
  | { readonly do: 'churn'; readonly count: number; readonly seed: number }
  | { readonly do: 'exchange logins' | 'take a login'; readonly one: number; readonly other: number }
  | { readonly do: 'move members'; readonly group: number; readonly from: number; readonly count: number }
  | { readonly do: 'nest'; readonly outer: number; readonly inner: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'restart'; readonly changes: number; readonly seed: number }
  | { readonly do: 'expire tokens'; readonly stream: 'users' | 'groups' | null; readonly style: number }
  | { readonly do: 'lose a subscription'; readonly index: number }
  | { readonly do: 'lag'; readonly deltaMs: number; readonly getMs: number; readonly share: number }
  | { readonly do: 'freeze'; readonly view: 'delta' | 'get' }
  | { readonly do: 'thaw' | 'revoke tokens' | 'resync' | 'ask for renewal' | 'replay' | 'end faults' }
  | { readonly do: 'fault'; readonly share: number; readonly kind: number }
  | { readonly do: 'drop notifications'; readonly share: number };

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
        'end faults' as const,
      ),
    }),
  },
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
  readonly steps: readonly Step[];
}

export const histories: fc.Arbitrary<History> = fc.boolean().chain((lossy) =>
  fc.record({
    lossy: fc.constant(lossy),
    seed: fc.integer({ min: 1, max: 1_000_000 }),
    delta: deltaSettings,
    silentHardDelete: fc.boolean(),
    scoped: fc.boolean(),
    steps: fc.array(fc.oneof(...everyday, ...(lossy ? losses : [])), {
      minLength: 40,
      maxLength: 80,
      size: 'max',
    }),
  }),
);

const faults: readonly FaultRule[] = [
  { action: { type: 'status', status: 429, retryAfter: 0 } },
  { action: { type: 'status', status: 429, retryAfter: 1 } },
  { action: { type: 'status', status: 503 } },
  { action: { type: 'status', status: 503, poison: true } },
  { action: { type: 'status', status: 500 } },
  { action: { type: 'status', status: 504 } },
  { action: { type: 'reset' } },
  { action: { type: 'lost-answer' } },
  { action: { type: 'truncate' } },
  { action: { type: 'non-json' } },
  { action: { type: 'delay', ms: 100 } },
  { scope: 'batch-item', action: { type: 'status', status: 429, retryAfter: 0 } },
  { scope: 'batch-item', action: { type: 'status', status: 503 } },
  { scope: 'batch-item', action: { type: 'status', status: 500 } },
  { scope: 'token', action: { type: 'status', status: 500 } },
];

/** Plays one step. */
export async function play(step: Step, { tenant, parts, stop, start }: Rig): Promise<void> {
  const pick = <T>(list: readonly T[], index: number): T | undefined =>
    list[index % Math.max(1, list.length)];
  const users = () => tenant.snapshot().users.filter(({ status }) => status === 'active');
  const groups = () => tenant.snapshot().groups.filter(({ status }) => status === 'active');
  const names = (user: { props: Record<string, unknown> }) => ({
    onPremisesSamAccountName: user.props['onPremisesSamAccountName'] ?? null,
    mailNickname: user.props['mailNickname'] ?? null,
  });
  switch (step.do) {
    case 'churn':
      tenant.churn(step.count, { seed: step.seed });
      return;
    case 'exchange logins':
    case 'take a login': {
      const one = pick(users(), step.one);
      const other = pick(users(), step.other);
      if (!one || !other || one.id === other.id) return;
      tenant.updateUser(one.id, names(other));
      if (step.do === 'exchange logins') tenant.updateUser(other.id, names(one));
      return;
    }
    case 'move members': {
      const group = pick(groups(), step.group);
      const people = users().slice(step.from % 20, (step.from % 20) + step.count);
      const inside = new Set(group?.members.map(({ id }) => id));
      if (!group || people.length === 0) return;
      tenant.changeMembers(group.id, {
        add: people.filter(({ id }) => !inside.has(id)).map(({ id }) => id),
        remove: people.filter(({ id }) => inside.has(id)).map(({ id }) => id),
      });
      return;
    }
    case 'nest': {
      const outer = pick(groups(), step.outer);
      const inner = pick(groups(), step.inner);
      if (outer && inner && outer.id !== inner.id) tenant.addMember(outer.id, inner.id);
      return;
    }
    case 'wait':
      await sleep(step.ms);
      return;
    case 'restart':
      await stop();
      if (step.changes > 0) tenant.churn(step.changes, { seed: step.seed });
      await start();
      return;
    case 'expire tokens':
      tenant.expireDeltaTokens(step.stream, resetStyles[step.style % resetStyles.length]);
      return;
    case 'lose a subscription': {
      const lost = pick(tenant.subscriptions(), step.index);
      if (lost) tenant.vanishSubscription(lost.id);
      return;
    }
    case 'lag':
      tenant.configure({ lag: { deltaMs: step.deltaMs, getMs: step.getMs, probability: step.share } });
      return;
    case 'freeze':
      tenant.freeze(step.view);
      return;
    case 'thaw':
      tenant.thaw('delta');
      tenant.thaw('get');
      return;
    case 'revoke tokens':
      tenant.revokeTokens();
      return;
    case 'resync':
    case 'ask for renewal':
      parts().rooms.runs.request(
        { kind: step.do === 'resync' ? 'resync' : 'renew', requestedBy: 'test' },
        Date.now(),
      );
      parts().engine.asked();
      return;
    case 'replay':
      tenant.replayNotifications(Math.max(1, tenant.lastSeq() - 10));
      return;
    case 'fault':
      tenant.addFault({ ...(faults[step.kind % faults.length] as FaultRule), probability: step.share });
      return;
    case 'end faults':
      tenant.clearFaults();
      return;
    case 'drop notifications':
      tenant.configure({ delivery: { drops: step.share } });
      return;
  }
}

/** Lets the tenant rest, and waits until mirror, ledger and target say what it says. */
export async function comeToRest(rig: Rig, history: History, timeoutMs: number): Promise<void> {
  const { tenant, parts, config } = rig;
  tenant.clearFaults();
  tenant.thaw('delta');
  tenant.thaw('get');
  tenant.configure({ lag: { deltaMs: 0, getMs: 0, probability: 1 }, delivery: { drops: 0 } });
  await rig.atRest(timeoutMs);
  await eventually(() => {
    const { rooms } = parts();
    const hidesDeleted = history.delta.firstRoundTombstones === false;
    const mirror = findMirrorDifferences(tenant.snapshot(), rooms, config.mapping, hidesDeleted);
    return [...mirror, ...findLedgerDifferences(rooms, rig.target()), ...rig.differences()];
  }, timeoutMs);
}
