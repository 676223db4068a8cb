// Owns the configuration: reads the environment once, judges it as a whole, reports every problem together.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defaultMapping, parseMapping, type Mapping } from './accounts/mapping.ts';
import { parseClientCertificate, type ClientCertificate } from './config/certificate.ts';
import { collectVariables, readNamedFile, type Environment, type FileReader } from './config/environment.ts';
import type { Config, Credential } from './config/model.ts';
import { arrangeLdap, findLdapOddities, type LdapTarget } from './config/ldap.ts';
import { isGuid, settingSchemas, type Settings } from './config/schema.ts';
import { parseSqlMapping, type SqlMapping } from './config/sql-mapping.ts';
import type { SqlTarget } from './config/sql-url.ts';
import { areOfDifferentClouds, clouds, isLoopback, isMicrosoftAuthority } from './config/urls.ts';
import { variableList, type VariableName } from './config/variables.ts';

export { secretsOf, type Config, type Credential } from './config/model.ts';
export type { Environment, FileReader } from './config/environment.ts';

/** `problems` and `warnings` are sentences for the operator; none holds a secret. */
export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: string[] }
  | { readonly ok: false; readonly problems: string[]; readonly warnings: string[] };

/** The configuration of this process. A result that is not ok must end the start with exit code 2. */
export function loadConfig(): ConfigResult {
  return readConfig(process.env, { read: (path) => readFileSync(path, 'utf8') });
}

/** Reads and judges every variable; all problems are reported at once. Pure apart from the given file reader. */
export function readConfig(env: Environment, files: FileReader): ConfigResult {
  const found = collectVariables(env, files);
  const { settings, problems } = readSettings(found.values, found.spoilt);
  const loaded = loadFiles(settings, files);
  const all = [...found.problems, ...problems, ...loaded.problems, ...findConflicts(settings)];
  const warnings = [...found.warnings, ...findOddities(settings)];
  const credential = chooseCredential(settings, loaded.certificate);
  if (credential === undefined || loaded.mapping === undefined || !isComplete(settings, all))
    return { ok: false, problems: all, warnings };
  return {
    ok: true,
    config: arrange(settings, credential, { ...loaded, mapping: loaded.mapping }),
    warnings,
  };
}

/** The problems as one text for standard error, with what they mean together. */
export function formatProblems(problems: readonly string[]): string {
  const count = problems.length === 1 ? 'one setting is' : `${problems.length} settings are`;
  return [
    `gespage-sync did not start, because ${count} missing or wrong:`,
    ...problems.map((problem) => `  - ${problem}`),
    'The README explains every variable.',
  ].join('\n');
}

/** Each variable by itself, so that one wrong value hides no other. */
function readSettings(values: ReadonlyMap<VariableName, string>, spoilt: ReadonlySet<VariableName>) {
  const settings: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const { name } of variableList) {
    if (spoilt.has(name)) continue;
    const result = settingSchemas[name].safeParse(values.get(name));
    if (result.success) settings[name] = result.data;
    else problems.push(...result.error.issues.map(({ message }) => asSentence(name, message)));
  }
  return { settings: settings as Partial<Settings>, problems };
}

/** All settings are there as soon as none has a problem; only the compiler has to be told. */
function isComplete(_: Partial<Settings>, problems: readonly string[]): _ is Settings {
  return problems.length === 0;
}

function asSentence(name: string, problem: string): string {
  return problem.startsWith('"') ? `${name}: ${problem}.` : `${name} ${problem}.`;
}

interface Loaded {
  readonly mapping: Mapping | undefined;
  readonly sqlMapping: SqlMapping | undefined;
  readonly certificate: ClientCertificate | undefined;
  readonly ldap: LdapTarget | undefined;
  readonly problems: string[];
}

function loadFiles(settings: Partial<Settings>, files: FileReader): Loaded {
  const { MAPPING_FILE: mappingFile, AZURE_CLIENT_CERTIFICATE_PATH: certificatePath } = settings;
  const problems: string[] = [];
  const open = (name: VariableName, path: string): string | undefined => {
    const text = readNamedFile(files, path);
    if (text.ok) return text.value;
    problems.push(asSentence(name, text.problem));
    return undefined;
  };

  let certificate: ClientCertificate | undefined;
  const pem = certificatePath && open('AZURE_CLIENT_CERTIFICATE_PATH', certificatePath);
  if (pem !== undefined) {
    const result = parseClientCertificate(pem);
    if (result.ok) certificate = result.value;
    else problems.push(asSentence('AZURE_CLIENT_CERTIFICATE_PATH', result.problem));
  }

  /** A mapping that the variable names, undefined where there is none or it has problems. */
  const readNamed = <T>(
    name: 'MAPPING_FILE' | 'GESPAGE_SQL_MAPPING_FILE',
    parse: (text: string) => { ok: true; mapping: T } | { ok: false; problems: string[] },
  ): T | undefined => {
    const path = settings[name];
    const text = path === undefined ? undefined : open(name, path);
    if (text === undefined) return undefined;
    const result = parse(text);
    if (result.ok) return result.mapping;
    problems.push(...result.problems.map((problem) => `${name}: ${problem}.`));
    return undefined;
  };
  const sqlMapping = readNamed('GESPAGE_SQL_MAPPING_FILE', parseSqlMapping);
  const mapping = mappingFile === undefined ? defaultMapping() : readNamed('MAPPING_FILE', parseMapping);
  const { target: ldap, problems: ldapProblems } = arrangeLdap(settings, open);
  problems.push(...ldapProblems);
  return { mapping, sqlMapping, certificate, ldap, problems };
}

/** What is wrong only in company. */
function findConflicts(settings: Partial<Settings>): string[] {
  const conflicts: string[] = [];
  const { AZURE_CLIENT_SECRET: secret, AZURE_CLIENT_CERTIFICATE_PATH: certificate } = settings;
  if (secret !== undefined && certificate !== undefined)
    conflicts.push(
      'AZURE_CLIENT_SECRET and AZURE_CLIENT_CERTIFICATE_PATH are both set, so it cannot be told which counts; remove one of them.',
    );
  // A secret that was given and refused is missing from the settings, one that was not given stands there as undefined.
  if ('AZURE_CLIENT_SECRET' in settings && secret === undefined && certificate === undefined)
    conflicts.push(
      'AZURE_CLIENT_SECRET is not set, nor is AZURE_CLIENT_CERTIFICATE_PATH; set one of them so that the service can sign in.',
    );
  if (doorsCollide(settings))
    conflicts.push(
      'LISTEN_PORT and ADMIN_PORT are the same on one address; choose another port for one of the doors.',
    );
  const portConflict = findPortConflict(settings);
  if (portConflict !== undefined) conflicts.push(portConflict);
  const { STATE_PATH: state, GESPAGE_SQL_URL: sql } = settings;
  if (state !== undefined && sql?.kind === 'sqlite' && resolve(state) === resolve(sql.path))
    conflicts.push(
      'STATE_PATH and GESPAGE_SQL_URL name the same file; give Gespage a database of its own, for example sqlite:./data/gespage.db.',
    );
  return conflicts;
}

/** Whether an address stands for all that the machine has. */
function isAny(host: string | undefined): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** The LDAP directory listens beside the doors. */
function findPortConflict(settings: Partial<Settings>): string | undefined {
  const { GESPAGE_LDAP_PORT: port, GESPAGE_LDAP_HOST: host = '127.0.0.1' } = settings;
  if (port === undefined || port === 0) return undefined;
  const doors = [
    ['LISTEN_PORT', settings.LISTEN_PORT, settings.LISTEN_HOST],
    ['ADMIN_PORT', settings.ADMIN_PORT, settings.ADMIN_HOST],
  ] as const;
  const taken = doors.find(
    ([, doorPort, doorHost]) => doorPort === port && (doorHost === host || isAny(host) || isAny(doorHost)),
  );
  return (
    taken &&
    `GESPAGE_LDAP_PORT and ${taken[0]} are the same on one address; choose another port for one of them.`
  );
}

function doorsCollide(settings: Partial<Settings>): boolean {
  const { LISTEN_HOST: host, LISTEN_PORT: port, ADMIN_HOST: adminHost, ADMIN_PORT: adminPort } = settings;
  if (port === undefined || port === 0 || port !== adminPort) return false;
  return host === adminHost || isAny(host) || isAny(adminHost);
}

/** What is allowed and seldom meant. */
function findOddities(settings: Partial<Settings>): string[] {
  const oddities: string[] = [];
  const { AZURE_CLIENT_SECRET: secret, ADMIN_HOST: adminHost } = settings;
  if (secret !== undefined && isGuid(secret))
    oddities.push(
      "AZURE_CLIENT_SECRET looks like the ID of a secret. If signing in fails, set it to the secret's Value.",
    );
  if (adminHost !== undefined && !isLoopback(adminHost))
    oddities.push(
      'ADMIN_HOST opens the private door to other machines, without encryption. Keep it in a network that only operators reach, or put TLS in front.',
    );
  oddities.push(...findLdapOddities(settings));
  const { GRAPH_CLOUD: cloud, AZURE_AUTHORITY_HOST: authority, GRAPH_BASE_URL: graph } = settings;
  if (
    cloud !== undefined &&
    areOfDifferentClouds(authority ?? clouds[cloud].authorityHost, graph ?? clouds[cloud].graphUrl)
  )
    oddities.push(
      'AZURE_AUTHORITY_HOST and GRAPH_BASE_URL belong to different clouds, whose tokens do not fit each other. Set GRAPH_CLOUD alone.',
    );
  return oddities;
}

function chooseCredential(
  settings: Partial<Settings>,
  certificate: ClientCertificate | undefined,
): Credential | undefined {
  if (certificate !== undefined) return { kind: 'certificate', ...certificate };
  const secret = settings.AZURE_CLIENT_SECRET;
  return secret === undefined ? undefined : { kind: 'secret', secret };
}

/** The embedded database is there for a first look: where another target is set, nobody would read it. */
function chooseSql(
  { GESPAGE_SQL_URL: sql, GESPAGE_FILE_PATH: file }: Settings,
  ldap: LdapTarget | undefined,
): SqlTarget | undefined {
  const isAlone = ldap === undefined && file === undefined;
  return sql ?? (isAlone ? { kind: 'sqlite', path: './data/gespage.db' } : undefined);
}

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const dayMs = 24 * 60 * minuteMs;

function arrange(
  settings: Settings,
  credential: Credential,
  { mapping, sqlMapping, ldap }: Loaded & { readonly mapping: Mapping },
): Config {
  const cloud = clouds[settings.GRAPH_CLOUD];
  const authorityHost = settings.AZURE_AUTHORITY_HOST ?? cloud.authorityHost;
  const baseUrl = settings.GRAPH_BASE_URL ?? cloud.graphUrl;
  const publicUrl = settings.PUBLIC_URL;
  const tenant = settings.AZURE_TENANT_ID;
  return {
    mode: publicUrl === undefined ? 'polling' : 'notifications',
    azure: {
      tenant,
      tenantId: isGuid(tenant) ? tenant.toLowerCase() : undefined,
      clientId: settings.AZURE_CLIENT_ID,
      credential,
      authority: `${authorityHost}/${tenant}`,
      foreignAuthorityHost: isMicrosoftAuthority(authorityHost) ? undefined : new URL(authorityHost).host,
    },
    graph: { cloud: settings.GRAPH_CLOUD, baseUrl, scope: `${baseUrl}/.default` },
    publicDoor: {
      host: settings.LISTEN_HOST,
      port: settings.LISTEN_PORT,
      urls:
        publicUrl === undefined
          ? undefined
          : { notification: `${publicUrl}/graph/notifications`, lifecycle: `${publicUrl}/graph/lifecycle` },
    },
    adminDoor: { host: settings.ADMIN_HOST, port: settings.ADMIN_PORT, token: settings.ADMIN_TOKEN },
    state: { path: settings.STATE_PATH },
    mapping,
    targets: {
      sql: chooseSql(settings, ldap),
      ...(sqlMapping !== undefined && { sqlMapping }),
      ldap,
      file: settings.GESPAGE_FILE_PATH,
    },
    trigger: settings.GESPAGE_TRIGGER_URL,
    timing: {
      pollMs: Math.round(settings.POLL_SECONDS * secondMs),
      sweepMs: Math.round(settings.SWEEP_MINUTES * minuteMs),
      fullResyncMs: Math.round(settings.FULL_RESYNC_DAYS * dayMs),
    },
    removal: {
      policy: settings.REMOVAL_POLICY,
      graceMs: Math.round(settings.REMOVAL_GRACE_DAYS * dayMs),
      limit: settings.REMOVAL_LIMIT,
    },
    log: { level: settings.LOG_LEVEL, format: settings.LOG_FORMAT },
  };
}
