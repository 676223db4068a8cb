// Owns the proof of the main job: each kind of change arrives within a second, and nothing else changes.
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startRig, type Rig } from '../helpers/service.ts';
import { touched } from '../helpers/target-tables.ts';

it('first', async () => {
  const rig = await startRig({ tenant: { users: 60, groups: 6 }, mapping: { groups: { publish: ['*'] } } });
  await rig.atRest();
  expect(rig.target().accounts.size).toBeGreaterThan(40);
  const before = rig.target();
  const c = rig.tenant.updateUser([...before.accounts.keys()][0]!, { displayName: 'X' });
  console.log(await rig.delayOf(c), touched(before, rig.target()));
});
