// Owns the fuzzing of what an operator writes: the mapping file, the environment, the address of the database.
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { compileMapping } from '../../../src/accounts/decide.ts';
import { defaultMapping, parseMapping } from '../../../src/accounts/mapping.ts';
import { formatProblems, readConfig, secretsOf } from '../../../src/config.ts';
import { parseSqlUrl } from '../../../src/config/sql-url.ts';
import { variableList } from '../../../src/config/variables.ts';
import { parseSqlUrl as parseAddress } from '../../../src/gespage/sql/sql-url.ts';
import { id } from '../../helpers/ids.ts';
import { anyText, anyValue, deepText, mangledText, spoiled } from '../arbitraries.ts';
import { defineDecoder, expectPlain, must, type Decoder } from '../decoder.ts';

const canary = 'CaNaRy0123456789-0123456789-0123456789';

const user = {
  id: id(1),
  userPrincipalName: 'a.b@contoso.example',
  accountEnabled: true,
  mailNickname: 'ab',
  displayName: 'A B',
  onPremisesExtensionAttributes: { extensionAttribute1: '7' },
  otherMails: ['x@y.example'],
};
const mapping = {
  ...defaultMapping(),
  scope: { groups: ['Staff*', id(2)], includeGuests: true, exclude: ['svc-*', id(3)] },
  groups: { publish: ['Printers', '*'], nested: false },
};
const mappingWords = fc.constantFrom<unknown>(
  'employeeId',
  'onPremisesExtensionAttributes.extensionAttribute1',
  `extension_${'0'.repeat(32)}_x`,
  'otherMails',
  'userPrincipalName.prefix',
  '*'.repeat(200),
  `${'a*'.repeat(40)}b`,
  'preserve',
  [],
);

export function mappingFile(): Decoder {
  return defineDecoder({
    name: 'mapping file',
    inputs: fc.record({
      text: fc.oneof(
        { weight: 30, arbitrary: spoiled([mapping], mappingWords).map((value) => JSON.stringify(value)) },
        { weight: 10, arbitrary: mangledText(fc.constant(JSON.stringify(mapping))) },
        { weight: 4, arbitrary: anyValue.map((value) => JSON.stringify(value)) },
        { weight: 1, arbitrary: deepText },
      ),
      person: spoiled([user]),
    }),
    decode({ text, person }) {
      const result = parseMapping(text);
      if (!result.ok) {
        must('every refusal is said', result.problems.length > 0);
        must(
          'in texts',
          result.problems.every((problem) => typeof problem === 'string' && problem !== ''),
        );
        return 'refused';
      }
      expectPlain(result.mapping);
      const compiled = compileMapping(result.mapping);
      must(
        'Graph is asked for names alone',
        compiled.selected.every((name) => /^\w+$/.test(name)),
      );
      const properties = (typeof person === 'object' && person !== null ? person : {}) as Record<
        string,
        unknown
      >;
      const decision = compiled.decide({ id: id(1), state: 'present', properties }, true);
      expectPlain(decision);
      compiled.isScopeGroup({ id: id(2), displayName: 'a'.repeat(100) });
      compiled.isPublishedGroup({ id: id(2), displayName: text.slice(0, 100) });
      return `mapping, ${decision.kind}`;
    },
  });
}

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 1024,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const block = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const files = fc.oneof(
  fc.constant(undefined),
  fc.constant(JSON.stringify(mapping)),
  mangledText(fc.constant(`${privateKey}${block}`)),
  mangledText(fc.constant(`${block}${block}-----BEGIN RSA PRIVATE KEY-----\n`)),
  fc.constantFrom(canary, `${canary}\r\n`, '\uFEFF', '', `${canary}\u0000`),
  anyText,
);

/** What stands in the variables: right values of this or another variable, and odd ones. */
const value = fc.oneof(
  fc.constantFrom(
    '11111111-2222-3333-4444-55555555555A',
    'contoso.example',
    canary,
    `${canary}\n`,
    'FILE',
    'OTHER',
    'global',
    'china',
    'https://graph.example',
    'https://user:CaNaRy0123456789@graph.example',
    'https://sync.example.org/prefix/',
    'http://127.0.0.1:1',
    '0.0.0.0',
    '[::1]',
    '8080',
    '65536',
    './data/state.db',
    ':memory:',
    `sqlite:./x.db`,
    `postgres://u:${canary}@h/d`,
    `mysql://u:${canary}@h/d?${canary}`,
    `postgres://u:${canary}%@h/d#x`,
    '0.5',
    '1e3',
    '5%',
    '101%',
    'disable',
    'debug',
    'pretty',
  ),
  anyText,
);
const names = variableList.flatMap(({ name }) => [name, `${name}_FILE`]);
/** Right ones, so that what lies behind each check is reached. */
const right = fc.constantFrom<readonly [string, string]>(
  ['PUBLIC_URL', 'https://sync.example.org/prefix/'],
  ['PUBLIC_URL', 'http://127.0.0.1:1'],
  ['GESPAGE_SQL_URL', `postgres://u:${canary}@h/d?sslmode=require`],
  ['GESPAGE_SQL_URL', `mysql://u:${canary}@[::1]:3306/d?ssl-mode=VERIFY_CA&ssl-ca=x`],
  ['ADMIN_TOKEN_FILE', 'FILE'],
  ['MAPPING_FILE', 'FILE'],
  ['AZURE_CLIENT_CERTIFICATE_PATH', 'FILE'],
  ['AZURE_CLIENT_SECRET', ''],
  ['GRAPH_CLOUD', 'china'],
  ['REMOVAL_LIMIT', '5 %'],
  ['LISTEN_HOST', '::'],
  ['ADMIN_PORT', '8080'],
);
const base = {
  AZURE_TENANT_ID: '11111111-2222-3333-4444-55555555555A',
  AZURE_CLIENT_ID: '66666666-7777-8888-9999-aaaaaaaaaaaa',
  AZURE_CLIENT_SECRET: canary,
  ADMIN_TOKEN: canary,
};

export function environment(): Decoder {
  return defineDecoder({
    name: 'environment',
    inputs: fc.record({
      changes: fc
        .array(
          fc.oneof(
            { weight: 3, arbitrary: right },
            { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...names), value) },
            fc.tuple(
              fc.constantFrom('GESPAGE_LDAP_PORT', 'ADMIN_TOKE', 'REMOVAL_X', '__proto__', 'toString'),
              value,
            ),
            fc.tuple(anyText, value),
          ),
          { maxLength: 5 },
        )
        .map((pairs) => Object.fromEntries(pairs)),
      file: files,
      refusal: fc.constantFrom<unknown>('ENOENT', 'EACCES', 'EISDIR', 'EIO', 7, undefined),
    }),
    decode({ changes, file, refusal }) {
      const result = readConfig(
        { ...base, ...changes },
        {
          read() {
            if (file !== undefined) return file;
            throw Object.assign(new Error(`cannot read ${canary}`), { code: refusal });
          },
        },
      );
      must(
        'hints are texts',
        result.warnings.every((warning) => typeof warning === 'string'),
      );
      // Whoever puts a secret into the name of a variable, into one that is no secret, or into a mapping file, has
      // told it already.
      const open = Object.entries(changes).some(
        ([name, text]) =>
          name.includes('CaNaRy') ||
          (!isSecret(name) && text.includes('CaNaRy')) ||
          (/^(GESPAGE_SQL_)?MAPPING_FILE$/.test(name) && (file ?? '').includes('CaNaRy')),
      );
      const said = result.ok ? result.warnings : [...result.warnings, ...result.problems];
      if (!open) must('no secret is repeated', !said.join('\n').includes('CaNaRy'));
      if (!result.ok) {
        must('every refusal is said', formatProblems(result.problems).length > 80);
        return 'refused';
      }
      const { config } = result;
      must('the secrets are known', secretsOf(config).includes(config.adminDoor.token));
      must(
        'times are times',
        Object.values(config.timing).every((ms) => ms > 0 && Number.isFinite(ms)),
      );
      must('links are followed by https', config.graph.baseUrl.startsWith('https://'));
      return config.mode;
    },
  });
}

function isSecret(name: string): boolean {
  return variableList.some((variable) => variable.name === name && variable.secret === true);
}

const address = fc
  .tuple(
    fc.constantFrom(
      'postgres://',
      'postgresql://',
      'mysql://',
      'mariadb://',
      'MySQL://',
      'sqlite:',
      'sqlite://',
      'http://',
      'postgres:',
      '',
    ),
    fc.oneof(fc.constantFrom('u', 'u%40', '%', ''), anyText),
    fc.constantFrom(`:${canary}@`, `:${canary}%@`, `:${canary}/@`, `:${canary}#@`, '@', ''),
    fc.oneof(fc.constantFrom('h', '[::1]', 'h:5432', 'h:99999', ''), anyText),
    fc.oneof(fc.constantFrom('/d', '/d/e', '/', '', '/%zz'), anyText),
    fc.oneof(
      fc.constantFrom(
        '',
        `?password=${canary}`,
        '?ssl-mode=x',
        '?ssl-mode=VERIFY_CA',
        '?schema=',
        '?schema=s&sslmode=require',
        `?x=${canary}`,
        '?host=/var/run',
      ),
      anyText,
    ),
  )
  .map((parts) => parts.join(''));

export function sqlUrl(): Decoder {
  return defineDecoder({
    name: 'SQL URL',
    inputs: fc.oneof({ weight: 6, arbitrary: address }, mangledText(address), anyText),
    decode(text) {
      const result = parseSqlUrl(text);
      if (!result.ok) {
        must('the password is not repeated', !result.problem.includes('CaNaRy'));
        return 'refused';
      }
      // What is let in here must not be refused by the target, when it is too late for a clear word.
      const { value: target } = result;
      const location = parseAddress(target.kind === 'sqlite' ? `sqlite:${target.path}` : target.url);
      if (location.engine === 'sqlite') return 'sqlite';
      // Without an @ there is no password, but a path.
      const label = text.includes('@') ? location.label.replace(hostOf(text), '') : '';
      must('a label holds no password', !label.includes('CaNaRy'));
      return location.engine;
    },
  });
}

/** What stands behind the last @: a host and a database, which may be told, whatever they are called. */
function hostOf(text: string): string {
  return text.slice(text.lastIndexOf('@') + 1);
}
