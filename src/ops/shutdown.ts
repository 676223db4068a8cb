// Owns the life of the process: start, wait for a signal or a fatal error, stop in order, exit with the right code.
import type { Log } from './log.ts';

/** The part of Node's `process` that this file needs; tests give a fake one. */
export interface ProcessLike {
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
  exit(code: number): unknown;
}

export interface RunOptions {
  /** Brings the service up. `signal` is aborted when a stop is wanted before the start is complete. */
  readonly start: (signal: AbortSignal) => Promise<void>;
  /** Takes everything down in order. Called once, also after a start that failed half-way. */
  readonly stop: () => Promise<void>;
  /** Milliseconds from the first signal to the exit, at most. */
  readonly deadlineMs: number;
  readonly log: Log;
  readonly process: ProcessLike;
}

/** What ended the run; only a signal is a good end. */
type Cause = { readonly kind: 'signal'; readonly name: string } | { readonly kind: 'failure' };

/**
 * Runs the service until SIGTERM or SIGINT, then stops it and exits: 0 after an orderly stop within the
 * deadline, 1 after a failed start, a fatal error, a stop that failed or took too long, 130 at once on a second
 * signal.
 * @returns the exit code, after `process.exit` was called with it
 */
export function runUntilSignal(options: RunOptions): Promise<number> {
  const { start, stop, deadlineMs, log, process } = options;
  const abort = new AbortController();

  return new Promise((resolve) => {
    let ending: Promise<void> | undefined;
    let started: Promise<void> = Promise.resolve();
    let code = 0;
    let exited = false;

    const exit = (withCode: number): void => {
      if (exited) return;
      exited = true;
      for (const [event, listener] of listeners) process.off(event, listener);
      process.exit(withCode);
      resolve(withCode);
    };

    const end = (cause: Cause): void => {
      if (cause.kind === 'failure') code = 1;
      ending ??= stopInOrder(cause);
    };

    async function stopInOrder(cause: Cause): Promise<void> {
      if (cause.kind === 'signal') log.info(`${cause.name} received: stopping.`, { deadlineMs });
      abort.abort();
      const deadline = setTimeout(() => {
        log.error(
          `The stop took longer than ${deadlineMs / 1000} seconds and is cut short. Work that was stored is ` +
            'taken up again at the next start.',
        );
        exit(1);
      }, deadlineMs);
      try {
        await started.catch(() => undefined);
        await stop();
        if (code === 0) log.info('Stopped.');
      } catch (error) {
        code = 1;
        log.error('The stop failed half-way. Work that was stored is taken up again at the next start.', {
          error,
        });
      }
      clearTimeout(deadline);
      exit(code);
    }

    const onSignal = (name: string) => () => {
      if (ending === undefined) return end({ kind: 'signal', name });
      log.warn(`${name} received again: ending at once.`);
      exit(130);
    };
    const onFatal = (what: string) => (error: unknown) => {
      log.error(`${what}: this is a defect of the program. It stops, to be started afresh.`, { error });
      end({ kind: 'failure' });
    };
    const listeners: [string, (value: unknown) => void][] = [
      ['SIGTERM', onSignal('SIGTERM')],
      ['SIGINT', onSignal('SIGINT')],
      ['uncaughtException', onFatal('An error was caught nowhere')],
      ['unhandledRejection', onFatal('A failed promise was awaited nowhere')],
    ];
    for (const [event, listener] of listeners) process.on(event, listener);

    started = Promise.resolve()
      .then(() => start(abort.signal))
      .catch((error: unknown) => {
        // A start that was interrupted may end by throwing; the signal decides the exit code then.
        if (abort.signal.aborted) return;
        log.error('The start failed; the program stops.', { error });
        end({ kind: 'failure' });
      });
  });
}
