// Owns the two entries that are the server's own: the root DSE (RFC 4512, 5.1) and the subschema (RFC 4512, 4.2).
import type { Attribute, Entry } from '../directory.ts';
import {
  attributeTypes,
  findObjectClass,
  objectClasses,
  type AttributeType,
  type ObjectClass,
  type Syntax,
} from '../schema.ts';
import { manageDsaItOid, pagedResultsOid } from './controls.ts';

export const startTlsOid = '1.3.6.1.4.1.1466.20037';
export const whoAmIOid = '1.3.6.1.4.1.4203.1.11.3';

export const subschemaDn = 'cn=subschema';

const allOperationalFeature = '1.3.6.1.4.1.4203.1.5.1';
const trueFalseFiltersFeature = '1.3.6.1.4.1.4203.1.5.3';

function attribute(name: string, values: readonly string[]): Attribute {
  return { name, values: values.map((value) => Buffer.from(value)) };
}

/** What anybody may know of the server. */
export function makeRootDse(options: { namingContexts: readonly string[]; startTls: boolean }): Entry {
  const operational = [
    attribute('namingContexts', options.namingContexts),
    attribute('subschemaSubentry', [subschemaDn]),
    attribute('supportedLDAPVersion', ['3']),
    attribute('supportedControl', [pagedResultsOid, manageDsaItOid]),
    attribute('supportedExtension', options.startTls ? [startTlsOid, whoAmIOid] : [whoAmIOid]),
    attribute('supportedFeatures', [allOperationalFeature, trueFalseFiltersFeature]),
    attribute('vendorName', ['gespage-graph-sync']),
  ];
  return {
    dn: '',
    user: [attribute('objectClass', ['top'])],
    operational: operational.filter(({ values }) => values.length > 0),
  };
}

/** The schema, as clients read it before they search. */
export function makeSubschema(): Entry {
  return {
    dn: subschemaDn,
    user: [attribute('objectClass', ['top', 'subschema']), attribute('cn', ['subschema'])],
    operational: [
      attribute('structuralObjectClass', ['subschema']),
      attribute('subschemaSubentry', [subschemaDn]),
      attribute('attributeTypes', attributeTypes.map(describeAttribute)),
      attribute('objectClasses', objectClasses.map(describeClass)),
      attribute(
        'matchingRules',
        Object.entries(rules).map(([name, [oid, syntax]]) => `( ${oid} NAME '${name}' SYNTAX ${syntax} )`),
      ),
      attribute(
        'ldapSyntaxes',
        Object.entries(syntaxes).map(([oid, text]) => `( ${oid} DESC '${text}' )`),
      ),
    ],
  };
}

const standard = '1.3.6.1.4.1.1466.115.121.1';
const uuidSyntax = '1.3.6.1.1.16.1';

const syntaxes: Readonly<Record<string, string>> = {
  [`${standard}.3`]: 'Attribute Type Description',
  [`${standard}.7`]: 'Boolean',
  [`${standard}.12`]: 'DN',
  [`${standard}.15`]: 'Directory String',
  [`${standard}.24`]: 'Generalized Time',
  [`${standard}.26`]: 'IA5 String',
  [`${standard}.27`]: 'INTEGER',
  [`${standard}.30`]: 'Matching Rule Description',
  [`${standard}.37`]: 'Object Class Description',
  [`${standard}.38`]: 'OID',
  [`${standard}.40`]: 'Octet String',
  [`${standard}.54`]: 'LDAP Syntax Description',
  [`${standard}.58`]: 'Substring Assertion',
  [uuidSyntax]: 'UUID',
};

/** OID and syntax of each rule. */
const rules = {
  objectIdentifierMatch: ['2.5.13.0', `${standard}.38`],
  distinguishedNameMatch: ['2.5.13.1', `${standard}.12`],
  caseIgnoreMatch: ['2.5.13.2', `${standard}.15`],
  caseIgnoreOrderingMatch: ['2.5.13.3', `${standard}.15`],
  caseIgnoreSubstringsMatch: ['2.5.13.4', `${standard}.58`],
  caseExactMatch: ['2.5.13.5', `${standard}.15`],
  caseExactSubstringsMatch: ['2.5.13.7', `${standard}.58`],
  booleanMatch: ['2.5.13.13', `${standard}.7`],
  integerMatch: ['2.5.13.14', `${standard}.27`],
  integerOrderingMatch: ['2.5.13.15', `${standard}.27`],
  octetStringMatch: ['2.5.13.17', `${standard}.40`],
  generalizedTimeMatch: ['2.5.13.27', `${standard}.24`],
  generalizedTimeOrderingMatch: ['2.5.13.28', `${standard}.24`],
  caseIgnoreIA5Match: ['1.3.6.1.4.1.1466.109.114.2', `${standard}.26`],
  caseIgnoreIA5SubstringsMatch: ['1.3.6.1.4.1.1466.109.114.3', `${standard}.58`],
  uuidMatch: ['1.3.6.1.1.16.2', uuidSyntax],
  uuidOrderingMatch: ['1.3.6.1.1.16.3', uuidSyntax],
} as const;

type Rule = keyof typeof rules;

interface Matching {
  readonly syntax: string;
  readonly equality?: Rule;
  readonly ordering?: Rule;
  readonly substrings?: Rule;
}

const matchings: Readonly<Record<Syntax, Matching>> = {
  'directory-string': {
    syntax: `${standard}.15`,
    equality: 'caseIgnoreMatch',
    ordering: 'caseIgnoreOrderingMatch',
    substrings: 'caseIgnoreSubstringsMatch',
  },
  'ia5-string': {
    syntax: `${standard}.26`,
    equality: 'caseIgnoreIA5Match',
    substrings: 'caseIgnoreIA5SubstringsMatch',
  },
  octets: { syntax: `${standard}.40`, equality: 'octetStringMatch' },
  uuid: { syntax: uuidSyntax, equality: 'uuidMatch', ordering: 'uuidOrderingMatch' },
  integer: { syntax: `${standard}.27`, equality: 'integerMatch', ordering: 'integerOrderingMatch' },
  boolean: { syntax: `${standard}.7`, equality: 'booleanMatch' },
  'generalized-time': {
    syntax: `${standard}.24`,
    equality: 'generalizedTimeMatch',
    ordering: 'generalizedTimeOrderingMatch',
  },
  dn: { syntax: `${standard}.12`, equality: 'distinguishedNameMatch' },
  oid: { syntax: `${standard}.38`, equality: 'objectIdentifierMatch' },
  description: { syntax: `${standard}.3` },
};

const descriptionSyntaxes: Readonly<Record<string, string>> = {
  attributeTypes: `${standard}.3`,
  matchingRules: `${standard}.30`,
  objectClasses: `${standard}.37`,
  ldapSyntaxes: `${standard}.54`,
};

/** By RFC 4512, 4.1.2. */
function describeAttribute(type: AttributeType): string {
  const { syntax, equality, ordering, substrings } = matchings[type.syntax];
  const parts = [`( ${type.oid} NAME ${quoteNames([type.name, ...type.aliases])}`];
  const exact = (rule: string): string => (type.caseExact ? rule.replace('caseIgnore', 'caseExact') : rule);
  if (type.equality && equality) parts.push(`EQUALITY ${exact(equality)}`);
  if (type.ordering && ordering) parts.push(`ORDERING ${exact(ordering)}`);
  if (type.substrings && substrings) parts.push(`SUBSTR ${exact(substrings)}`);
  parts.push(`SYNTAX ${descriptionSyntaxes[type.name] ?? syntax}`);
  if (type.single) parts.push('SINGLE-VALUE');
  if (type.operational) parts.push('NO-USER-MODIFICATION USAGE directoryOperation');
  return `${parts.join(' ')} )`;
}

/** By RFC 4512, 4.1.1. */
function describeClass({ name, oid, kind, superior, must, may }: ObjectClass): string {
  const parts = [`( ${oid} NAME '${name}'`];
  if (superior !== undefined) parts.push(`SUP ${findObjectClass(superior)?.name ?? superior}`);
  parts.push(kind);
  if (must.length > 0) parts.push(`MUST ( ${must.join(' $ ')} )`);
  if (may.length > 0) parts.push(`MAY ( ${may.join(' $ ')} )`);
  return `${parts.join(' ')} )`;
}

function quoteNames(names: readonly string[]): string {
  const quoted = names.map((name) => `'${name}'`);
  return quoted.length === 1 ? (quoted[0] as string) : `( ${quoted.join(' ')} )`;
}
