// Owns the LDAP target as a whole: the directory's file, and the server that Gespage reads it from.
import type { Log } from '../../ops/log.ts';
import type { Target } from '../target.ts';
import { createStore } from './store/store.ts';
import { describeListenFailure } from './describe-listen-failure.ts';
import { type LdapServer, type LdapServerOptions, startLdapServer } from './wire/server.ts';

export interface LdapTargetOptions extends Omit<LdapServerOptions, 'directory' | 'log'> {
  /** SQLite file of the directory; made where it is missing. */
  readonly file: string;
  readonly baseDn: string;
}

/** Writes into the directory's file; once `serve` was called, an LDAP server answers from it. */
export function createLdapTarget({ file, baseDn, ...wire }: LdapTargetOptions, log: Log): Target {
  const store = createStore({ file, baseDn, now: Date.now });
  let server: LdapServer | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  }

  return {
    name: 'ldap',
    open: () => inTurn(() => store.open()),
    position: () => inTurn(() => store.position()),
    apply: (batch) => inTurn(() => store.apply(batch)),
    holdings: (after, limit) => inTurn(() => store.holdings(after, limit)),
    serve: () =>
      inTurn(async () => {
        store.open();
        if (server) return;
        try {
          server = await startLdapServer({ ...wire, directory: store.directory, log });
        } catch (error) {
          throw describeListenFailure(wire, error);
        }
        log.info('The LDAP directory can be read', { host: wire.host, port: server.port, baseDn });
      }),
    close: () =>
      inTurn(async () => {
        const closed = server;
        server = undefined;
        await closed?.close();
        store.close();
      }),
  };
}
