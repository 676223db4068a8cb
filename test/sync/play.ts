// Owns what each step of a history does to the tenant and its service, and how a history ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { resetStyles } from '../emulator/delta-token.ts';
import type { FaultRule } from '../emulator/faults.ts';
import { findLedgerDifferences, findMirrorDifferences } from '../helpers/expected-mirror.ts';
import { eventually } from '../helpers/eventually.ts';
import type { Rig } from '../helpers/rig.ts';
import type { Parts } from '../../src/compose.ts';
import type { History, Step } from './history.ts';

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
export async function play(step: Step, { tenant, parts, stop, crash, start }: Rig): Promise<void> {
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
    case 'crash': {
      await crash(step.powerCut ?? undefined);
      if (step.changes > 0) tenant.churn(step.changes, { seed: step.seed });
      if (step.again !== null) {
        const starting = start().catch(() => undefined);
        await sleep(step.again);
        await crash(step.powerCut ?? undefined);
        await starting;
      }
      await start();
      return;
    }
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
  const operator = setInterval(() => acceptLosses(parts()), 50);
  try {
    await rig.atRest(timeoutMs);
  } finally {
    clearInterval(operator);
  }
  await eventually(() => {
    const { rooms } = parts();
    const hidesDeleted = history.delta.firstRoundTombstones === false;
    const mirror = findMirrorDifferences(tenant.snapshot(), rooms, config.mapping, hidesDeleted);
    return [...mirror, ...findLedgerDifferences(rooms, rig.target()), ...rig.differences()];
  }, timeoutMs);
}

/**
 * Believes what the tenant shows: a history may well take away most memberships while nobody looks, and a full round that
 * lacks so many waits for the word of an operator.
 */
function acceptLosses({ rooms, engine }: Parts): void {
  const refused = rooms.groupLosses.refused();
  if (!refused || (rooms.runs.lastResyncBy('test') ?? -Infinity) > refused.at) return;
  rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
  engine.asked();
}
