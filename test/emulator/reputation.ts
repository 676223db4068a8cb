// Owns how Graph judges an endpoint that answers slowly: late deliveries first, then none, per host.
// https://learn.microsoft.com/graph/change-notifications-delivery-webhooks

export type Standing = 'good' | 'slow' | 'drop';

export type Reputation = {
  record(host: string, ms: number): void;
  standing(host: string): Standing;
};

const tenMinutes = 600_000;

/** Makes the judge. It says nothing before `minimum` answers in ten minutes. */
export function createReputation(now: () => number, minimum: number): Reputation {
  const hosts = new Map<
    string,
    { since: number; total: number; slow: number; lost: number; until: number; standing: Standing }
  >();
  return {
    record: (host, ms) => {
      let state = hosts.get(host);
      if (!state || now() - state.since > tenMinutes) {
        state = {
          since: now(),
          total: 0,
          slow: 0,
          lost: 0,
          until: state?.until ?? 0,
          standing: state?.standing ?? 'good',
        };
        hosts.set(host, state);
      }
      state.total += 1;
      if (ms > 3000) state.slow += 1;
      if (ms > 10_000) state.lost += 1;
      if (state.total < minimum) return;
      if (state.lost / state.total > 0.15) state.standing = 'drop';
      else if (state.slow / state.total > 0.1) state.standing = 'slow';
      else state.standing = 'good';
      if (state.standing !== 'good') state.until = now() + tenMinutes;
    },
    standing: (host) => {
      const state = hosts.get(host);
      return state && state.until > now() ? state.standing : 'good';
    },
  };
}
