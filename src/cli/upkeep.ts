// Owns the verbs about the state database itself: migrate and backup.
import { backUp } from '../state/backup.ts';
import { openState } from '../state/database.ts';
import { takeLease } from '../state/lease.ts';
import { countMigrations } from '../state/migration-list.ts';
import { troubleKindOf } from '../state/trouble.ts';
import { requireFile } from './database.ts';
import { CommandFailure, type Io, type Outcome } from './io.ts';
import { requireStatePath } from './settings.ts';

/** Brings the state database to the present schema; makes it where there is none. */
export function migrate(io: Io): Promise<Outcome> {
  const statePath = requireStatePath(io);
  const lease = takeLease(statePath);
  try {
    const before = countMigrations(statePath);
    // Under a running service the schema is that service's own: it may be looked at and not changed.
    const state = lease === undefined ? openRunning(statePath) : openState(statePath);
    state.close();
    const total = countMigrations(statePath);
    const applied = total - before;
    const text =
      applied === 0
        ? `The state database ${statePath} is at the present schema; nothing had to be done.`
        : `The state database ${statePath} was brought to the present schema by ${applied} of ${total} migrations.`;
    return Promise.resolve({ code: 0, data: { path: statePath, applied, total }, text });
  } finally {
    lease?.release();
  }
}

function openRunning(statePath: string) {
  try {
    return openState(statePath, { migrations: 'require' });
  } catch (error) {
    // Trouble with the file has words of its own.
    if (troubleKindOf(error) !== undefined) throw error;
    throw new CommandFailure(
      1,
      `Another process works on ${statePath} with another version of this program: ${error instanceof Error ? error.message : String(error)}`,
      'Stop the service, run "gespage-sync migrate", then start it again.',
    );
  }
}

/** Writes a consistent copy to a new file. */
export async function backup(file: string, io: Io): Promise<Outcome> {
  const statePath = requireStatePath(io);
  requireFile(statePath);
  const { bytes } = await backUp(statePath, file);
  const text =
    `The state database was copied to ${file} (${(bytes / 1_048_576).toFixed(1)} MB) and the copy checked. It holds personal data ` +
    'and the client states of the subscriptions: keep it as safe as the original. To restore it, stop the service, move the ' +
    `files ${statePath}, -wal and -shm aside, put the copy in the place of the first, and start again.`;
  return { code: 0, data: { file, bytes }, text };
}
