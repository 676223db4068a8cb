// Owns what tests of the engine stand on: state databases of their own, a scripted Graph, a target in memory.
import { onTestFinished } from 'vitest';
import { type CompiledMapping, compileMapping } from '../../src/accounts/decide.ts';
import { defaultMapping } from '../../src/accounts/mapping.ts';
import type { ChangeBatch, Position, Target } from '../../src/gespage/target.ts';
import type { DeltaObject, DeltaPage } from '../../src/graph/delta.ts';
import type { MemoryLog } from '../../src/ops/log.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import type { StreamName } from '../../src/state/inbox.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { createEngine, type Engine, type EngineOptions, type GraphSide } from '../../src/sync/engine.ts';
import { createSettler, type SettleOptions, type Settler } from '../../src/sync/settle.ts';
import { id, makeRooms } from '../helpers/state.ts';

export type MappingPatch = { scope?: object; groups?: object; login?: object };

export function mappingOf(patch: MappingPatch = {}): CompiledMapping {
  const base = defaultMapping();
  return compileMapping({
    ...base,
    scope: { ...base.scope, ...patch.scope },
    groups: { ...base.groups, ...patch.groups },
    login: { ...base.login, ...patch.login },
  });
}

/** A settler on a clock that the test moves; its streams count as prepared. */
export function makeSettler(
  options: Partial<SettleOptions> & { patch?: MappingPatch; rooms?: StateRooms } = {},
): { rooms: StateRooms; settler: Settler; log: MemoryLog; clock: { now: number }; settle: () => void } {
  const { patch, ...rest } = options;
  const rooms = options.rooms ?? makeRooms();
  const log = createMemoryLog();
  const clock = { now: 1_000_000 };
  const settler = createSettler({
    mapping: mappingOf(patch),
    policy: 'disable',
    graceDays: 30,
    limit: { kind: 'percent', p: 5 },
    now: () => clock.now,
    log,
    ...rest,
    rooms,
  });
  const settle = (): void => {
    while (settler.settleSome() === 'more');
  };
  return { rooms, settler, log, clock, settle };
}

/** A target that keeps its rows in memory, as a database would. */
export function memoryTarget(): Target & {
  readonly accounts: Map<string, { enabled: boolean; groups: string[] }>;
  readonly groups: Map<string, string>;
} {
  let position: Position | undefined;
  const accounts = new Map<string, { enabled: boolean; groups: string[] }>();
  const groups = new Map<string, string>();
  return {
    name: 'memory',
    accounts,
    groups,
    open: () => Promise.resolve(),
    position: () => Promise.resolve(position),
    holdings: () => Promise.resolve({ accounts: [], groups: [], last: undefined }),
    close: () => Promise.resolve(),
    apply(batch: ChangeBatch) {
      for (const group of batch.groups) groups.set(group.externalId, group.name);
      for (const { externalId, enabled, groups: of } of batch.accounts) {
        accounts.set(externalId, { enabled, groups: [...of] });
      }
      for (const one of batch.removedAccounts) accounts.delete(one);
      for (const one of batch.removedGroups) {
        groups.delete(one);
        for (const account of accounts.values())
          account.groups = account.groups.filter((held) => held !== one);
      }
      position = batch.to;
      return Promise.resolve({ upserted: batch.accounts.length, removed: 0, refused: [] });
    },
  };
}

/** One page that ends its round. */
export const lastPage = (read: number, objects: readonly DeltaObject[] = []): DeltaPage => ({
  read,
  invalid: 0,
  objects,
  deltaLink: 'next-time',
});

export type Script = (
  stream: StreamName,
  options: { link?: string; full: boolean; beginRead: () => number; signal: AbortSignal },
) => AsyncIterable<DeltaPage>;

/** Rounds that give the first list to a full round, and to each later one whatever was queued. */
export function scriptOf(first: Record<StreamName, readonly DeltaObject[]>) {
  const queue: Record<StreamName, DeltaObject[]> = { users: [], groups: [] };
  const script: Script = async function* (stream, { full, beginRead }) {
    const read = beginRead();
    await Promise.resolve();
    yield lastPage(read, full ? first[stream] : queue[stream].splice(0));
  };
  return { script, queue };
}

/** An engine on a scripted Graph; it is stopped when the test ends. */
export function makeEngine(
  script: Script,
  options: Partial<Omit<EngineOptions, 'graph'>> & { patch?: MappingPatch; graph?: Partial<GraphSide> } = {},
): { engine: Engine; rooms: StateRooms; log: MemoryLog } {
  const { patch, graph, ...rest } = options;
  const rooms = options.rooms ?? makeRooms();
  const mapping = mappingOf(patch);
  const log = createMemoryLog();
  const notFound: GraphSide['lookUpUsers'] = (ids) =>
    Promise.resolve({
      read: rooms.directory.beginRead(),
      results: new Map(ids.map((one) => [one, { kind: 'not-found' as const }])),
    });
  const engine = createEngine({
    graph: {
      readRound: script,
      lookUpUsers: notFound,
      lookUpDeletedUsers: notFound,
      subscriptions: {
        list: () => Promise.resolve([]),
        create: () => Promise.reject(new Error('not here')),
        renew: () => Promise.reject(new Error('not here')),
        remove: () => Promise.resolve(),
      },
      selection: { users: mapping.selected, groups: ['id', 'displayName', 'visibility'] },
      ...graph,
    },
    mapping,
    targets: [memoryTarget()],
    removal: { policy: 'disable', graceDays: 30, limit: { kind: 'percent', p: 5 } },
    timing: { pollMs: 60_000, sweepMs: 900_000, fullResyncMs: 7 * 86_400_000 },
    publicUrl: undefined,
    newClientState: () => 'a-client-state-for-tests',
    now: Date.now,
    log,
    metrics: createMetrics({ processMetrics: false }),
    ...rest,
    rooms,
  });
  onTestFinished(() => engine.stop());
  return { engine, rooms, log };
}

/** A user as the delta stream shows one who gets an account under the default mapping. */
export const person = (number: number, properties: Record<string, unknown> = {}): DeltaObject => ({
  id: id(number),
  properties: {
    accountEnabled: true,
    userType: 'Member',
    mailNickname: `user${number}`,
    userPrincipalName: `user${number}@contoso.example`,
    ...properties,
  },
});

/** Polls until it is so. */
export async function until(isSo: () => boolean, what: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
