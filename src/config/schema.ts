// Owns what each variable may be: one zod schema for each, with the sentence for everything that it refuses.
import { z } from 'zod';
import { parseRemovalLimit } from '../accounts/guard.ts';
import { logFormats, logLevels } from '../ops/log.ts';
import { parseFilePath } from './file-path.ts';
import { parseDn, parseLdapPassword } from './ldap.ts';
import { accept, refuse, type Parsed } from './parsed.ts';
import { parseSqlUrl } from './sql-url.ts';
import { parseTriggerUrl } from './trigger-url.ts';
import { cloudNames, parseHttpsOrigin, parseListenHost, parsePort, parsePublicUrl } from './urls.ts';
import type { VariableName } from './variables.ts';

export const removalPolicies = ['disable', 'delete', 'keep'] as const;
export type RemovalPolicy = (typeof removalPolicies)[number];

const guid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const domain = /^(?=.{4,253}$)([a-z\d]([a-z\d-]{0,61}[a-z\d])?\.)+[a-z\d-]{2,63}$/i;

const appPage = 'copy it from the overview page of the app registration in the Entra admin center';

/** Each key is a variable; a text goes in (absent stays absent), a typed value comes out. */
export const settingSchemas = {
  AZURE_TENANT_ID: required(`is not set; ${appPage} (Directory ID)`, parseTenant),
  AZURE_CLIENT_ID: required(`is not set; ${appPage} (Application ID)`, parseClientId),
  AZURE_CLIENT_SECRET: optional(parseSecret),
  AZURE_CLIENT_CERTIFICATE_PATH: optional(accept),
  GRAPH_CLOUD: oneOf(cloudNames),
  AZURE_AUTHORITY_HOST: optional(parseHttpsOrigin),
  GRAPH_BASE_URL: optional(parseHttpsOrigin),
  PUBLIC_URL: optional(parsePublicUrl),
  LISTEN_HOST: required('is not set', parseListenHost),
  LISTEN_PORT: required('is not set', parsePort),
  ADMIN_HOST: required('is not set', parseListenHost),
  ADMIN_PORT: required('is not set', parsePort),
  ADMIN_TOKEN: required(
    'is not set; set it to a random text, made for example by: openssl rand -hex 32',
    parseToken,
  ),
  STATE_PATH: required('is not set', parseStatePath),
  MAPPING_FILE: optional(accept),
  GESPAGE_SQL_URL: optional(parseSqlUrl),
  GESPAGE_SQL_MAPPING_FILE: optional(accept),
  GESPAGE_LDAP_PORT: optional(parsePort),
  GESPAGE_LDAP_HOST: optional(parseListenHost),
  GESPAGE_LDAP_BASE_DN: optional(parseDn),
  GESPAGE_LDAP_BIND_DN: optional(parseDn),
  GESPAGE_LDAP_BIND_PASSWORD: optional(parseLdapPassword),
  GESPAGE_LDAP_TLS_CERT: optional(accept),
  GESPAGE_LDAP_TLS_KEY: optional(accept),
  GESPAGE_FILE_PATH: optional(parseFilePath),
  GESPAGE_TRIGGER_URL: optional(parseTriggerUrl),
  POLL_SECONDS: number(0.1, 86_400, 'seconds'),
  SWEEP_MINUTES: number(0.01, 1_440, 'minutes'),
  FULL_RESYNC_DAYS: number(0.001, 365, 'days'),
  REMOVAL_POLICY: oneOf(removalPolicies),
  REMOVAL_GRACE_DAYS: number(0, 3_650, 'days'),
  REMOVAL_LIMIT: required('is not set', (text) => {
    const result = parseRemovalLimit(text);
    return result.ok ? accept(result.limit) : refuse(result.problem);
  }),
  LOG_LEVEL: oneOf(logLevels),
  LOG_FORMAT: oneOf(logFormats),
} satisfies Record<VariableName, z.ZodType>;

/** The variables once each is read. */
export type Settings = { [Name in VariableName]: z.output<(typeof settingSchemas)[Name]> };

/** Whether a text has the form of an object id. */
export function isGuid(text: string): boolean {
  return guid.test(text);
}

function required<T>(absent: string, parse: (text: string) => Parsed<T>) {
  return z.string({ error: absent }).transform((text, context): T => {
    const result = parse(text);
    if (result.ok) return result.value;
    context.addIssue({ code: 'custom', message: result.problem });
    return z.NEVER;
  });
}

function optional<T>(parse: (text: string) => Parsed<T>) {
  return required('', parse).optional();
}

function oneOf<const Names extends readonly string[]>(names: Names) {
  return z.enum(names, { error: `must be one of ${names.join(', ')}; choose one of them` });
}

function number(least: number, most: number, unit: string) {
  return required('is not set', (text) => {
    const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return accept(value);
    return refuse(`must be a number of ${unit} from ${least} to ${most}, with a point before decimals`);
  });
}

function parseTenant(text: string): Parsed<string> {
  if (isGuid(text) || domain.test(text)) return accept(text);
  return refuse(`is neither a directory ID nor a domain name of one tenant; ${appPage} (Directory ID)`);
}

function parseClientId(text: string): Parsed<string> {
  return isGuid(text) ? accept(text) : refuse(`is not an application ID; ${appPage} (Application ID)`);
}

function parseSecret(text: string): Parsed<string> {
  return /[\u0000-\u001f\u007f]/.test(text)
    ? refuse("holds a line end or another control character; set it to the secret's value alone")
    : accept(text);
}

/** It travels in a header, where only visible ASCII arrives unharmed. */
function parseToken(text: string): Parsed<string> {
  if (!/^[\u0021-\u007e]*$/.test(text))
    return refuse(
      'may hold only letters, digits and signs of ASCII, no spaces; make one with: openssl rand -hex 32',
    );
  return text.length >= 32
    ? accept(text)
    : refuse(`has ${text.length} characters and needs at least 32; make one with: openssl rand -hex 32`);
}

function parseStatePath(text: string): Parsed<string> {
  return /^(:memory:|file:|sqlite:)/.test(text)
    ? refuse(
        'must be the path of a file, since the state has to survive a restart; write for example ./data/state.db',
      )
    : accept(text);
}
