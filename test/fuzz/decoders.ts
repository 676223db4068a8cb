// Owns the list of all decoders that are fuzzed. Each is loaded only when it is used.
import type { Decoder } from './decoder.ts';

const graph = () => import('./decoders/graph.ts');
const failures = () => import('./decoders/failures.ts');
const settings = () => import('./decoders/settings.ts');
const admin = () => import('./decoders/admin.ts');
const ldap = () => import('./decoders/ldap.ts');

const decoders: Readonly<Record<string, () => Promise<Decoder>>> = {
  'notification batch': async () => (await import('./decoders/notification.ts')).notificationBatch(),
  'delta page': async () => (await graph()).deltaPage(),
  'delta object': async () => (await graph()).deltaObject(),
  'batch answer': async () => (await graph()).batchAnswer(),
  'subscription answer': async () => (await graph()).subscriptionAnswer(),
  link: async () => (await graph()).link(),
  'error classifier': async () => (await failures()).errorClassifier(),
  'token answer': async () => (await failures()).tokenAnswer(),
  'mapping file': async () => (await settings()).mappingFile(),
  environment: async () => (await settings()).environment(),
  'SQL URL': async () => (await settings()).sqlUrl(),
  'admin API': async () => (await admin()).adminApi(),
  session: async () => (await admin()).session(),
  'LDAP name': async () => (await ldap()).distinguishedName(),
  'LDAP message': async () => (await ldap()).ldapMessage(),
  'LDAP server': async () => (await ldap()).ldapServer(),
};

export const decoderNames: readonly string[] = Object.keys(decoders);

/** @throws where there is none of that name. */
export function loadDecoder(name: string): Promise<Decoder> {
  const load = decoders[name];
  if (load === undefined) throw new Error(`There is no decoder ${name}.`);
  return load();
}
