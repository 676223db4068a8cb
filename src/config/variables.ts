// Owns the list of environment variables: the one source of the schema's names, .env.example and the README's table.

export interface Variable {
  readonly name: string;
  /** What holds where the variable is not set. */
  readonly default?: string;
  /** What stands in the table for a default that is no fixed text. */
  readonly defaultNote?: string;
  /** Plain English; code in backticks. Goes into .env.example and the README as it is. */
  readonly meaning: string;
  /** Can come as `NAME_FILE` too, is never echoed or logged. */
  readonly secret?: true;
  readonly required?: true;
}

/** In the order in which an operator meets them. */
export const variables = [
  {
    name: 'AZURE_TENANT_ID',
    required: true,
    meaning: "Directory (tenant) ID of the app registration, or one of the tenant's domain names",
  },
  { name: 'AZURE_CLIENT_ID', required: true, meaning: 'Application (client) ID of the app registration' },
  {
    name: 'AZURE_CLIENT_SECRET',
    secret: true,
    defaultNote: 'this or the next is required',
    meaning: 'Value (not the ID) of a client secret of the app registration',
  },
  {
    name: 'AZURE_CLIENT_CERTIFICATE_PATH',
    defaultNote: 'this or the one before is required',
    meaning: 'PEM file with the certificate and its RSA private key, without a password',
  },
  {
    name: 'GRAPH_CLOUD',
    default: 'global',
    meaning: "Microsoft's cloud: `global`, `usgov`, `usgov-dod` or `china`",
  },
  {
    name: 'AZURE_AUTHORITY_HOST',
    defaultNote: 'the cloud decides',
    meaning: 'Another host for tokens, as `https://HOST` or `https://HOST:PORT`',
  },
  {
    name: 'GRAPH_BASE_URL',
    defaultNote: 'the cloud decides',
    meaning: 'Another host for Microsoft Graph, as `https://HOST` or `https://HOST:PORT`, without `/v1.0`',
  },
  {
    name: 'PUBLIC_URL',
    meaning:
      'Where Microsoft reaches this service, `https` (`http` for this machine only); a path prefix is allowed. ' +
      'Without it the service polls and makes no subscriptions',
  },
  { name: 'LISTEN_HOST', default: '0.0.0.0', meaning: 'Address of the public door' },
  { name: 'LISTEN_PORT', default: '8080', meaning: 'Port of the public door; `0` takes any free one' },
  { name: 'ADMIN_HOST', default: '127.0.0.1', meaning: 'Address of the private door' },
  { name: 'ADMIN_PORT', default: '8081', meaning: 'Port of the private door; `0` takes any free one' },
  {
    name: 'ADMIN_TOKEN',
    secret: true,
    required: true,
    meaning:
      'Key to the private door, at least 32 characters without spaces; `openssl rand -hex 32` makes one',
  },
  { name: 'STATE_PATH', default: './data/state.db', meaning: "The service's own SQLite database" },
  {
    name: 'MAPPING_FILE',
    meaning: 'JSON file that says who gets an account, with which login, fields and groups',
  },
  {
    name: 'GESPAGE_SQL_URL',
    secret: true,
    defaultNote: '`sqlite:./data/gespage.db` where no other target is set',
    meaning:
      'Database that Gespage reads: `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/DATABASE` or ' +
      '`mysql://USER:PASSWORD@HOST/DATABASE` (MariaDB too)',
  },
  {
    name: 'GESPAGE_SQL_MAPPING_FILE',
    meaning: 'JSON file with the names of tables and columns, where they are not the standard ones',
  },
  {
    name: 'GESPAGE_LDAP_PORT',
    meaning:
      'Port of the read-only LDAP directory for Gespage, LDAP and LDAPS alike; without it there is none. `0` takes any free one',
  },
  {
    name: 'GESPAGE_LDAP_HOST',
    defaultNote: '`127.0.0.1`',
    meaning: 'Address of the LDAP directory; other than this machine only with a certificate',
  },
  {
    name: 'GESPAGE_LDAP_BASE_DN',
    defaultNote: '`dc=gespage,dc=sync`',
    meaning: 'Name under which the tree stands; `ou=people` and `ou=groups` are below it',
  },
  {
    name: 'GESPAGE_LDAP_BIND_DN',
    defaultNote: '`cn=reader,` and the base',
    meaning: 'Name with which Gespage binds',
  },
  {
    name: 'GESPAGE_LDAP_BIND_PASSWORD',
    secret: true,
    defaultNote: 'required with the port',
    meaning: 'Password with which Gespage binds; `openssl rand -hex 32` makes one',
  },
  {
    name: 'GESPAGE_LDAP_TLS_CERT',
    meaning: 'PEM file with the certificate of the LDAP directory, its chain behind it',
  },
  {
    name: 'GESPAGE_LDAP_TLS_KEY',
    meaning: 'PEM file with the private key of that certificate, without a password',
  },
  {
    name: 'GESPAGE_FILE_PATH',
    meaning: 'File for Gespage, ending in `.csv` or `.xlsx`; the mapping file says how it looks',
  },
  {
    name: 'GESPAGE_TRIGGER_URL',
    secret: true,
    meaning:
      'Called by POST after the targets changed, for a program of yours that starts the synchronisation of Gespage: ' +
      '`https://USER:PASSWORD@HOST/PATH` (`http` within a private network)',
  },
  {
    name: 'POLL_SECONDS',
    default: '60',
    meaning: 'Seconds between two delta rounds in polling mode, 0.1 to 86400',
  },
  {
    name: 'SWEEP_MINUTES',
    default: '15',
    meaning: 'Minutes between two safety delta rounds beside notifications, 0.01 to 1440',
  },
  {
    name: 'FULL_RESYNC_DAYS',
    default: '7',
    meaning: 'Days between two safety full resyncs, 0.001 to 365',
  },
  {
    name: 'REMOVAL_POLICY',
    default: 'disable',
    meaning:
      'What becomes of the account of a person who left: `disable` (and delete after the grace days), ' +
      '`delete` (at once) or `keep`',
  },
  {
    name: 'REMOVAL_GRACE_DAYS',
    default: '30',
    meaning: 'Days from disabling an account to deleting it, 0 to 3650',
  },
  {
    name: 'REMOVAL_LIMIT',
    default: '5%',
    meaning:
      'Removals within an hour that pass without approval: `N`, or `N%` of the enabled accounts; never below 10',
  },
  { name: 'LOG_LEVEL', default: 'info', meaning: 'From which level on: `debug`, `info`, `warn` or `error`' },
  { name: 'LOG_FORMAT', default: 'json', meaning: '`json`, or `pretty` for people' },
] as const satisfies readonly Variable[];

export type VariableName = (typeof variables)[number]['name'];

/** The same with one shape for all entries. */
export const variableList: readonly (Variable & { readonly name: VariableName })[] = variables;
