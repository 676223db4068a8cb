// Owns the state database's parts taken together: what one database file offers to those who work on it.
import { createAdoption } from './adoption.ts';
import { startCheckpoints } from './checkpoints.ts';
import type { State } from './database.ts';
import { createDirectory } from './directory.ts';
import { createFirstAccounts } from './first-accounts.ts';
import { createFirstUsers } from './first-users.ts';
import { createGroupLosses } from './group-losses.ts';
import { createInbox } from './inbox.ts';
import { createLedger } from './ledger.ts';
import { createMeta } from './meta.ts';
import { createPeople } from './people.ts';
import { createReach } from './reach.ts';
import { createRemovals } from './removals.ts';
import { createRuns } from './runs.ts';
import { createStreams } from './streams.ts';
import { createSubscriptions } from './subscriptions.ts';
import { createTargetStates } from './targets.ts';

export type StateRooms = ReturnType<typeof createStateRooms>;

export function createStateRooms(state: State) {
  const meta = createMeta(state);
  const ledger = createLedger(state);
  const firstAccounts = createFirstAccounts(state, ledger);
  const firstUsers = createFirstUsers(state, meta, firstAccounts);
  return {
    state,
    startCheckpoints: () => startCheckpoints(state.path),
    meta,
    adoption: createAdoption(state, ledger, meta, firstUsers),
    inbox: createInbox(state, meta),
    directory: createDirectory(state, meta),
    firstAccounts,
    firstUsers,
    groupLosses: createGroupLosses(state, meta),
    reach: createReach(state, meta),
    people: createPeople(state, ledger),
    ledger,
    removals: createRemovals(state),
    streams: createStreams(state),
    subscriptions: createSubscriptions(state),
    runs: createRuns(state),
    targets: createTargetStates(state),
  };
}
