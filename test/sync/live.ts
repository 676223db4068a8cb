// Owns one whole history: a tenant and its service, every step, and the comparison at rest.
import { gatherEvidence } from '../helpers/evidence.ts';
import { makeRig } from '../helpers/rig.ts';
import type { History } from './history.ts';
import { comeToRest, play } from './play.ts';

export interface Lived {
  /** Changes of the tenant. */
  readonly changes: number;
  readonly restarts: number;
  readonly crashes: number;
}

/**
 * Lives through a history on files of its own.
 * @param restMs how long mirror, ledger and target may take to be equal once the tenant rests.
 * @throws Error with what is wrong, and all that both sides know of it.
 */
export async function liveThrough(history: History, restMs: number): Promise<Lived> {
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
      groups: { publish: ['*'], nested: history.nested },
    },
    env: {
      REMOVAL_POLICY: history.policy,
      ...((history.lossy || history.polling) && { SWEEP_MINUTES: '0.01', POLL_SECONDS: '0.5' }),
    },
    notifications: !history.polling,
  });
  try {
    await rig.start();
    for (const step of history.steps) await play(step, rig);
    await comeToRest(rig, history, restMs);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`${text}\n${gatherEvidence(rig.tenant, rig.config.state.path, text)}`, { cause: error });
  } finally {
    await rig.close();
  }
  const count = (what: string): number => history.steps.filter((step) => step.do === what).length;
  const again = history.steps.filter((step) => step.do === 'crash' && step.again !== null).length;
  return {
    changes: rig.tenant.lastSeq(),
    restarts: count('restart'),
    crashes: count('crash') + again,
  };
}
