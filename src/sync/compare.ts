// Owns the comparison of a target with the ledger: after each full resync every row is looked at and put right.
import type { Refusal, Target } from '../gespage/target.ts';
import type { Log } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { LedgerRow } from '../state/ledger.ts';
import type { StateRooms } from '../state/rooms.ts';

export interface ComparisonOptions {
  readonly rooms: StateRooms;
  readonly target: Target;
  /** Takes note of whom the target refused. */
  readonly note: (rows: readonly LedgerRow[], refused: readonly Refusal[], revision: number) => void;
  /** Asks for a full round of users. */
  readonly askFullRound: () => void;
  /** Called when every row was compared. */
  readonly onFinished: () => void;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Comparison {
  /** Does the next piece, while the target holds all that the ledger has, up to `revision`. */
  step(revision: number): Promise<'again' | 'idle'>;
  /** Whether the rows were compared since the full rounds of this read number. */
  isDone(read: number): boolean;
  /** The rows need no comparison: all of them were written just now. */
  skip(): void;
  /** Compares anew, whenever the last time was. */
  restart(): void;
}

const pieceSize = 500;

/** How far a comparison has come. */
interface Progress {
  readonly read: number;
  key: number | undefined;
  after: string | undefined;
  isGroupsDone: boolean;
  repaired: number;
  removed: number;
  adopted: number;
}

/** The audit's word for rows that nobody knew of. */
export const adoptionCause = 'found at the target';

export function createComparison(options: ComparisonOptions): Comparison {
  const { rooms, target, now, log, metrics } = options;
  const { ledger, streams, people, removals, targets, meta, adoption } = rooms;
  const names = ['users', 'groups'] as const;
  const completedBefore = new Map(names.map((name) => [name, streams.get(name).completedAt]));
  let progress: Progress | undefined;
  let isSkipped = false;

  const stateOf = () => targets.list().find(({ name }) => name === target.name);

  /** Read number of the older one of the last full rounds; undefined while what was read may not be the present. */
  function lastFullRead(): number | undefined {
    const rows = names.map((name) => streams.get(name));
    const isFresh = rows.every(
      ({ name, fullRead, sweepRead, completedAt }) =>
        fullRead !== null && sweepRead === null && completedAt !== completedBefore.get(name),
    );
    if (!isFresh || !people.isEmpty() || removals.countProposed() > 0) return undefined;
    return Math.min(...rows.map(({ fullRead }) => fullRead ?? 0));
  }

  async function step(revision: number): Promise<'again' | 'idle'> {
    const read = lastFullRead();
    if (read === undefined) return 'idle';
    if (isSkipped) {
      isSkipped = false;
      targets.compared(target.name, read, 0, now());
    }
    if ((stateOf()?.comparedRead ?? -1) >= read) return 'idle';
    progress ??= {
      read,
      key: 0,
      after: '',
      isGroupsDone: false,
      repaired: 0,
      removed: 0,
      adopted: 0,
    };
    if (!progress.isGroupsDone) await compareGroups(progress, revision);
    else if (progress.key !== undefined) await compareAccounts(progress, progress.key, revision);
    else if (progress.after !== undefined) await findUnknown(progress, progress.after, revision);
    else finish(progress);
    return 'again';
  }

  async function compareGroups(done: Progress, revision: number): Promise<void> {
    const groups = ledger.groups();
    await write(done, revision, [], {
      groups: groups.filter(({ present }) => present),
      removedGroups: groups.filter(({ present }) => !present).map(({ externalId }) => externalId),
    });
    done.isGroupsDone = true;
  }

  async function compareAccounts(done: Progress, key: number, revision: number): Promise<void> {
    const rows = ledger.accountsAfter(key, pieceSize);
    await write(done, revision, rows, {});
    done.key = rows.length < pieceSize ? undefined : rows.at(-1)?.key;
  }

  /** A target writes only what differs, so that what it has written is what was wrong. */
  async function write(
    done: Progress,
    revision: number,
    rows: readonly LedgerRow[],
    groups: { groups?: { externalId: string; name: string }[]; removedGroups?: string[] },
  ): Promise<void> {
    const applied = await target.apply({
      to: { ledgerId: meta.ledgerId, revision },
      at: new Date(now()),
      groups: [],
      removedGroups: [],
      ...groups,
      accounts: rows.filter((row) => row.present),
      removedAccounts: rows.filter((row) => !row.present).map((row) => row.externalId),
      // Rows are put right one page after the other: at the end the target is told.
      isCurrent: false,
    });
    options.note(rows, applied.refused, revision);
    done.repaired += applied.upserted;
    done.removed += applied.removed;
    metrics.countTargetWrites(target.name, 'repair', applied.upserted + applied.removed);
  }

  /** Rows of ours that the ledger does not know: their people are decided like all others, by way of the guard. */
  async function findUnknown(done: Progress, after: string, revision: number): Promise<void> {
    const found = await target.holdings(after, pieceSize);
    // What was written to the ledger meanwhile is known to it: it is asked after the target.
    const { accounts, unread } = adoption.adopt(
      { accounts: found.accounts, groups: [] },
      adoptionCause,
      now(),
    );
    const known = new Set(ledger.groups().map(({ externalId }) => externalId));
    const unknown = found.groups.map(({ externalId }) => externalId).filter((id) => !known.has(id));
    if (unknown.length > 0) await write(done, revision, [], { removedGroups: unknown });
    if (unread > 0) options.askFullRound();
    done.adopted += accounts;
    done.after = found.last;
  }

  function finish({ read, repaired, removed, adopted }: Progress): void {
    progress = undefined;
    targets.compared(target.name, read, repaired + removed + adopted, now());
    options.onFinished();
    if (repaired + removed + adopted === 0) return;
    log.warn('The target held other rows than the ledger; they were put right', {
      target: target.name,
      rowsWritten: repaired,
      rowsRemoved: removed,
      unknownPeople: adopted,
      advice:
        'Somebody or something else writes to these tables. People who were unknown are decided like all others: see "gespage-sync holds".',
    });
  }

  return {
    step,
    isDone: (read) => (stateOf()?.comparedRead ?? -1) >= read,
    skip: () => (isSkipped = true),
    restart() {
      progress = undefined;
      targets.compared(target.name, null, 0, now());
    },
  };
}
