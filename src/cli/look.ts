// Owns the verbs that only look: status, subscriptions, explain. They need the state database and nothing else.
import { explain } from '../sync/explain.ts';
import { describeSubscriptions, readStatus } from '../sync/status.ts';
import { isServed, withRooms } from './database.ts';
import { CommandFailure, type Io, type Outcome } from './io.ts';
import { requireLookSettings, requireMode, requireStatePath } from './settings.ts';
import { statusText } from './status-text.ts';
import { alignColumns, describeAge, describeTime } from './table.ts';

/** How things are, whether the service runs or not. */
export function showStatus(io: Io): Promise<Outcome> {
  const statePath = requireStatePath(io);
  const mode = requireMode(io);
  return withRooms(statePath, (rooms) => {
    const status = readStatus({ rooms, engine: undefined, metrics: undefined, mode, now: io.now });
    const service = isServed(statePath) ? 'running' : 'stopped';
    return { code: 0, data: { service, ...status }, text: statusText(status, service) } as const;
  });
}

/** What is stored of the subscriptions, without their client states. */
export function showSubscriptions(io: Io): Promise<Outcome> {
  return withRooms(requireStatePath(io), (rooms) => {
    const items = describeSubscriptions(rooms, io.now());
    const rows = items.map((one) => [
      one.resource,
      one.state,
      `${one.expiresInSeconds > 0 ? 'ends in' : 'ended'} ${describeAge(one.expiresInSeconds)}${one.expiresInSeconds > 0 ? '' : ' ago'}`,
      describeTime(one.expiresAt),
      one.id,
    ]);
    const none =
      'There are no subscriptions. With PUBLIC_URL the service makes them when it starts, or "gespage-sync renew" does; without it the tenant is polled.';
    return { code: 0, data: { items }, text: rows.length === 0 ? none : alignColumns(rows) } as const;
  });
}

/** Why a person is, or is not, an account. @throws CommandFailure (1) where nobody is known. */
export function explainPerson(query: string, io: Io): Promise<Outcome> {
  const settings = requireLookSettings(io);
  return withRooms(settings.statePath, async (rooms) => {
    const found = await explain({ rooms, mapping: settings.mapping, settings }, query);
    if (found.people.length === 0) {
      throw new CommandFailure(
        1,
        `Nobody is known by "${query}": no login, user principal name, e-mail address or object id of the tenant as last read.`,
        'Check the spelling. If the user is new in Entra, "gespage-sync resync --user OBJECT-ID" reads it now.',
      );
    }
    const text = found.people.map((person) => person.sentences.join('\n')).join('\n\n');
    return { code: 0, data: found, text } as const;
  });
}
