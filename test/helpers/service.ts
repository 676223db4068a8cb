// Owns the product under test in this process for the length of one test.
import { onTestFinished } from 'vitest';
import { makeRig, type Rig, type RigOptions } from './rig.ts';

export * from './rig.ts';

/** Makes a tenant and a service beside it, started; both end with the test. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const rig = await makeRig(options);
  onTestFinished(() => rig.close());
  await rig.start();
  return rig;
}
