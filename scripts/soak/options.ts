// Owns the soak's command line: its flags, their limits, and what is said about a wrong one.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

export const targetNames = ['sqlite', 'postgres', 'mysql'] as const;
export type TargetName = (typeof targetNames)[number];

export interface HistoriesOptions {
  readonly kind: 'histories';
  readonly help: boolean;
  /** Undefined: until as many histories are done, or for ever. */
  readonly minutes: number | undefined;
  readonly histories: number | undefined;
  readonly jobs: number;
  /** Fewest and most steps of a history. */
  readonly steps: readonly [number, number];
  /** One history to be played again, instead of new ones. */
  readonly seed: number | undefined;
  readonly path: string | undefined;
}

export interface CrashOptions {
  readonly kind: 'crash';
  readonly help: boolean;
  readonly kills: number;
  readonly seed: number;
  readonly target: TargetName;
  /** The program to kill. */
  readonly program: string;
}

export const usage = `Usage: npm run soak -- [--minutes N] [--histories N] [--jobs N] [--steps N | --steps MIN-MAX]
       npm run soak -- --seed S [--path P] [--steps …] [--histories N]
       npm run soak -- --crash [--kills N] [--target sqlite|postgres|mysql] [--seed S] [--program FILE]
  --minutes N    random histories for so long (10, unless --histories is given)
  --histories N  ends after so many; with --seed: plays the one so often, since its timing is never twice the same
  --jobs N       processes at once (cores + 1)
  --steps N      length of a history (300), or a range
  --seed S       plays the history of this seed again
  --path P       one that fast-check found under the seed, as the test of convergence prints it
  --crash        kill -9 of the built product under load, in place of histories
  --kills N      how often (100)
  --target T     which target it keeps; servers by TEST_POSTGRES_URL and TEST_MYSQL_URL (sqlite)
  --program FILE what to kill (dist/main.js)`;

export type ParsedOptions =
  | { readonly ok: true; readonly options: HistoriesOptions | CrashOptions }
  | { readonly ok: false; readonly problem: string };

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;

/** Reads the flags; a wrong one gives one sentence. */
export function readOptions(args: readonly string[]): ParsedOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...{ minutes: text, histories: text, jobs: text, steps: text, path: text },
        ...{ crash: flag, kills: text, target: text, program: text, seed: text },
        help: { ...flag, short: 'h' },
      },
    });
    const foreign = values.crash
      ? (['minutes', 'histories', 'jobs', 'steps', 'path'] as const)
      : (['kills', 'target', 'program'] as const);
    const misplaced = foreign.find((name) => values[name as keyof typeof values] !== undefined);
    if (misplaced !== undefined)
      throw new Error(`--${misplaced} is ${values.crash ? 'not for' : 'only for'} --crash.`);
    const seed = values.seed === undefined ? undefined : readNumber('--seed', values.seed, 0, 2 ** 31 - 1);
    const { help } = values;
    if (values.crash) {
      const target = targetNames.find((name) => name === (values.target ?? 'sqlite'));
      if (target === undefined) throw new Error(`--target must be ${targetNames.join(', ')}.`);
      return {
        ok: true,
        options: {
          kind: 'crash',
          help,
          kills: readNumber('--kills', values.kills ?? '100', 1, 1_000_000),
          seed: seed ?? Math.trunc(Math.random() * 1e9),
          target,
          program: values.program ?? 'dist/main.js',
        },
      };
    }
    if (values.path !== undefined && seed === undefined) throw new Error('--path needs --seed.');
    const histories =
      values.histories === undefined ? undefined : readNumber('--histories', values.histories, 1, 1e9);
    const minutes =
      values.minutes === undefined ? undefined : readNumber('--minutes', values.minutes, 0, 1e6);
    const isEndless = histories === undefined && minutes === undefined;
    return {
      ok: true,
      options: {
        kind: 'histories',
        help,
        minutes: isEndless && seed === undefined ? 10 : minutes,
        histories: isEndless && seed !== undefined ? 1 : histories,
        jobs: readNumber('--jobs', values.jobs ?? `${availableParallelism() + 1}`, 1, 1_000),
        steps: readRange(values.steps ?? '300'),
        seed,
        path: values.path,
      },
    };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

function readNumber(name: string, given: string, least: number, most: number): number {
  const value = /^\d{1,10}(\.\d{1,3})?$/.test(given) ? Number(given) : Number.NaN;
  const isWhole = name === '--minutes' || Number.isInteger(value);
  if (isWhole && value >= least && value <= most) return value;
  throw new Error(`${name} must be a number from ${least} to ${most}, not "${given}".`);
}

function readRange(given: string): readonly [number, number] {
  const [least = '', most = least] = given.split('-');
  const range = [least, most].map((part) => readNumber('--steps', part, 1, 100_000)) as [number, number];
  if (range[0] > range[1]) throw new Error(`--steps must go from fewer to more, not "${given}".`);
  return range;
}
