// Owns the test of the LDAP directory: its certificate, its port, its file, and whether the reader gets in.
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Config } from '../config.ts';
import type { LdapTarget } from '../config/ldap.ts';
import { describeListenFailure } from '../gespage/ldap/describe-listen-failure.ts';
import { ldapFilePath } from '../gespage/ldap/file-path.ts';
import { tryListening, trySimpleBind } from '../gespage/ldap/probe.ts';
import { countEntries } from '../gespage/ldap/store/count.ts';
import { failed, type Finding, note, ok } from './finding.ts';

const warnDays = 30;
const dayMs = 86_400_000;

/** @param served whether the service runs, so that it has the port and not somebody else. */
export async function checkLdap(
  config: Config,
  ldap: LdapTarget,
  served: boolean,
  now: number,
): Promise<Finding[]> {
  return [
    ...checkCertificate(ldap, now),
    await (served ? checkBind(ldap) : checkPort(ldap)),
    checkContent(ldapFilePath(config.state.path)),
  ];
}

function checkCertificate({ tls }: LdapTarget, now: number): Finding[] {
  if (tls === undefined) return [];
  const { validTo, validFrom, subject } = new X509Certificate(tls.cert);
  const days = Math.floor((Date.parse(validTo) - now) / dayMs);
  const what = `The certificate of the LDAP directory (${subject.replaceAll('\n', ', ')}) ends on ${new Date(validTo).toISOString().slice(0, 10)}`;
  const advice =
    'Put a new one into GESPAGE_LDAP_TLS_CERT and GESPAGE_LDAP_TLS_KEY, and restart the service.';
  if (days < 0) return [failed('ldap', `${what}, which is past: Gespage will not connect.`, advice)];
  if (Date.parse(validFrom) > now) return [failed('ldap', `${what}, but is not valid yet.`, advice)];
  if (days < warnDays) return [note('ldap', `${what}, in ${days} days.`, advice)];
  return [ok('ldap', `${what} and fits its key.`)];
}

async function checkPort({ host, port }: LdapTarget): Promise<Finding> {
  try {
    await tryListening(host, port);
    return ok(
      'ldap',
      `Port ${port} at ${host} is free for the LDAP directory. The service does not run now.`,
    );
  } catch (error) {
    return failed('ldap', describeListenFailure({ host, port }, error).message);
  }
}

async function checkBind({ host, port, bindDn, password, tls }: LdapTarget): Promise<Finding> {
  if (port === 0)
    return note(
      'ldap',
      'GESPAGE_LDAP_PORT is 0: the port changes with each start, and the log of the service names it.',
    );
  try {
    const result = await trySimpleBind({ host, port, dn: bindDn, password, isEncrypted: tls !== undefined });
    const where = `port ${port} at ${host}${tls === undefined ? ', without encryption' : ', over TLS'}`;
    if (result === 0) return ok('ldap', `The LDAP directory answers on ${where}, and lets ${bindDn} in.`);
    return failed(
      'ldap',
      `The LDAP directory on ${where} does not let ${bindDn} in (result code ${result}).`,
      'Does the service run with the same GESPAGE_LDAP_BIND_DN and GESPAGE_LDAP_BIND_PASSWORD as this command? Restart it after a change. Is it another server that has the port?',
    );
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return failed(
      'ldap',
      `The service runs, but its LDAP directory does not answer on port ${port} at ${host}: ${message}.`,
      'See "gespage-sync status" and the log of the service: they say why it cannot listen.',
    );
  }
}

function checkContent(file: string): Finding {
  if (!existsSync(file))
    return note('ldap', `The directory's file ${file} is not there yet; the service makes and fills it.`);
  try {
    const count = countEntries(file);
    if (count === undefined)
      return note(
        'ldap',
        'The directory is not filled yet: until it is whole, searches are answered "unavailable".',
      );
    return ok('ldap', `The directory holds ${count.people} people and ${count.groups} groups.`);
  } catch (error) {
    return failed('ldap', error instanceof Error ? error.message : String(error));
  }
}
