// Owns the proof that an hour without Microsoft, without the target or without both is made good by itself.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Parts } from '../../src/compose.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { startRig } from '../helpers/service.ts';

const minuteMs = 60_000;
/** The clock of tenant and service alike; it runs, and jumps where the test says so. */
let ahead = 0;

beforeEach(() => {
  ahead = 0;
  const real = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => real() + ahead);
});
afterEach(() => void vi.restoreAllMocks());

const targetFails = ({ rooms }: Parts): boolean =>
  rooms.targets.list().some(({ failingSince }) => failingSince !== null);

describe('an hour of darkness', () => {
  it.each([
    ['Microsoft Graph', true, false],
    ['the target', false, true],
    ['both', true, true],
  ])(
    'of %s, with changes going on, is made good without an operator [pitfall 16]',
    async (_, graph, target) => {
      let isDark = false;
      const darken = ({ targets }: Parts): void => {
        for (const one of targets) {
          const { apply, open } = one;
          const guard =
            <A extends unknown[], R>(work: (...given: A) => Promise<R>) =>
            (...given: A): Promise<R> =>
              isDark && target
                ? Promise.reject(new Error('The test has taken the target away.'))
                : work(...given);
          Object.assign(one, { apply: guard(apply), open: guard(open) });
        }
      };
      const rig = await startRig({
        tenant: { users: 40, groups: 5, memberships: 60 },
        mapping: { groups: { publish: ['*'] } },
        prepare: darken,
      });
      const { tenant } = rig;
      await rig.atRest();
      const before = JSON.stringify([...rig.target().accounts.values()]);

      isDark = true;
      for (let minute = 0; minute < 60; minute += 5) {
        // Where both fail, the target fails first: something is then on its way to it.
        if (graph && minute === (target ? 30 : 0)) {
          if (target) await eventuallyTrue('the target is missed', () => targetFails(rig.parts()));
          tenant.addFault({ action: { type: 'reset' } });
          tenant.addFault({ scope: 'token', action: { type: 'reset' } });
          // Whoever cannot be reached from here does not reach us either.
          tenant.configure({ delivery: { drops: 1 } });
        }
        tenant.churn(8, { seed: minute + 1 });
        ahead += 5 * minuteMs;
      }
      await eventuallyTrue('the trouble was met', () => {
        const streams = (['users', 'groups'] as const).map((name) => rig.parts().rooms.streams.get(name));
        return (
          (!graph || streams.some(({ attempt }) => attempt > 0)) && (!target || targetFails(rig.parts()))
        );
      });
      expect(JSON.stringify([...rig.target().accounts.values()])).toBe(before);

      isDark = false;
      tenant.clearFaults();
      tenant.configure({ delivery: { drops: 0 } });
      // One sweep.
      ahead += 15 * minuteMs;
      await rig.atRest(25_000);
      expect(rig.parts().rooms.removals.list(10)).toEqual([]);
    },
  );
});
