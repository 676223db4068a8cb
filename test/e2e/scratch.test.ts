import { it } from 'vitest';
import { startRig } from '../helpers/service.ts';
import { findMirrorDifferences } from '../helpers/expected-mirror.ts';

it('first', async () => {
  const rig = await startRig({ tenant: { users: 20, groups: 3, memberships: 40, settings: { delta: { firstRoundTombstones: false } } } , mapping: { groups: { publish: ['*'] } } });
  await rig.atRest();
  const m = rig.tenant.effectiveMembers(rig.tenant.groupId(1)).filter((id) => rig.target().accounts.has(id));
  console.log(m.map(id => [id, rig.target().accounts.get(id)?.enabled, rig.target().memberships.get(id)?.length]));
  await rig.stop();
  rig.tenant.hardDeleteUser(m[0]!);
  rig.tenant.expireDeltaTokens('users');
  await rig.start();
  await rig.atRest(5000).catch((e) => console.log(String(e)));
  console.log(findMirrorDifferences(rig.tenant.snapshot(), rig.parts().rooms, rig.config.mapping));
  console.log(rig.target().accounts.get(m[0]!), rig.target().memberships.get(m[0]!));
});
