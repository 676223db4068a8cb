// Owns looking into the state database of a service that runs: its secrets, and what generated requests left there.
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { StreamName } from '../../src/state/inbox.ts';
import type { Emulator } from '../../test/emulator/emulator.ts';
import { forgedPrefix, type Fuzzed } from '../../test/fuzz/exchange.ts';

/** The subscriptions as the service made them; its secrets are in its database alone. */
export function readTarget(stateFile: string, tenant: Emulator): Fuzzed {
  const database = new Database(stateFile, { readonly: true });
  try {
    const rows = database
      .prepare('SELECT id, resource, client_state AS clientState FROM subscription')
      .all() as { id: string; resource: StreamName; clientState: string }[];
    const of = (stream: StreamName): { id: string; clientState: string } => {
      const row = rows.find(({ resource }) => resource === stream);
      if (row === undefined) throw new Error(`There is no subscription for ${stream}.`);
      return row;
    };
    return {
      tenantId: tenant.tenantId,
      subscriptions: { users: of('users'), groups: of('groups') },
      objects: Array.from({ length: 50 }, (_, index) => tenant.userId(index)),
    };
  } finally {
    database.close();
  }
}

/** Whether everything that was stored has been folded into pings. */
export function isTakenUp(stateFile: string): boolean {
  const database = new Database(stateFile, { readonly: true });
  try {
    const newest = database.prepare('SELECT max(id) FROM notification').pluck().get() as number | null;
    const cursor = database.prepare("SELECT value FROM meta WHERE key = 'inbox-cursor'").pluck().get();
    return Number(cursor ?? 0) >= (newest ?? 0);
  } finally {
    database.close();
  }
}

/** Rows by verdict, rows that name what only forged items named, and the size on disk. */
export function lookInside(stateFile: string): {
  accepted: number;
  rejected: number;
  forged: number;
  bytes: number;
  walBytes: number;
} {
  const database = new Database(stateFile, { readonly: true });
  const count = (sql: string, ...values: unknown[]): number =>
    database
      .prepare(sql)
      .pluck()
      .get(...values) as number;
  const forged = `${forgedPrefix}%`;
  try {
    return {
      accepted: count("SELECT count(*) FROM notification WHERE verdict = 'accepted'"),
      rejected: count("SELECT count(*) FROM notification WHERE verdict <> 'accepted'"),
      forged:
        count('SELECT count(*) FROM notification WHERE object_id LIKE ?', forged) +
        count("SELECT count(*) FROM notification WHERE verdict = 'accepted' AND event = 'forged'") +
        count('SELECT count(*) FROM ping WHERE object_id LIKE ?', forged) +
        count('SELECT count(*) FROM directory_object WHERE id LIKE ?', forged),
      bytes: sizeOf(stateFile),
      walBytes: sizeOf(`${stateFile}-wal`),
    };
  } finally {
    database.close();
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
