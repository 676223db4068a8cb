// Owns state databases for tests: each test gets a file of its own, closed and removed when the test ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Account, AccountFields } from '../../src/accounts/model.ts';
import { openState } from '../../src/state/database.ts';
import type { Cause, MemberRead, ObjectRead } from '../../src/state/directory.ts';
import { createRetention } from '../../src/state/retention.ts';
import { createStateRooms, type StateRooms } from '../../src/state/rooms.ts';
import { id } from './ids.ts';

/** A path in a fresh folder that goes when the test ends. */
export function temporaryFile(name = 'state.db'): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, name);
}

/** A fresh state database with all its parts. */
export function makeRooms(file: string = temporaryFile()): StateRooms {
  const state = openState(file);
  onTestFinished(() => state.close());
  return createStateRooms(state);
}

/** For properties, which need many databases in one test: closed at once. */
export function withRooms<T>(work: (rooms: StateRooms) => T): T {
  const state = openState(':memory:');
  try {
    return work(createStateRooms(state));
  } finally {
    state.close();
  }
}

export { id };

/** A pass of forgetting what grew old, in its bites. `targets` are those that are configured. */
export function passOver(
  { state, meta, directory }: StateRooms,
  now: number,
  targets: readonly string[] = [],
): Generator<void, void, void> {
  return createRetention({ state, meta, targets, beginRead: () => directory.beginRead() }).pass(now);
}

/** The whole pass; gives the number of bites. */
export function forgetOld(rooms: StateRooms, now: number, targets?: readonly string[]): number {
  return [...passOver(rooms, now, targets)].length;
}

export const noPing: Cause = { text: 'test', pingedAt: () => null };

export const user = (number: number, properties: Record<string, unknown> = {}): ObjectRead => ({
  id: id(number),
  properties: { accountEnabled: true, mailNickname: `user${number}`, ...properties },
});

export const group = (
  number: number,
  members: readonly MemberRead[] = [],
  properties: Record<string, unknown> = {},
): ObjectRead => ({ id: id(number), properties: { displayName: `Group ${number}`, ...properties }, members });

export const member = (number: number, type: MemberRead['type'] = 'user'): MemberRead => ({
  id: id(number),
  type,
  removed: false,
});

export const leaver = (number: number, type: MemberRead['type'] = 'user'): MemberRead => ({
  ...member(number, type),
  removed: true,
});

export const tombstone = (number: number, removed: 'changed' | 'deleted'): ObjectRead => ({
  id: id(number),
  removed,
  properties: {},
});

/** Applies one page that was read just now; gives the ids that changed. */
export function apply(
  rooms: StateRooms,
  kind: 'user' | 'group',
  objects: readonly ObjectRead[],
  options: { read?: number; cause?: Cause } = {},
): Set<string> {
  const read = options.read ?? rooms.directory.beginRead();
  return rooms.directory.apply(kind, { read, objects }, options.cause ?? noPing);
}

/** Works out nesting with the named groups as the scope, the published ones, or both. */
export function rebuild(rooms: StateRooms, roles: { scope?: number[]; publish?: number[] }): void {
  const named = (numbers: number[] = []) => {
    const ids = new Set(numbers.map(id));
    return (one: { id: string }) => ids.has(one.id);
  };
  rooms.reach.rebuild({ scope: named(roles.scope), publish: named(roles.publish) }, 'groups changed');
}

export function keyOf(rooms: StateRooms, number: number): number {
  const key = rooms.people.keyOf(id(number));
  if (key === undefined) throw new Error(`the mirror does not know ${id(number)}`);
  return key;
}

/** Who waits to be settled, as numbers of ids. */
export function waiting(rooms: StateRooms): number[] {
  const ids = rooms.state
    .sql('SELECT o.id FROM unsettled u JOIN directory_object o ON o.key = u.key ORDER BY o.id')
    .pluck()
    .all() as string[];
  return ids.map((one) => Number.parseInt(one.slice(-12), 16));
}

export function settleAll(rooms: StateRooms): void {
  rooms.people.done(rooms.people.nextKeys(1_000_000));
}

/** Direct memberships as pairs of numbers: group, member. */
export function edges(rooms: StateRooms): [number, number][] {
  const rows = rooms.state
    .sql(
      `SELECT g.id AS g, m.id AS m FROM membership e JOIN directory_object g ON g.key = e.group_key
       JOIN directory_object m ON m.key = e.member_key ORDER BY g.id, m.id`,
    )
    .all() as { g: string; m: string }[];
  return rows.map(({ g, m }) => [Number.parseInt(g.slice(-12), 16), Number.parseInt(m.slice(-12), 16)]);
}

export const noFields: AccountFields = {
  displayName: null,
  firstName: null,
  lastName: null,
  email: null,
  department: null,
  activity: null,
  printCode: null,
  cardNumber: null,
  homeDirectory: null,
};

export const account = (number: number, changes: Partial<Account> = {}): Account => ({
  externalId: id(number),
  login: `user${number}`,
  fields: noFields,
  enabled: true,
  groups: [],
  ...changes,
});

/** Writes an account into the ledger under the person's key. */
export function writeAccount(
  rooms: StateRooms,
  key: number,
  changes: Partial<Account> = {},
  standing: { present?: boolean; disabledSince?: number | null; pingedAt?: number | null } = {},
): void {
  const wanted = account(key, changes);
  rooms.ledger.write(key, wanted, wanted.login.toLowerCase(), {
    present: true,
    disabledSince: null,
    pingedAt: null,
    ...standing,
  });
}
