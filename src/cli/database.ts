// Owns opening the state database for a verb: never made by a look, never migrated under a running service.
import { existsSync } from 'node:fs';
import { openState } from '../state/database.ts';
import { takeLease } from '../state/lease.ts';
import { createStateRooms, type StateRooms } from '../state/rooms.ts';
import { CommandFailure } from './io.ts';

/** Works with the state database as it is. @throws CommandFailure (1) where there is none, or of another schema. */
export async function withRooms<T>(
  statePath: string,
  work: (rooms: StateRooms) => T | Promise<T>,
): Promise<T> {
  requireFile(statePath);
  const state = openState(statePath, { migrations: 'require' });
  try {
    return await work(createStateRooms(state));
  } finally {
    state.close();
  }
}

export function requireFile(statePath: string): void {
  if (existsSync(statePath)) return;
  throw new CommandFailure(
    1,
    `There is no state database at ${statePath}.`,
    'If the service has run, give this command the same STATE_PATH (and the same folder to start from).',
    'If it has not, there is nothing to see yet: start it, or run "gespage-sync resync".',
  );
}

/** Whether a process works on the state database just now. */
export function isServed(statePath: string): boolean {
  if (!existsSync(statePath)) return false;
  const lease = takeLease(statePath);
  lease?.release();
  return lease === undefined;
}
