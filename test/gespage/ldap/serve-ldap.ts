// Owns starting an LDAP server for a test, and ending it.
import { createMemoryLog, type MemoryLog } from '../../../src/ops/log.ts';
import type { Directory } from '../../../src/gespage/ldap/directory.ts';
import { createLdapServer, type LdapServer } from '../../../src/gespage/ldap/server.ts';
import type { LdapLimits } from '../../../src/gespage/ldap/wire/limits.ts';
import { serverCertificate } from '../../emulator/certificates.ts';
import { baseDn } from './memory-directory.ts';

export const readerDn = `cn=reader,${baseDn}`;
export const readerPassword = 'correct horse battery';

export interface ServedLdap {
  readonly server: LdapServer;
  readonly port: number;
  readonly log: MemoryLog;
  /** PEM of the authority behind the certificate. */
  readonly ca: string;
  close(): Promise<void>;
}

export async function serveLdap(
  directory: Directory,
  options: { tls?: boolean; limits?: Partial<LdapLimits>; now?: () => number } = {},
): Promise<ServedLdap> {
  const log = createMemoryLog([readerPassword]);
  const { cert, key, caPem } = await serverCertificate();
  const server = createLdapServer({
    directory,
    bind: { dn: readerDn, password: readerPassword },
    ...(options.tls && { tls: { cert, key } }),
    limits: { checkMs: 5, failedBindMs: 1, ...options.limits },
    log,
    ...(options.now && { now: options.now }),
  });
  const port = await server.listen('127.0.0.1', 0);
  return { server, port, log, ca: caPem, close: () => server.close() };
}
