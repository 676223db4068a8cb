// Owns the single-flight loop on which every background job runs: step, rest, step again, until told to stop.
import type { Log } from './log.ts';

/**
 * What a step asks for next: milliseconds of rest (a wake ends it sooner), `again` for a further step at
 * once, `idle` to rest until woken.
 */
export type Rest = number | 'again' | 'idle';

export interface LoopOptions {
  /** Short and stable, for the log. */
  readonly name: string;
  /** One unit of work. Should end early once `signal` is aborted. Never runs beside itself. */
  readonly step: (signal: AbortSignal) => Promise<Rest>;
  /** Judges a failed step: `attempt` counts failures in a row from 1; returns milliseconds until the next try. */
  readonly onError: (error: unknown, attempt: number) => number;
  readonly log: Log;
  readonly now: () => Date;
}

/** What a loop is at, for readiness and status. */
export interface LoopStatus {
  readonly name: string;
  readonly state: 'new' | 'stepping' | 'resting' | 'backing-off' | 'stopped';
  /** Since when it has been in that state. */
  readonly since: Date;
  /** When the last step succeeded; undefined before the first. */
  readonly lastSuccessAt: Date | undefined;
  /** Failed steps in a row. */
  readonly failures: number;
}

export interface Loop {
  /** Takes the first step at once. Without effect on a loop that was started or stopped before. */
  start(): void;
  /**
   * Asks for a step soon. During a step it causes exactly one more, however often it is called; during the
   * back-off after a failure it is remembered but does not shorten the wait, or else every new
   * notification would hammer at a service that is down.
   */
  wake(): void;
  /** Aborts the step's signal and waits for the step to end. Not to be awaited inside the step itself. */
  stop(): Promise<void>;
  status(): LoopStatus;
}

/** The longest delay that `setTimeout` takes; anything longer fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The pause where `onError` itself fails or gives no usable number. */
const lastResortMs = 30_000;

/** Makes a loop that no error ends; a failing step is judged by `onError` (which also logs it) and tried again. */
export function createLoop(options: LoopOptions): Loop {
  const { name, step, onError, log, now } = options;
  const abort = new AbortController();
  let running: Promise<void> | undefined;
  let woken = false;
  let failures = 0;
  let state: LoopStatus['state'] = 'new';
  let since = now();
  let lastSuccessAt: Date | undefined;
  let endRest: (() => void) | undefined;

  function enter(next: LoopStatus['state']): void {
    state = next;
    since = now();
  }

  function judge(error: unknown): number {
    let pause = lastResortMs;
    try {
      pause = onError(error, failures);
    } catch (second) {
      log.error('The judgement of a failed step failed itself; the step is tried again later.', {
        loop: name,
        error: second,
      });
    }
    return Number.isNaN(pause) ? lastResortMs : Math.max(0, pause);
  }

  async function takeStep(): Promise<void> {
    enter('stepping');
    woken = false;
    try {
      const rest = await step(abort.signal);
      failures = 0;
      lastSuccessAt = now();
      enter('resting');
      const isOver = rest !== 'again' && !woken && (await restFor(rest === 'idle' ? Infinity : rest));
      if (!isOver) await breathe();
    } catch (error) {
      // A step that was told to end may do so by throwing; that is no failure.
      if (abort.signal.aborted) return;
      failures += 1;
      enter('backing-off');
      await restFor(judge(error));
    }
  }

  /** Resolves to whether the time is over; else a wake or a stop has ended the rest. */
  function restFor(ms: number): Promise<boolean> {
    if (abort.signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      let left = Number.isNaN(ms) ? lastResortMs : Math.max(0, ms);
      let timer: NodeJS.Timeout | undefined;
      const end = (isOver: boolean): void => {
        clearTimeout(timer);
        endRest = undefined;
        resolve(isOver);
      };
      const arm = (): void => {
        const part = Math.min(left, longestTimerMs);
        left -= part;
        // Unref'd: a resting loop must not keep a command-line verb from ending.
        timer = setTimeout(() => (left > 0 ? arm() : end(true)), part).unref();
      };
      endRest = () => end(false);
      if (left < Infinity) arm();
    });
  }

  /**
   * Lets sockets and timers have their turn between two steps. Only a stop cuts it short: loops that wake each other
   * would else go on among themselves for ever.
   */
  function breathe(): Promise<void> {
    if (abort.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearImmediate(turn);
        abort.signal.removeEventListener('abort', end);
        resolve();
      };
      const turn = setImmediate(end);
      abort.signal.addEventListener('abort', end, { once: true });
    });
  }

  async function run(): Promise<void> {
    while (!abort.signal.aborted) await takeStep();
    enter('stopped');
  }

  return {
    start() {
      if (abort.signal.aborted) return;
      running ??= run();
    },
    wake() {
      woken = true;
      if (state === 'resting') endRest?.();
    },
    async stop() {
      abort.abort();
      endRest?.();
      if (running === undefined) enter('stopped');
      await running;
    },
    status: () => ({ name, state, since, lastSuccessAt, failures }),
  };
}
