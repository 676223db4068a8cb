// Owns what is said when the LDAP server cannot listen: where, what happened, what to do.

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'Another program has this port. Stop it, or set GESPAGE_LDAP_PORT to a free one, in Gespage too.',
  EACCES:
    'This account may not open it. Ports below 1024 take a special right: set GESPAGE_LDAP_PORT to a higher one.',
  EADDRNOTAVAIL: 'This machine does not have that address. Correct GESPAGE_LDAP_HOST.',
  ENOTFOUND: 'That name is not known. Correct GESPAGE_LDAP_HOST.',
};

export function describeListenFailure(
  where: { readonly host: string; readonly port: number },
  error: unknown,
): Error {
  const { code } = error as NodeJS.ErrnoException;
  const message = error instanceof Error ? error.message : String(error);
  const what = `The LDAP directory cannot be read at ${where.host}, port ${where.port}: ${message.replace(/\.$/, '')}.`;
  const found = advice[code ?? ''] ?? 'Check GESPAGE_LDAP_HOST, GESPAGE_LDAP_PORT and the certificate.';
  return Object.assign(new Error(`${what} ${found}`), { code });
}
