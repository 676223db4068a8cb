// Owns the LDAP target as a whole: the directory's file, and the server that Gespage reads it from.
import type { Log } from '../../ops/log.ts';
import type { Target } from '../target.ts';
import { describeListenFailure } from './describe-listen-failure.ts';
import { createLdapServer, type LdapServer, type LdapServerOptions } from './server.ts';
import { createStore } from './store/store.ts';

export interface LdapTargetOptions {
  /** SQLite file of the directory; made where it is missing. */
  readonly file: string;
  readonly baseDn: string;
  /** Whether people stand in units of their departments; no unless told. */
  readonly departments?: boolean;
  readonly host: string;
  /** 0 for any free one; the log tells which. */
  readonly port: number;
  /** The one who may read. */
  readonly bind: LdapServerOptions['bind'];
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Writes into the directory's file; once `serve` was called, an LDAP server answers from it. */
export function createLdapTarget(options: LdapTargetOptions, log: Log): Target {
  const { file, baseDn, departments = false, host, port, bind, tls } = options;
  const store = createStore({ file, baseDn, departments, now: Date.now });
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
          const made = createLdapServer({ directory: store.directory, bind, ...(tls && { tls }), log });
          const taken = await made.listen(host, port);
          server = made;
          log.info('The LDAP directory can be read', { host, port: taken, baseDn });
        } catch (error) {
          throw describeListenFailure({ host, port }, error);
        }
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
