// Owns sending to one client: no faster than it reads, and never again once it is gone.
import type { Duplex } from 'node:stream';

/** Nobody is there any more who could read it. */
export class Gone extends Error {
  override readonly name = 'Gone';
}

export interface Outlet {
  /**
   * Sends; where the client lags behind, gives a promise that resolves once it has read, and rejects with `Gone` where
   * it never will.
   */
  send(chunk: Buffer): Promise<void> | undefined;
  /** Since when the client lags behind, by the server's clock; undefined while it does not. */
  lagging(): number | undefined;
  /** From now on nobody is there. */
  close(): void;
}

export function createOutlet(stream: Duplex, now: () => number): Outlet {
  let isClosed = false;
  let since: number | undefined;
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  stream.on('drain', () => {
    since = undefined;
    const ready = waiting;
    waiting = [];
    for (const { resolve } of ready) resolve();
  });
  return {
    send(chunk) {
      if (isClosed || stream.destroyed) return Promise.reject(new Gone('The connection is closed.'));
      const isTaken = stream.write(chunk);
      if (isTaken) return undefined;
      since ??= now();
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    lagging: () => since,
    close() {
      if (isClosed) return;
      isClosed = true;
      const lost = waiting;
      waiting = [];
      for (const { reject } of lost) reject(new Gone('The connection was closed.'));
    },
  };
}
