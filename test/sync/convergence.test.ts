// Owns the property that matters most: whatever happened, a tenant at rest and its target are equal.
//
// To replay a failure, set CONVERGENCE_SEED to the seed that it printed, and CONVERGENCE_PATH to its path. For more
// runs than usual set CONVERGENCE_RUNS.
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { makeRig } from '../helpers/service.ts';
import { gatherEvidence } from '../helpers/evidence.ts';
import { comeToRest, type History, histories, play } from './history.ts';

const shards = 4;
const { CONVERGENCE_SEED, CONVERGENCE_PATH, CONVERGENCE_RUNS } = process.env;
const seed = CONVERGENCE_SEED === undefined ? Math.trunc(Math.random() * 1e9) : Number(CONVERGENCE_SEED);
const runs = Number(CONVERGENCE_RUNS ?? 16);

async function converges(history: History): Promise<void> {
  const rig = await makeRig({
    tenant: {
      users: 24,
      groups: 7,
      memberships: 50,
      seed: history.seed,
      settings: { delta: history.delta, mutations: { silentHardDelete: history.silentHardDelete } },
    },
    mapping: {
      scope: { groups: history.scoped ? ['*s *', 'Created*'] : [] },
      groups: { publish: ['*'] },
    },
    env: history.lossy ? { SWEEP_MINUTES: '0.01', POLL_SECONDS: '0.5' } : {},
  });
  try {
    await rig.start();
    for (const step of history.steps) await play(step, rig);
    await comeToRest(rig, history, 20_000);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`${text}\n${gatherEvidence(rig.tenant, rig.config.state.path, text)}`, { cause: error });
  } finally {
    await rig.close();
  }
}

describe.concurrent(
  'after any history of changes, faults and restarts, mirror, ledger and target equal the tenant',
  () => {
    for (let shard = 0; shard < (CONVERGENCE_PATH === undefined ? shards : 1); shard += 1) {
      it(`shard ${shard + 1} from seed ${seed + shard}`, { timeout: 300_000 }, () =>
        fc.assert(fc.asyncProperty(histories, converges), {
          seed: seed + shard,
          numRuns: Math.ceil(runs / shards),
          // A shrunk history would take minutes; the whole one is replayed from its seed and path.
          endOnFailure: true,
          ...(CONVERGENCE_PATH !== undefined && { path: CONVERGENCE_PATH }),
        }),
      );
    }
  },
);
