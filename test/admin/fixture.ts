// Owns what the tests of the private door stand on: a state database of their own, a small tenant in it, a stub engine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Hono } from 'hono';
import { compileMapping, type CompiledMapping } from '../../src/accounts/decide.ts';
import { defaultMapping } from '../../src/accounts/mapping.ts';
import { createAdmin } from '../../src/admin/app.ts';
import type { LoopStatus } from '../../src/ops/loop.ts';
import { createMemoryLog, type MemoryLog } from '../../src/ops/log.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { openState } from '../../src/state/database.ts';
import type { ObjectRead } from '../../src/state/directory.ts';
import { createStateRooms, type StateRooms } from '../../src/state/rooms.ts';
import { createSettler } from '../../src/sync/settle.ts';
import { secretWatch } from '../helpers/secret-watch.ts';

export const token = 'a-token-for-tests-with-forty-characters!';
export const start = Date.parse('2026-02-03T04:05:06.000Z');
const percent = { kind: 'percent', p: 5 } as const;

/** Object id number `n` of a kind, such as `00000000-0000-4000-8000-000000000007`. */
export function idOf(n: number, kind: 'user' | 'group' = 'user'): string {
  return `${kind === 'user' ? '00000000' : '99999999'}-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

/** A user as Graph shows one. */
export function user(n: number, properties: Record<string, unknown> = {}): ObjectRead {
  return {
    id: idOf(n),
    properties: {
      userPrincipalName: `user${n}@contoso.example`,
      mailNickname: `user${n}`,
      displayName: `User ${n}`,
      mail: `user${n}@contoso.example`,
      accountEnabled: true,
      userType: 'Member',
      ...properties,
    },
  };
}

export function group(n: number, displayName: string, members: readonly string[] = []): ObjectRead {
  return {
    id: idOf(n, 'group'),
    properties: { displayName },
    members: members.map((id) => ({ id, type: id.startsWith('9') ? 'group' : 'user', removed: false })),
  };
}

export type MappingPatch = { scope?: object; groups?: object; login?: object };

export interface World {
  readonly rooms: StateRooms;
  readonly mapping: CompiledMapping;
  readonly file: string;
  now: number;
  /** Puts objects in the mirror as one read of Graph. */
  read(kind: 'user' | 'group', objects: readonly ObjectRead[]): void;
  /** Decides everybody who waits, as the engine does. */
  settle(): void;
  close(): void;
}

const open: World[] = [];

/** A fresh state database whose two streams count as read. */
export function openWorld(patch: MappingPatch = {}): World {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-admin-'));
  const file = path.join(folder, 'state.db');
  const state = openState(file);
  const rooms = createStateRooms(state);
  const base = defaultMapping();
  const mapping = compileMapping({
    ...base,
    scope: { ...base.scope, ...patch.scope },
    groups: { ...base.groups, ...patch.groups },
    login: { ...base.login, ...patch.login },
  });
  const log = createMemoryLog();
  const cause = { text: 'test', pingedAt: () => null };
  for (const name of ['users', 'groups'] as const) {
    rooms.streams.prepare(name, 'id', start);
    rooms.streams.set(name, {
      fullRead: 1,
      fullCompletedAt: start,
      completedAt: start,
      dueAt: start + 60_000,
    });
  }
  const world: World = {
    rooms,
    mapping,
    file,
    now: start,
    read(kind, objects) {
      rooms.directory.apply(kind, { read: rooms.directory.beginRead(), objects }, cause);
    },
    settle() {
      const now = (): number => world.now;
      const settler = createSettler({
        rooms,
        mapping,
        policy: 'disable',
        graceDays: 30,
        limit: percent,
        now,
        log,
      });
      while (settler.settleSome() === 'more');
    },
    close() {
      state.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  open.push(world);
  return world;
}

/** Closes every world that a test opened; for `afterEach`. */
export function closeWorlds(): void {
  for (const world of open.splice(0)) world.close();
}

export interface Door {
  readonly app: Hono;
  readonly world: World;
  readonly log: MemoryLog;
  /** What the door told the engine, in order. */
  readonly told: string[];
  /** May be changed by a test. */
  loops: Partial<LoopStatus>[];
  mode: 'notifications' | 'polling';
  readonly get: (path: string) => Promise<Response>;
  readonly post: (path: string, body?: unknown) => Promise<Response>;
}

/** The private door on a world, with an engine that only listens. */
export function openPrivateDoor(world: World, options: { sleep?: () => Promise<void> } = {}): Door {
  const log = createMemoryLog([token]);
  secretWatch.keep('the admin token', token);
  let sessions = 0;
  const door: Omit<Door, 'app' | 'get' | 'post'> = {
    world,
    log,
    told: [],
    loops: [
      { name: 'tick', state: 'resting', since: new Date(start), lastSuccessAt: new Date(start), failures: 0 },
    ],
    mode: 'polling',
  };
  const app = createAdmin({
    rooms: world.rooms,
    engine: {
      asked: () => void door.told.push('asked'),
      notified: () => void door.told.push('notified'),
      get mode() {
        return door.mode;
      },
      loops: () =>
        door.loops.map((status) => ({
          status: () => status as LoopStatus,
          start: () => undefined,
          wake: () => undefined,
          stop: () => Promise.resolve(),
        })),
    },
    metrics: createMetrics({ processMetrics: false }),
    mapping: world.mapping,
    token,
    removal: { policy: 'disable', graceMs: 30 * 86_400_000 },
    log,
    now: () => world.now,
    newSessionId() {
      const id = `secret-session-${(sessions += 1)}`;
      secretWatch.keep('a session', id);
      return id;
    },
    ...(options.sleep && { sleep: options.sleep }),
  });
  const authorization = `Bearer ${token}`;
  return Object.assign(door, {
    app,
    get: async (path: string) => app.request(path, { headers: { authorization } }),
    post: async (path: string, body?: unknown) =>
      app.request(path, {
        method: 'POST',
        headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  });
}

/** The body of an answer that must be JSON; tests name the shape that they look at. */
export async function json<T = Record<string, unknown>>(answer: Response | Promise<Response>): Promise<T> {
  return (await (await answer).json()) as T;
}
