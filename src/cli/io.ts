// Owns what a verb has to do with the world, and how verbs end.
import type { Environment, FileReader } from '../config.ts';

/** What the process offers; tests give their own. */
export interface Surroundings {
  readonly env: Environment;
  readonly files: FileReader;
  readonly now: () => number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Calls the listener at each Ctrl-C or SIGTERM. */
  readonly onInterrupt: (listener: () => void) => void;
}

/** What a verb works with. */
export interface Io extends Surroundings {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Aborted when the operator interrupts. */
  readonly signal: AbortSignal;
  /** Tells people what goes on; silent where the output is JSON. */
  readonly progress: (text: string) => void;
}

/** 0 done, 1 failed, 2 wrong usage or configuration, 3 held for approval. */
export type ExitCode = 0 | 1 | 2 | 3;

/** How a verb ended: `data` for `--json`, `text` for people. */
export interface Outcome {
  readonly code: ExitCode;
  readonly data: unknown;
  readonly text: string;
}

/** An end that is not success: what happened and means, and what to do. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly code: 1 | 2;
  readonly what: string;
  readonly advice: readonly string[];

  constructor(code: 1 | 2, what: string, ...advice: readonly string[]) {
    super([what, ...advice].join(' '));
    this.code = code;
    this.what = what;
    this.advice = advice;
  }
}

/** What was written behind the verb. */
export interface Words {
  readonly words: readonly string[];
  readonly dryRun: boolean;
  readonly user: string | undefined;
  readonly by: string | undefined;
}
