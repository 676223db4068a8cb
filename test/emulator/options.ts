// Owns the emulator's options: what it starts with, and the settings that can be changed while it runs.
import { defaultDeltaSettings } from './delta-plan.ts';
import type { DeltaSettings } from './delta-plan.ts';
import { defaultDeliverySettings } from './delivery.ts';
import type { DeliverySettings } from './delivery.ts';
import type { DeltaFaults } from './delta.ts';
import type { LogEntry, View } from './directory.ts';
import type { MutationSettings } from './mutations.ts';
import type { Random } from './random.ts';
import type { SignInSettings } from './sign-in.ts';
import type { SubscriptionSettings } from './subscriptions.ts';

/** Replica lag: how long a change stays invisible. */
export type LagSettings = {
  deltaMs: number;
  getMs: number;
  /** Share of reads that meet a lagging replica; 1 is all. */
  probability: number;
};

/** Everything that `configure` can change; each part is merged. */
export type Settings = {
  delta: DeltaSettings;
  deltaFaults: DeltaFaults;
  delivery: DeliverySettings;
  subscriptions: SubscriptionSettings;
  mutations: MutationSettings;
  lag: LagSettings;
  signIn: SignInSettings;
};

export type SettingsPatch = { [Part in keyof Settings]?: Partial<Settings[Part]> };

export type EmulatorOptions = {
  /** 0 takes a free port. */
  port?: number;
  /** Name or address in the URLs; the server listens on the loopback. */
  hostname?: string;
  users?: number;
  groups?: number;
  /** Direct memberships of users, roughly. Default: four for each user, where there are groups. */
  memberships?: number;
  devices?: number;
  seed?: number;
  domain?: string;
  tenantId?: string;
  clientId?: string;
  clientSecret?: string;
  /** Application permissions of the app. */
  roles?: string[];
  /** Where to write the CA's PEM; by default a new temporary folder, removed on close. */
  caPath?: string;
  /** Opens the control API on the loopback; 0 takes a free port. */
  controlPort?: number;
  /** Listener URLs may be plain http on the loopback. Graph itself takes https only. */
  allowInsecureLoopback?: boolean;
  /** False accepts any certificate of the listener. */
  verifyListenerTls?: boolean;
  /** Milliseconds since 1970; `advance` adds to it. */
  clock?: () => number;
  settings?: SettingsPatch;
};

export function defaultSettings(signIn: SignInSettings): Settings {
  return {
    delta: { ...defaultDeltaSettings },
    deltaFaults: { loop: null, foreignOrigin: null, pagesWithoutLink: 0, emptyRounds: 0 },
    delivery: { ...defaultDeliverySettings },
    subscriptions: {
      allowShortExpiry: false,
      grantedMinutes: null,
      overMaximum: 'refuse',
      quota: 100,
      listPageSize: null,
      handshakeTimeoutMs: 10_000,
    },
    mutations: { silentHardDelete: true },
    lag: { deltaMs: 0, getMs: 0, probability: 1 },
    signIn,
  };
}

/** Merges a patch into the settings in place, since the parts are shared with those who read them. */
export function mergeSettings(settings: Settings, patch: SettingsPatch): void {
  for (const [part, values] of Object.entries(patch)) {
    const target = (settings as Record<string, object | undefined>)[part];
    if (!target) throw new Error(`There is no group of settings named '${part}'.`);
    for (const name of Object.keys(values ?? {})) {
      if (!(name in target)) throw new Error(`There is no setting named '${part}.${name}'.`);
    }
    Object.assign(target, values);
  }
}

/** The last change that a lagging replica shows. */
export function limitByLag(
  lag: LagSettings,
  frozen: Readonly<Record<View, number | null>>,
  random: Random,
  now: () => number,
): (view: View, newest: number, log: readonly LogEntry[]) => number {
  return (view, newest, log) => {
    const stopped = frozen[view];
    if (stopped !== null) return Math.min(stopped, newest);
    const ms = view === 'delta' ? lag.deltaMs : lag.getMs;
    if (ms <= 0 || !(lag.probability >= 1 || random.chance(lag.probability))) return newest;
    const cutoff = now() - ms;
    let seq = newest;
    while (seq > 0 && (log[seq] as LogEntry).at > cutoff) seq -= 1;
    return seq;
  };
}
