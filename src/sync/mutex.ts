// Owns turns: work on one resource runs one after another.

export interface Mutex {
  /** Runs `work` when all that asked before has ended. */
  run<T>(work: () => Promise<T>): Promise<T>;
  readonly busy: boolean;
}

export function createMutex(): Mutex {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    run(work) {
      waiting += 1;
      const mine = tail.then(work);
      tail = mine.then(
        () => (waiting -= 1),
        () => (waiting -= 1),
      );
      return mine;
    },
    get busy() {
      return waiting > 0;
    },
  };
}
