// Owns one live change: made at the tenant, watched until it stands in the target, timed from its notification.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveChange } from './changes.ts';
import type { Tenant } from './tenant.ts';

export type Outcome =
  /** `ms` from the moment the notification left the tenant; null where it arrived before any notification. */
  | { readonly kind: 'arrived'; readonly change: LiveChange; readonly ms: number | null }
  | { readonly kind: 'missing'; readonly change: LiveChange }
  | { readonly kind: 'stopped'; readonly change: LiveChange };

const patienceMs = 15_000;
const lookEveryMs = 2;
/** Between two changes, for the eye. */
const pauseMs = 120;

/** Gives up on a change after 15 seconds. */
export async function carryOut(change: LiveChange, tenant: Tenant, signal: AbortSignal): Promise<Outcome> {
  const made = await change.make();
  const end = Date.now() + patienceMs;
  while (!change.isRight()) {
    if (signal.aborted) return { kind: 'stopped', change };
    if (Date.now() > end) return { kind: 'missing', change };
    await sleep(lookEveryMs);
  }
  const arrivedAt = Date.now();
  const sentAt = await tenant.sentAt(made);
  await sleep(pauseMs);
  return { kind: 'arrived', change, ms: sentAt === null ? null : Math.max(0, arrivedAt - sentAt) };
}
