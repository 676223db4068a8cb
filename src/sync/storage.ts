// Owns what the jobs do while the state database itself is in trouble: they wait, one line a minute says why, and all goes
// on by itself once the trouble is over. A file that is damaged or replaced stops them for good.
import type { Log } from '../ops/log.ts';
import type { State } from '../state/database.ts';
import { isTroubleOf } from '../state/trouble.ts';

export interface StorageWatch {
  /** Whether nothing may be done any more. */
  isHalted(): boolean;
  /** How long a job waits whose step failed for the state database, ms; undefined where something else was the reason. */
  judge(error: unknown, attempt: number): number | undefined;
  /** Looks whether a trouble is over, and whether the file is still the one that was opened. Throws while it is not. */
  probe(): void;
}

const saidEveryMs = 60_000;
/** The disk is near: to ask it often costs little, and whoever made room does not want to wait. */
const longestWaitMs = 5_000;

export function watchStorage(options: {
  readonly state: Pick<State, 'path' | 'trouble' | 'examine'>;
  /** Writes something, and throws where nothing can be written. */
  readonly flush: () => void;
  readonly now: () => number;
  readonly log: Log;
}): StorageWatch {
  const { state, flush, now, log } = options;
  let said: { readonly text: string; readonly at: number } | undefined;

  const isHalted = (): boolean => {
    const kind = state.trouble()?.kind;
    return kind === 'damaged' || kind === 'replaced';
  };

  function say(error: Error): void {
    const isSaid = said?.text === error.message && Math.abs(now() - said.at) < saidEveryMs;
    if (isSaid) return;
    said = { text: error.message, at: now() };
    log.error(
      isHalted()
        ? 'The state database is of no use any more: all work has stopped'
        : 'The state database cannot be used; the work waits until it can',
      { error },
    );
  }

  return {
    isHalted,
    judge(error, attempt) {
      if (!isTroubleOf(state.path, error)) return undefined;
      say(error);
      return Math.min(250 * 2 ** Math.min(attempt - 1, 10), longestWaitMs);
    },
    probe() {
      state.examine();
      const trouble = state.trouble();
      if (trouble && isHalted()) say(trouble);
      else if (trouble) flush();
      if (state.trouble() || said === undefined) return;
      said = undefined;
      log.info('The state database can be used again');
    },
  };
}
