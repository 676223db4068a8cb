// Owns the shape of the configuration once it is read: grouped, typed, never changed afterwards.
import type { RemovalLimit } from '../accounts/guard.ts';
import type { Mapping } from '../accounts/mapping.ts';
import type { LogFormat, LogLevel } from '../ops/log.ts';
import type { ClientCertificate } from './certificate.ts';
import type { FileTarget } from './file-path.ts';
import type { LdapTarget } from './ldap.ts';
import type { RemovalPolicy } from './schema.ts';
import type { SqlMapping } from './sql-mapping.ts';
import type { SqlTarget } from './sql-url.ts';
import type { Trigger } from './trigger-url.ts';
import type { CloudName } from './urls.ts';

/** How the application proves who it is. */
export type Credential =
  | { readonly kind: 'secret'; readonly secret: string }
  | ({ readonly kind: 'certificate' } & ClientCertificate);

/** Durations are in milliseconds; addresses have no slash at their end. */
export interface Config {
  /** `notifications` where a public URL is set, else `polling`. */
  readonly mode: 'notifications' | 'polling';
  readonly azure: {
    /** As the operator wrote it: an id, or a domain name of the tenant. */
    readonly tenant: string;
    /** The tenant's id in lower case, to compare with what Graph sends; undefined where a domain name is set. */
    readonly tenantId: string | undefined;
    readonly clientId: string;
    readonly credential: Credential;
    /** `https://host/tenant`, for MSAL. */
    readonly authority: string;
    /** Host (with port) of an authority that is none of Microsoft's, to be made known to MSAL. */
    readonly foreignAuthorityHost: string | undefined;
  };
  readonly graph: {
    readonly cloud: CloudName;
    /** Without `/v1.0`. Links are followed to this host alone. */
    readonly baseUrl: string;
    /** What the token is asked for. */
    readonly scope: string;
  };
  readonly publicDoor: {
    readonly host: string;
    readonly port: number;
    /** What the subscriptions name; undefined in polling mode. */
    readonly urls: { readonly notification: string; readonly lifecycle: string } | undefined;
  };
  readonly adminDoor: { readonly host: string; readonly port: number; readonly token: string };
  readonly state: { readonly path: string };
  readonly mapping: Mapping;
  readonly targets: {
    /** Undefined where other targets are set and this one is not. */
    readonly sql: SqlTarget | undefined;
    /** The names of tables and columns, undefined for the standard ones. */
    readonly sqlMapping?: SqlMapping | undefined;
    readonly ldap: LdapTarget | undefined;
    readonly file: FileTarget | undefined;
  };
  readonly trigger: Trigger | undefined;
  readonly timing: { readonly pollMs: number; readonly sweepMs: number; readonly fullResyncMs: number };
  readonly removal: {
    readonly policy: RemovalPolicy;
    readonly graceMs: number;
    readonly limit: RemovalLimit;
  };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

/** Every value that must never be seen in a log or an answer. */
export function secretsOf(config: Config): string[] {
  const { credential } = config.azure;
  const { sql, ldap } = config.targets;
  const { trigger } = config;
  return [
    config.adminDoor.token,
    credential.kind === 'secret' ? credential.secret : credential.privateKey,
    ...(trigger === undefined
      ? []
      : [trigger.url, ...Object.values(trigger.credentials ?? {})].filter(Boolean)),
    ...(sql === undefined || sql.kind === 'sqlite'
      ? []
      : [sql.url, ...(sql.password === undefined ? [] : [sql.password])]),
    ...(ldap === undefined ? [] : [ldap.password, ...(ldap.tls === undefined ? [] : [ldap.tls.key])]),
  ];
}
