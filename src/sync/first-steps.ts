// Owns what comes before the loops: other rules noticed, subscriptions made, rows that targets hold already taken in.
import type { CompiledMapping } from '../accounts/decide.ts';
import type { RemovalPolicy } from '../accounts/plan.ts';
import type { Log } from '../ops/log.ts';
import type { StateRooms } from '../state/rooms.ts';
import type { Delivery } from './deliver.ts';
import type { Renewal } from './renew.ts';

const subscribePatienceMs = 30_000;
const adoptPatienceMs = 60_000;

/** Other rules than at the last start: everybody is decided again, from the mirror. */
export function reconsiderIfRulesChanged(
  { firstUsers, meta, people, state, streams }: StateRooms,
  mapping: CompiledMapping,
  policy: RemovalPolicy,
): void {
  // How the file looks decides about nobody.
  const { file: _, ...decisive } = mapping.mapping;
  const rules = JSON.stringify([decisive, policy]);
  if (meta.text('rules') === rules) return;
  state.transaction(() => {
    // Accounts were made by the old rules with the pages: the round begins again.
    if (firstUsers.makesAccounts()) streams.set('users', { round: null, nextLink: null, sweepRead: null });
    for (let key: number | undefined = 0; key !== undefined && !firstUsers.isAppending();)
      key = people.markRange(key, 50_000, 'rules changed');
    meta.setCounter('reach-dirty', 1);
    meta.setText('rules', rules);
  });
}

/** Subscriptions come before the baseline, so that nothing falls between them. */
export async function subscribeFirst(
  renewal: Renewal | undefined,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  if (!renewal) return;
  try {
    await renewal.reconcile(AbortSignal.any([signal, AbortSignal.timeout(subscribePatienceMs)]));
  } catch (error) {
    if (signal.aborted) return;
    log.warn('The subscriptions could not be made yet; the tenant is polled until they are', { error });
  }
}

/** A ledger that is new may stand beside targets that are not. Those that cannot be reached are compared later. */
export async function adoptFirst(
  deliveries: readonly Delivery[],
  { adoption }: StateRooms,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  if (signal.aborted || !adoption.isNew()) return;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(adoptPatienceMs)]);
  const given = new Promise<void>((resolve) => limit.addEventListener('abort', () => resolve()));
  for (const delivery of deliveries) {
    const done = delivery.adoptRows(limit).catch((error: unknown) => {
      log.warn('It is not known yet whether the target holds rows; it is compared later', {
        target: delivery.target.name,
        error,
      });
    });
    await Promise.race([done, given]);
  }
}
