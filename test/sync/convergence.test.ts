// Owns the property that matters most: whatever happened, a tenant at rest and its target are equal.
//
// To replay a failure, set CONVERGENCE_SEED to the seed that it printed, and CONVERGENCE_PATH to its path. For more
// runs than usual set CONVERGENCE_RUNS.
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { histories } from './history.ts';
import { liveThrough } from './live.ts';

const shards = 4;
const { CONVERGENCE_SEED, CONVERGENCE_PATH, CONVERGENCE_RUNS } = process.env;
const seed = CONVERGENCE_SEED === undefined ? Math.trunc(Math.random() * 1e9) : Number(CONVERGENCE_SEED);
const runs = Number(CONVERGENCE_RUNS ?? 8);

const restMs = 20_000;

describe.concurrent(
  'after any history of changes, faults, restarts and crashes, mirror, ledger and target equal the tenant',
  () => {
    for (let shard = 0; shard < (CONVERGENCE_PATH === undefined ? shards : 1); shard += 1) {
      it(`shard ${shard + 1} from seed ${seed + shard}`, { timeout: 300_000 }, () =>
        fc.assert(
          fc.asyncProperty(histories, async (history) => void (await liveThrough(history, restMs))),
          {
            seed: seed + shard,
            numRuns: Math.ceil(runs / shards),
            // A shrunk history would take minutes; the whole one is replayed from its seed and path.
            endOnFailure: true,
            ...(CONVERGENCE_PATH !== undefined && { path: CONVERGENCE_PATH }),
          },
        ),
      );
    }
  },
);
