// Owns the verb adopt: accounts that a SQL table already holds are compared with the tenant's people and taken over.
import type { Account } from '../accounts/model.ts';
import {
  type Adopted,
  type Adopter,
  type AdoptionPlan,
  createAdopter,
  UnknownColumn,
} from '../gespage/sql/adopt.ts';
import { viewStreams } from '../state/overview.ts';
import type { StateRooms } from '../state/rooms.ts';
import { isOfferWanted, offerAgainLater, offerAgainNow } from '../sync/offer-again.ts';
import { adoptionText } from './adopt-text.ts';
import { sqlTargetOptions } from './check-target.ts';
import { isServed, withRooms } from './database.ts';
import { waitFor } from './engine-room.ts';
import { CommandFailure, type Io, type Outcome, type Words } from './io.ts';
import { requireConfig } from './settings.ts';

/** How long a running service may take to decide whom it has just read. */
const settlingMs = 10_000;
/** How long the command waits for a running service to bring the rows to their state. */
const deliveryMs = 30_000;
const pageSize = 1_000;

/** What became of the adopted rows. */
export type Delivery = 'none' | 'delivered' | 'later';

/** A dry run shows the plan and changes nothing. Exit code 1 where a row of the plan could not be taken over. */
export async function adopt({ dryRun, by }: Words, io: Io): Promise<Outcome> {
  const config = requireConfig(io);
  const { sql } = config.targets;
  if (!sql)
    throw new CommandFailure(
      2,
      'No SQL target is configured, so there is no table whose rows could be adopted.',
      'Set GESPAGE_SQL_URL to the database that holds them.',
    );
  const adopter = createAdopter(sqlTargetOptions(config, sql));
  try {
    return await withRooms(config.state.path, async (rooms) => {
      await requireFirstSync(rooms, io);
      const plan = await makePlan(adopter, rooms, by);
      if (dryRun || plan.matches.length === 0) {
        // One that was killed after its last row is brought to its end.
        if (!dryRun && isOfferWanted(rooms)) offerAgainNow(rooms, io.now());
        return conclude(plan, { adopted: [], failed: [] }, 'none', dryRun);
      }
      noteAdoption(rooms, sql.kind, plan, io.now());
      const result = await adopter.take(plan);
      offerAgainNow(rooms, io.now());
      const delivery = result.adopted.length === 0 ? 'none' : await seeThrough(rooms, config.state.path, io);
      return conclude(plan, result, delivery, false);
    });
  } finally {
    await adopter.close();
  }
}

/** Before everybody is known and decided, a row would look like nobody's. @throws CommandFailure (1) */
async function requireFirstSync(rooms: StateRooms, io: Io): Promise<void> {
  const isRead = viewStreams(rooms.state).filter((stream) => stream.fullCompletedAt !== null).length === 2;
  const isSettled =
    isRead &&
    (await waitFor(io, {
      isOver: () => rooms.people.isEmpty(),
      tell: () => `waiting until ${rooms.people.count().toLocaleString('en')} people are decided …`,
      until: io.now() + settlingMs,
    }));
  if (isSettled) return;
  throw new CommandFailure(
    1,
    isRead
      ? 'People who were just read are not decided yet, so it cannot be told whose rows these are. Nothing was changed.'
      : 'The first sync is not complete yet, so it cannot be told whose rows these are. Nothing was changed.',
    'Let the service run until "gespage-sync status" shows both streams read and nobody to decide, then try again.',
  );
}

async function makePlan(adopter: Adopter, rooms: StateRooms, by: string | undefined): Promise<AdoptionPlan> {
  const people: Account[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = rooms.ledger.accountsAfter(after, pageSize);
    people.push(...page.filter((row) => row.present));
    after = page.length < pageSize ? undefined : page.at(-1)?.key;
  }
  try {
    return await adopter.plan(people, by);
  } catch (error) {
    if (error instanceof UnknownColumn) throw new CommandFailure(2, error.message);
    throw error;
  }
}

/** Before anything changes hands: whoever is adopted is offered to the target again, whatever becomes of this process. */
function noteAdoption(rooms: StateRooms, target: string, plan: AdoptionPlan, now: number): void {
  const reason = 'The row is being adopted; the next delivery brings it to the state of the tenant.';
  rooms.state.transaction(() => {
    for (const { externalId } of plan.matches) {
      const key = rooms.people.keyOf(externalId);
      if (key !== undefined) rooms.targets.refused(target, key, reason, now);
    }
  });
  offerAgainLater(rooms, now);
}

/** A running service offers the rows to the target within seconds; otherwise its next start does. */
async function seeThrough(rooms: StateRooms, statePath: string, io: Io): Promise<Delivery> {
  if (!isServed(statePath)) return 'later';
  const isDelivered = await waitFor(io, {
    isOver: () =>
      !isOfferWanted(rooms) &&
      rooms.targets
        .list()
        .every((row) => row.revision >= rooms.ledger.revision() && row.failingSince === null),
    tell: () => 'bringing the rows to their state …',
    until: io.now() + deliveryMs,
  });
  return isDelivered ? 'delivered' : 'later';
}

function conclude(plan: AdoptionPlan, result: Adopted, delivery: Delivery, dryRun: boolean): Outcome {
  return {
    code: result.failed.length > 0 ? 1 : 0,
    data: { dryRun, ...plan, ...result, delivery },
    text: adoptionText(plan, result, delivery, dryRun),
  };
}
