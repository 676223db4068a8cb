// Owns the emulated tenant of a soak by kills: a process of its own, told what to do by its control API.
import path from 'node:path';
import type { Verbs } from '../../test/emulator/verbs.ts';
import type { TenantAddress } from '../../test/helpers/rig.ts';
import { createBox } from '../demo/children.ts';

export interface Tenant extends TenantAddress {
  readonly caPath: string;
  call<Name extends keyof Verbs>(
    verb: Name,
    ...args: Parameters<Verbs[Name]>
  ): Promise<Awaited<ReturnType<Verbs[Name]>>>;
  close(): Promise<void>;
}

/** Small pages make long rounds; what is not acknowledged soon comes again soon. */
const settings = {
  delta: { pageSize: [1, 40], firstRoundTombstones: true },
  delivery: { retryBaseMs: 100, retryMaxMs: 2_000, duplicates: 0.02, reorder: true },
};

/** Starts it; resolves once it answers. */
export async function startTenant(folder: string, seed: number): Promise<Tenant> {
  const box = createBox();
  const flags = {
    ...{ users: 300, groups: 15, memberships: 900, seed, 'control-port': 0 },
    ...{ 'ca-path': path.join(folder, 'ca.pem'), settings: JSON.stringify(settings) },
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const child = box.start('The emulated tenant', 'test/emulator/main.ts', args, {});
  const ready = JSON.parse(
    await box.whileAlive(child.line(), new AbortController().signal),
  ) as TenantAddress & { caPath: string; controlUrl: string };
  return {
    ...ready,
    async call(verb, ...given) {
      const answer = await fetch(`${ready.controlUrl}/${verb}`, {
        method: 'POST',
        body: JSON.stringify({ args: given }),
      });
      const { result, error } = (await answer.json()) as { result?: never; error?: string };
      if (error !== undefined) throw new Error(`The emulated tenant refused "${verb}": ${error}`);
      return result as never;
    },
    close: () => box.stop(),
  };
}
