// Owns the verbs about held removals: list them, look at one, approve or discard it.
import { listHeldPeople } from '../state/account-search.ts';
import { takeLease } from '../state/lease.ts';
import { countApproved } from '../state/overview.ts';
import type { Hold } from '../state/removals.ts';
import type { StateRooms } from '../state/rooms.ts';
import { iso, isoOrNull } from '../sync/status.ts';
import { withRooms } from './database.ts';
import { openLog, waitFor, withEngine, withoutSubscriptions } from './engine-room.ts';
import { CommandFailure, type Io, type Outcome } from './io.ts';
import { findConfig, requireStatePath } from './settings.ts';
import { alignColumns, describeTime } from './table.ts';

const listed = 50;
const shownPeople = 100;
const mostPeople = 10_000;
/** A target that is down must not keep the operator waiting for longer. */
const patienceMs = 30_000;

/** Open holds first of all, and what became of earlier ones. */
export function showHolds(io: Io): Promise<Outcome> {
  return withRooms(requireStatePath(io), ({ removals }) => {
    const items = removals.list(listed);
    const rows = items.map((hold) => [
      String(hold.id),
      hold.status,
      `${hold.people} people`,
      `limit ${hold.limit} of ${hold.enabledAccounts} enabled accounts`,
      describeTime(iso(hold.createdAt)),
    ]);
    const open = items.some((hold) => hold.status === 'open');
    const text = [
      rows.length === 0 ? 'No removal is held, and none ever was.' : alignColumns(rows),
      ...(open ? ['', 'Look with "gespage-sync hold ID", then add "approve" or "discard".'] : []),
    ].join('\n');
    return { code: 0, data: { items: items.map(describe) }, text } as const;
  });
}

/** One hold with its people, or the decision on it. */
export function hold(words: readonly string[], io: Io): Promise<Outcome> {
  const id = Number(words[0]);
  const decision = words[1];
  if (!Number.isSafeInteger(id) || id < 1) {
    throw new CommandFailure(
      2,
      `"${words[0] ?? ''}" is not the number of a hold.`,
      '"gespage-sync holds" lists them.',
    );
  }
  if (decision === undefined) return withRooms(requireStatePath(io), (rooms) => show(rooms, id));
  if (decision !== 'approve' && decision !== 'discard') {
    throw new CommandFailure(
      2,
      `A hold cannot be decided by "${decision}".`,
      'Write "approve" or "discard".',
    );
  }
  return decide(id, decision, io);
}

function show(rooms: StateRooms, id: number): Outcome {
  const found = find(rooms, id);
  const people = listHeldPeople(rooms.state, id, 0, mostPeople);
  const rows = people
    .slice(0, shownPeople)
    .map((person) => [
      person.login,
      person.displayName ?? '',
      person.how,
      person.reason,
      person.state,
      person.id,
    ]);
  const text = [
    `Hold ${id} is ${found.status}${found.supersededBy === null ? '' : ` by hold ${found.supersededBy}`}: it held ${found.people} people, ` +
      `because more than the limit of ${found.limit} would have been removed within an hour.`,
    ...(rows.length === 0 ? [] : [alignColumns(rows, '  ')]),
    ...(people.length > shownPeople
      ? [`  … and ${people.length - shownPeople} more; --json lists them`]
      : []),
    ...(found.status === 'open'
      ? [
          `"gespage-sync hold ${id} approve" lets them be removed, "gespage-sync hold ${id} discard" keeps their accounts.`,
        ]
      : []),
  ].join('\n');
  const items = people.map(({ key: _, since, ...person }) => ({ ...person, since: iso(since) }));
  return { code: 0, data: { ...describe(found), items }, text };
}

async function decide(id: number, decision: 'approve' | 'discard', io: Io): Promise<Outcome> {
  const statePath = requireStatePath(io);
  return withRooms(statePath, async (rooms) => {
    find(rooms, id);
    const result = rooms.removals.decide(id, decision, 'command line', io.now());
    if (!result.ok)
      throw new CommandFailure(
        1,
        result.reason,
        'Nothing was changed. "gespage-sync holds" lists the holds.',
      );
    rooms.meta.flush();
    const after = decision === 'discard' ? 'kept' : await seeThrough(rooms, statePath, id, io);
    const data = {
      ...describe(find(rooms, id)),
      decidedPeople: result.people,
      carriedOut: after === 'done' || after === 'kept',
    };
    return { code: 0, data, text: `Hold ${id}: ${result.people} people. ${endings[after]}` } as const;
  });
}

const endings = {
  kept: 'Their accounts are kept. To approve the hold later is still possible.',
  done: 'Their removal is carried out, and Gespage has it.',
  'target-behind':
    'Their removal is carried out; a target is behind and catches up by itself when it is back.',
  later: 'Their removal is approved and is carried out as soon as the service runs.',
} as const;

/** Approved removals are carried out by the running service, else here, else at its next start. */
async function seeThrough(
  rooms: StateRooms,
  statePath: string,
  id: number,
  io: Io,
): Promise<'done' | 'target-behind' | 'later'> {
  const isCarriedOut = (): boolean => countApproved(rooms.state, id) === 0;
  const isDelivered = (): boolean =>
    rooms.targets.list().every((row) => row.revision >= rooms.ledger.revision() && row.failingSince === null);
  const wait = () =>
    waitFor(io, {
      isOver: () => isCarriedOut() && isDelivered(),
      tell: () => 'carrying out …',
      until: io.now() + patienceMs,
    });
  const lease = takeLease(statePath);
  if (lease === undefined) await wait();
  else {
    try {
      const config = findConfig(io);
      // Deciding and delivering need neither Microsoft nor the public door.
      if (config !== undefined) {
        await withEngine(withoutSubscriptions(config), openLog(io, config), ['settle', 'deliver'], wait);
      }
    } finally {
      lease.release();
    }
  }
  if (!isCarriedOut()) return 'later';
  return isDelivered() ? 'done' : 'target-behind';
}

function find({ removals }: StateRooms, id: number): Hold {
  const found = removals.get(id);
  if (found === undefined)
    throw new CommandFailure(1, `There is no hold ${id}.`, '"gespage-sync holds" lists them.');
  return found;
}

function describe(found: Hold) {
  return { ...found, createdAt: iso(found.createdAt), decidedAt: isoOrNull(found.decidedAt) };
}
