// Owns who a client is: the check of a simple bind (RFC 4513, 5.1), without telling by its time what was wrong.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { normalizeDn } from '../dn.ts';
import type { Request } from './requests.ts';
import { Refused } from './results.ts';

export interface Reader {
  readonly dn: string;
  readonly password: string;
}

export type Identity = 'anonymous' | 'reader';

export type BindRequest = Extract<Request, { kind: 'bind' }>;

/** What the connection is like over which a client binds. */
export interface Way {
  readonly encrypted: boolean;
  /** From this machine to itself. */
  readonly loopback: boolean;
}

/**
 * @param options.encryptable whether the server has a certificate: then no password is taken over a bare wire.
 * @throws where the configured reader has no name, an impossible one, or no password.
 */
export function createBindCheck(options: { reader: Reader; encryptable: boolean }) {
  const { reader, encryptable } = options;
  const readerDn = normalizeDn(reader.dn);
  if (readerDn === undefined || readerDn === '')
    throw new Error(
      `The bind DN ${reader.dn} is not a distinguished name such as cn=reader,dc=gespage,dc=sync.`,
    );
  if (reader.password === '') throw new Error('The password of the LDAP reader is empty.');
  // Equal length whatever is compared, and of no use outside of this process.
  const key = randomBytes(32);
  const digest = (value: string | Buffer): Buffer => createHmac('sha256', key).update(value).digest();
  const expectedDn = digest(readerDn);
  const expectedPassword = digest(reader.password);

  /** @throws Refused where the client is not let in; with `invalidCredentials` it was a guess. */
  return (request: BindRequest, way: Way): Identity => {
    if (request.version !== 3) throw new Refused('protocolError', 'Only LDAPv3 is spoken here.');
    if (request.password === undefined)
      throw new Refused('authMethodNotSupported', 'Only the simple bind is known here, no SASL mechanism.');
    if (request.name === undefined) throw new Refused('invalidDnSyntax', 'The bind DN is not UTF-8.');
    if (request.password.length === 0) {
      if (request.name === '') return 'anonymous';
      throw new Refused(
        'unwillingToPerform',
        'A bind with a name and no password proves nothing (RFC 4513, 5.1.2).',
      );
    }
    if (encryptable && !way.encrypted && !way.loopback)
      throw new Refused('confidentialityRequired', 'Use LDAPS or StartTLS before sending a password.');
    const isName = timingSafeEqual(digest(normalizeDn(request.name) ?? ''), expectedDn);
    const isPassword = timingSafeEqual(digest(request.password), expectedPassword);
    if (isName && isPassword) return 'reader';
    throw new Refused('invalidCredentials', 'The bind DN or the password is wrong.');
  };
}
