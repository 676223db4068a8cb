/* eslint-disable */
import { readFileSync } from 'node:fs';
import { it } from 'vitest';
import { makeRig } from '../helpers/service.ts';
import { comeToRest, play, type History } from '../sync/history.ts';
import { gatherEvidence } from '../sync/evidence.ts';
const { HISTORY = '', WATCH = '' } = process.env;
it('replays', { timeout: 200000 }, async () => {
  const history = JSON.parse(readFileSync(HISTORY, 'utf8')) as History;
  const rig = await makeRig({
    tenant: {
      users: 24,
      groups: 7,
      memberships: 50,
      seed: history.seed,
      settings: { delta: history.delta, mutations: { silentHardDelete: history.silentHardDelete } },
    },
    mapping: { scope: { groups: history.scoped ? ['*s *', 'Created*'] : [] }, groups: { publish: ['*'] } },
    prepare(parts) {
      const d = parts.rooms.directory as unknown as Record<string, (...a: any[]) => any>;
      const old = d['apply']!;
      d['apply'] = (kind, page, cause) => {
        const r = old(kind, page, cause);
        const pageText = JSON.stringify(page.objects.filter((o: any) => WATCH.split(',').includes(o.id)));
        if (pageText !== '[]')
          console.log(
            'APPLY',
            Date.now(),
            kind,
            page.read,
            cause.text,
            pageText.slice(0, 600),
            'changed',
            [...(r.changed ?? r)].join(),
          );
        return r;
      };
    },
    env: history.lossy ? { SWEEP_MINUTES: '0.01', POLL_SECONDS: '0.5' } : {},
  });
  const t = rig.tenant as unknown as Record<string, (...a: unknown[]) => unknown>;
  for (const v of ['churn', 'updateUser', 'changeMembers', 'addMember']) {
    const old = t[v]!;
    t[v] = (...a: unknown[]) => {
      const r = old(...a);
      for (const c of [r].flat() as { id: string; seq: number }[])
        if (WATCH === '' || WATCH.split(',').includes(c.id))
          console.log('CHANGE', JSON.stringify(c), v === 'churn' ? '' : JSON.stringify(a));
      return r;
    };
  }
  try {
    await rig.start();
    for (const step of history.steps) {
      if (WATCH) console.log('STEP', JSON.stringify(step));
      await play(step, rig);
    }
    await comeToRest(rig, history, 10_000);
  } catch (e) {
    const text = String((e as Error).message);
    console.log(text, gatherEvidence(rig, text));
    throw e;
  } finally {
    await rig.close();
  }
});
