// Owns the emulated tenant as a process of its own: reads flags, prints one line of JSON when ready, ends on a signal.
//
//   node test/emulator/main.ts --port 0 --users 1000 --groups 50 --memberships 4000 --seed 1 --page-size 999
//     --tenant-id … --client-id … --client-secret … --ca-path ca.pem --control-port 0 --settings '{"lag":{"getMs":500}}'
//
// Each flag can also come as EMULATOR_ and its name in capitals, such as EMULATOR_PAGE_SIZE. A page size may be a
// range, `1-999`. The line printed: {graphBaseUrl, authorityHost, tenantId, clientId, clientSecret, caPath, controlUrl}.
import { parseArgs } from 'node:util';
import { startEmulator } from './emulator.ts';
import type { EmulatorOptions, SettingsPatch } from './options.ts';

const names = [
  ...['port', 'hostname', 'users', 'groups', 'memberships', 'devices', 'seed', 'page-size', 'domain'],
  ...['tenant-id', 'client-id', 'client-secret', 'ca-path', 'control-port', 'roles', 'settings'],
] as const;

type Flags = Partial<Record<(typeof names)[number], string>>;

function readFlags(): Flags {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ options, strict: true });
  const flags: Flags = {};
  for (const name of names) {
    const value = values[name] ?? process.env[`EMULATOR_${name.replaceAll('-', '_').toUpperCase()}`];
    if (typeof value === 'string') flags[name] = value;
  }
  return flags;
}

function readOptions(flags: Flags): EmulatorOptions {
  const whole = (name: (typeof names)[number], otherwise: number): number => {
    const value = Number(flags[name] ?? otherwise);
    if (!Number.isInteger(value) || value < 0)
      throw new Error(`--${name} must be a whole number, not '${flags[name]}'.`);
    return value;
  };
  const settings = (flags.settings ? JSON.parse(flags.settings) : {}) as SettingsPatch;
  if (flags['page-size']) {
    const [low = 0, high = low] = flags['page-size'].split('-').map(Number);
    if (!(low >= 1 && high >= low && high <= 999)) throw new Error('--page-size must lie from 1 to 999.');
    settings.delta = { ...settings.delta, pageSize: [low, high] };
  }
  const users = whole('users', 1000);
  const groups = whole('groups', 50);
  return {
    port: whole('port', 0),
    controlPort: whole('control-port', 0),
    users,
    groups,
    memberships: whole('memberships', groups > 0 ? users * 4 : 0),
    devices: whole('devices', Math.min(3, groups)),
    seed: whole('seed', 1),
    settings,
    ...(flags.hostname ? { hostname: flags.hostname } : {}),
    ...(flags.domain ? { domain: flags.domain } : {}),
    ...(flags['tenant-id'] ? { tenantId: flags['tenant-id'] } : {}),
    ...(flags['client-id'] ? { clientId: flags['client-id'] } : {}),
    ...(flags['client-secret'] ? { clientSecret: flags['client-secret'] } : {}),
    ...(flags['ca-path'] ? { caPath: flags['ca-path'] } : {}),
    ...(flags.roles ? { roles: flags.roles.split(',') } : {}),
  };
}

try {
  const emulator = await startEmulator(readOptions(readFlags()));
  const { graphBaseUrl, authorityHost, tenantId, clientId, clientSecret, caPath, controlUrl } = emulator;
  console.log(
    JSON.stringify({ graphBaseUrl, authorityHost, tenantId, clientId, clientSecret, caPath, controlUrl }),
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void emulator.close().then(() => process.exit(0));
    });
  }
} catch (error) {
  console.error(
    `The emulated tenant did not start: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exit(2);
}
