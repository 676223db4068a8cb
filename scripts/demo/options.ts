// Owns the demo's command line: its flags, their limits, and what is said about a wrong one.
import { parseArgs } from 'node:util';

export interface DemoOptions {
  readonly users: number;
  readonly changes: number;
  /** End after the changes instead of keeping the dashboard up. */
  readonly exit: boolean;
  readonly help: boolean;
}

export const usage = `Usage: npm run demo -- [--users N] [--changes N] [--exit]
  --users N    people in the emulated tenant, 20 to 1000000 (2000)
  --changes N  live changes, 1 to 10000 (40)
  --exit       end after the changes: exit code 0 only if every change arrived`;

export type ParsedOptions =
  { readonly ok: true; readonly options: DemoOptions } | { readonly ok: false; readonly problem: string };

/** Reads the flags; a wrong one gives one sentence. */
export function readOptions(args: readonly string[]): ParsedOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        users: { type: 'string', default: '2000' },
        changes: { type: 'string', default: '40' },
        exit: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const users = readWhole('--users', values.users, 20, 1_000_000);
    const changes = readWhole('--changes', values.changes, 1, 10_000);
    return { ok: true, options: { users, changes, exit: values.exit, help: values.help } };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

function readWhole(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`${name} must be a whole number from ${least} to ${most}, not "${text}".`);
}
