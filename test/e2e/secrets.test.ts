// Owns the proof that the look for secrets knows those of a whole service, so that its silence means something.
import { expect, it } from 'vitest';
import { secretWatch } from '../helpers/secret-watch.ts';
import { startRig } from '../helpers/service.ts';

it('every secret of a running service would be found in a line, and stands in none', async () => {
  const rig = await startRig({ tenant: { users: 15, groups: 2 }, mapping: { groups: { publish: ['*'] } } });
  await rig.atRest();
  const { rooms, tokens } = rig.parts();
  const links = rooms.state.sql('SELECT * FROM stream').all() as Record<string, unknown>[];
  const link = links.flatMap((row) => Object.values(row)).find((value) => String(value).includes('token='));
  const secrets: Record<string, string | undefined> = {
    'client secret': rig.env['AZURE_CLIENT_SECRET'],
    'admin token': rig.env['ADMIN_TOKEN'],
    'client state of the users': rooms.subscriptions.list()[0]?.clientState,
    'client state of the groups': rooms.subscriptions.list()[1]?.clientState,
    'access token': await tokens.token(),
    'delta link': String(link).split('token=')[1],
  };
  expect(rig.log.lines.length).toBeGreaterThan(3);
  expect(secretWatch.takeFindings()).toEqual([]);
  for (const [what, secret = ''] of Object.entries(secrets)) {
    expect(secret.length, what).toBeGreaterThan(15);
    secretWatch.see(`a line with ${secret} in it`);
    expect(secretWatch.takeFindings().length, what).toBeGreaterThan(0);
  }
});
