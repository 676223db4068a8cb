// Owns the LDAP server: it listens, lets clients in, and closes what nobody needs.
//
// One port serves everything: a connection that begins with a TLS handshake is LDAPS, one that begins with LDAP may go
// over to TLS by StartTLS. With a certificate, passwords are taken under TLS alone, except from this machine itself.
import { createServer, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Log } from '../../ops/log.ts';
import type { Directory } from './directory.ts';
import { createBindCheck, type Reader } from './wire/bind.ts';
import { openConnection, type Connection, type ConnectionRoom } from './wire/connection.ts';
import { usualLdapLimits, type LdapLimits } from './wire/limits.ts';
import { makeRootDse, makeSubschema } from './wire/own-entries.ts';
import { createSnapshotShelf } from './wire/paging.ts';
import { Refused } from './wire/results.ts';

export interface LdapServerOptions {
  readonly directory: Directory;
  /** The one who may read. */
  readonly bind: Reader;
  /** PEM; without it nothing is encrypted. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  readonly limits?: Partial<LdapLimits>;
  readonly log: Log;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

export interface LdapServer {
  /** Gives the port once connections are accepted. */
  listen(host: string, port: number): Promise<number>;
  /** Clients are told, and cut off where they do not go. */
  close(): Promise<void>;
  /** How much is open now. */
  open(): { readonly connections: number; readonly snapshots: number };
}

/** How long clients may take to go when the server closes, in ms. */
const closeMs = 1_000;

/** @throws where certificate and key do not fit, or the reader has no usable name or password. */
export function createLdapServer(options: LdapServerOptions): LdapServer {
  const { directory, bind, tls, log, now = () => performance.now() } = options;
  const limits = { ...usualLdapLimits, ...options.limits };
  const shelf = createSnapshotShelf(openOrRefuse(directory, log), limits, now);
  const room: ConnectionRoom = {
    shelf,
    limits,
    now,
    log,
    rootDse: makeRootDse({ namingContexts: directory.namingContexts, startTls: tls !== undefined }),
    subschema: makeSubschema(),
    readerDn: bind.dn,
    secureContext: tls && createSecureContext({ cert: tls.cert, key: tls.key }),
    checkBind: createBindCheck({ reader: bind, encryptable: tls !== undefined }),
  };
  const connections = new Set<Connection>();
  let allGone: (() => void) | undefined;
  const server = createServer({ noDelay: true, keepAlive: true }, (socket: Socket) => {
    const connection = openConnection(socket, room, () => {
      connections.delete(connection);
      if (connections.size === 0) allGone?.();
    });
    connections.add(connection);
  });
  server.maxConnections = limits.connections;
  let sweeper: NodeJS.Timeout | undefined;

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          server.on('error', (error) => log.error('the LDAP server cannot accept a connection', { error }));
          sweeper = setInterval(() => {
            shelf.sweep();
            for (const connection of connections) connection.sweep();
          }, limits.checkMs);
          const address = server.address();
          resolve(typeof address === 'object' && address !== null ? address.port : port);
        });
      }),
    async close() {
      clearInterval(sweeper);
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      const left = new Promise<void>((resolve) => (allGone = resolve));
      if (connections.size === 0) allGone?.();
      for (const connection of connections) connection.end();
      const cut = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, closeMs);
      await Promise.all([closed, left]);
      clearTimeout(cut);
    },
    open: () => ({ connections: connections.size, snapshots: shelf.size() }),
  };
}

/** A directory that was never filled has nothing to show, and says so in place of an empty tree. */
function openOrRefuse(directory: Directory, log: Log): Directory {
  return {
    namingContexts: directory.namingContexts,
    open() {
      try {
        return directory.open();
      } catch (error) {
        log.warn('an LDAP search was refused, since the directory cannot be opened', { error });
        throw new Refused(
          'unavailable',
          'The directory is not filled yet, or cannot be opened. Try again later; the log of the service says more.',
        );
      }
    },
  };
}
