// Owns opening a door: an HTTP server that nobody can keep busy by sending slowly, much, or nothing at all.
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';

/** An open door. */
export interface Door {
  readonly port: number;
  close(): Promise<void>;
}

/** Times in ms. */
export interface DoorLimits {
  /** Connections at the same time; more are cut at once. A proxy needs some dozens. */
  readonly connections: number;
  /** From the first moment of a connection, or the end of its last request, until its next headers are there. */
  readonly headersMs: number;
  /** Until a request is there as a whole. */
  readonly requestMs: number;
  /** How long a connection may rest between two requests; longer than proxies keep theirs. */
  readonly restMs: number;
  /** Bytes of all headers of a request. */
  readonly headerBytes: number;
  /** How often the times are looked at. */
  readonly checkMs: number;
}

export const usualLimits: DoorLimits = {
  connections: 2_000,
  headersMs: 10_000,
  requestMs: 60_000,
  restMs: 65_000,
  headerBytes: 32_768,
  checkMs: 2_000,
};

/** How long requests in hand may take when the door closes. */
const closeMs = 3_000;

/** Listens; resolves once connections are accepted. */
export function openDoor(
  app: Hono,
  host: string,
  port: number,
  limits: DoorLimits = usualLimits,
): Promise<Door> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.restMs,
      // Left alone, Node looks every 30 seconds, so that ten seconds could be forty.
      connectionsCheckingInterval: limits.checkMs,
    },
  }) as Server;
  server.maxConnections = limits.connections;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        close: () => closeServer(server),
      });
    });
  });
}

/** Requests in hand are answered; connections that are only kept alive are cut. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), closeMs);
  await closed;
  clearTimeout(cut);
}
