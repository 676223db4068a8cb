// Owns what is asked of the GESPAGE_LDAP_ variables: each by itself, and all of them together.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { accept, refuse, type Parsed } from './parsed.ts';
import { isLoopback } from './urls.ts';
import type { VariableName } from './variables.ts';

/** The LDAP directory that Gespage reads. */
export interface LdapTarget {
  readonly host: string;
  readonly port: number;
  readonly baseDn: string;
  readonly bindDn: string;
  /** Secret. */
  readonly password: string;
  /** PEM; the key is secret. Undefined without encryption. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
}

/** What the variables say, each read by itself; absent ones are undefined, refused ones missing. */
export interface LdapSettings {
  readonly GESPAGE_LDAP_PORT?: number | undefined;
  readonly GESPAGE_LDAP_HOST?: string | undefined;
  readonly GESPAGE_LDAP_BASE_DN?: string | undefined;
  readonly GESPAGE_LDAP_BIND_DN?: string | undefined;
  readonly GESPAGE_LDAP_BIND_PASSWORD?: string | undefined;
  readonly GESPAGE_LDAP_TLS_CERT?: string | undefined;
  readonly GESPAGE_LDAP_TLS_KEY?: string | undefined;
}

const usualHost = '127.0.0.1';
const usualBase = 'dc=gespage,dc=sync';
const companions = [
  'GESPAGE_LDAP_HOST',
  'GESPAGE_LDAP_BASE_DN',
  'GESPAGE_LDAP_BIND_DN',
  'GESPAGE_LDAP_BIND_PASSWORD',
  'GESPAGE_LDAP_TLS_CERT',
  'GESPAGE_LDAP_TLS_KEY',
] as const;

/** Opens a file that a variable names; undefined where that failed, which was reported then. */
type Open = (name: VariableName, path: string) => string | undefined;

/**
 * Puts the settings together. `target` is undefined where no directory is wanted, or where there is a problem; problems
 * are whole sentences.
 */
export function arrangeLdap(
  settings: LdapSettings,
  open: Open,
): { readonly target: LdapTarget | undefined; readonly problems: string[] } {
  const problems: string[] = [];
  const { GESPAGE_LDAP_PORT: port, GESPAGE_LDAP_BIND_PASSWORD: password } = settings;
  const tls = readTls(settings, open, problems);
  if ('GESPAGE_LDAP_PORT' in settings && port === undefined) {
    const lost = companions.filter((name) => settings[name] !== undefined);
    if (lost.length > 0)
      problems.push(
        `${lost.join(', ')} ${lost.length === 1 ? 'is' : 'are'} set, but GESPAGE_LDAP_PORT is not, so no directory would be served; set the port, or remove the others.`,
      );
  }
  if (port === undefined) return { target: undefined, problems };
  if ('GESPAGE_LDAP_BIND_PASSWORD' in settings && password === undefined)
    problems.push(
      'GESPAGE_LDAP_BIND_PASSWORD is not set, so nobody could read the directory; set it to a random text, made for example by: openssl rand -hex 32.',
    );
  const baseDn = settings.GESPAGE_LDAP_BASE_DN ?? usualBase;
  if (password === undefined || problems.length > 0) return { target: undefined, problems };
  return {
    target: {
      host: settings.GESPAGE_LDAP_HOST ?? usualHost,
      port,
      baseDn,
      bindDn: settings.GESPAGE_LDAP_BIND_DN ?? `cn=reader,${baseDn}`,
      password,
      tls,
    },
    problems,
  };
}

/** What is allowed and seldom meant. */
export function findLdapOddities(settings: LdapSettings): string[] {
  const { GESPAGE_LDAP_HOST: host, GESPAGE_LDAP_TLS_CERT: cert } = settings;
  if (settings.GESPAGE_LDAP_PORT === undefined || cert !== undefined || isLoopback(host ?? usualHost))
    return [];
  return [
    'GESPAGE_LDAP_HOST opens the directory to other machines, without encryption: the password and all names can be read on the way. ' +
      'Set GESPAGE_LDAP_TLS_CERT and GESPAGE_LDAP_TLS_KEY, or keep the host 127.0.0.1.',
  ];
}

function readTls(settings: LdapSettings, open: Open, problems: string[]): LdapTarget['tls'] {
  const { GESPAGE_LDAP_TLS_CERT: certPath, GESPAGE_LDAP_TLS_KEY: keyPath } = settings;
  if ((certPath === undefined) !== (keyPath === undefined)) {
    const [set, unset] = certPath === undefined ? ['KEY', 'CERT'] : ['CERT', 'KEY'];
    problems.push(
      `GESPAGE_LDAP_TLS_${set} is set, but GESPAGE_LDAP_TLS_${unset} is not; encryption takes both, as PEM files.`,
    );
  }
  const cert = certPath === undefined ? undefined : open('GESPAGE_LDAP_TLS_CERT', certPath);
  const key = keyPath === undefined ? undefined : open('GESPAGE_LDAP_TLS_KEY', keyPath);
  if (cert === undefined || key === undefined) return undefined;
  const problem = findTlsProblem(cert, key);
  if (problem === undefined) return { cert, key };
  problems.push(problem);
  return undefined;
}

function findTlsProblem(cert: string, key: string): string | undefined {
  let certificate: X509Certificate;
  try {
    // With a chain the server's own certificate comes first.
    certificate = new X509Certificate(cert);
  } catch {
    return 'GESPAGE_LDAP_TLS_CERT names a file without a readable certificate; set it to a PEM file, the certificate of this server first.';
  }
  if (/ENCRYPTED/.test(key))
    return 'GESPAGE_LDAP_TLS_KEY names a file whose private key has a password; write it without: openssl pkey -in FILE.pem.';
  try {
    if (certificate.checkPrivateKey(createPrivateKey(key))) return undefined;
  } catch {
    return 'GESPAGE_LDAP_TLS_KEY names a file without a readable private key; set it to a PEM file.';
  }
  return 'GESPAGE_LDAP_TLS_KEY is not the key of the certificate in GESPAGE_LDAP_TLS_CERT; set both to files of one pair.';
}

/** One part of a name: a type, and a value in which special characters have a backslash before them. */
const part =
  /^ *[a-z][a-z0-9-]* *= *(?:[^\\,+"<>;=#\s\u0000]|\\[\\,+"<>;=# ])(?:[^\\,+"<>;\u0000]|\\[\\,+"<>;=# ])*$/i;

/** A name such as `dc=example,dc=org`, of at least one part. What is read here, the directory reads too. */
export function parseDn(text: string): Parsed<string> {
  const parts = text.split(/(?<!\\),/);
  if (text.isWellFormed() && text.length <= 1_000 && parts.every((one) => part.test(one)))
    return accept(text);
  return refuse(
    'is not a distinguished name; write parts such as dc=example with commas between them, and a backslash before each of , + " < > ; = # that belongs to a value',
  );
}

/** It travels as it is, and nobody could type a control character at the other end. */
export function parseLdapPassword(text: string): Parsed<string> {
  return /[\u0000-\u001f\u007f]/.test(text)
    ? refuse('holds a line end or another control character; set it to the password alone')
    : accept(text);
}
