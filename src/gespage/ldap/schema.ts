// Owns what the LDAP directory knows of attributes and object classes: names, OIDs, syntaxes, matching rules.
//
// Names and OIDs of people and groups are those of RFC 4519, RFC 4524, RFC 2798, RFC 4530 and RFC 5020, and, for the
// vocabulary of Active Directory, those that Microsoft registered. `name` and `distinguishedName` are attributes of
// their own, as there: not the supertypes that X.500 makes of them.

/** How the values of an attribute are written, and so how two of them are compared. */
export type Syntax =
  | 'directory-string'
  | 'ia5-string'
  | 'octets'
  | 'uuid'
  | 'integer'
  | 'boolean'
  | 'generalized-time'
  | 'dn'
  | 'oid'
  | 'description';

export interface AttributeType {
  /** In its canonical spelling. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly oid: string;
  readonly syntax: Syntax;
  /** Whether values can be told apart by equality in a filter. */
  readonly equality: boolean;
  /** Whether `>=` and `<=` mean something; where not, they are Undefined, as RFC 4511 demands. */
  readonly ordering: boolean;
  readonly substrings: boolean;
  /** Whether values that differ in letter case alone differ. */
  readonly caseExact: boolean;
  readonly single: boolean;
  /** Given only where `+` or its own name asks for it. */
  readonly operational: boolean;
}

export interface ObjectClass {
  readonly name: string;
  readonly oid: string;
  readonly kind: 'ABSTRACT' | 'STRUCTURAL' | 'AUXILIARY';
  readonly superior?: string;
  readonly must: readonly string[];
  readonly may: readonly string[];
}

type Trait = 'ordering' | 'no-substrings' | 'no-equality' | 'case-exact' | 'single' | 'operational';

const withSubstrings: ReadonlySet<Syntax> = new Set(['directory-string', 'ia5-string']);
const alwaysOrdered: ReadonlySet<Syntax> = new Set(['integer', 'generalized-time', 'uuid']);

function define(names: string, oid: string, syntax: Syntax, ...traits: Trait[]): AttributeType {
  const [name = '', ...aliases] = names.split(' ');
  const has = (trait: Trait): boolean => traits.includes(trait);
  return {
    name,
    aliases,
    oid,
    syntax,
    equality: !has('no-equality'),
    ordering: has('ordering') || alwaysOrdered.has(syntax),
    substrings: withSubstrings.has(syntax) && !has('no-substrings'),
    caseExact: has('case-exact'),
    single: has('single'),
    operational: has('operational'),
  };
}

const microsoft = '1.2.840.113556.1';
const pilot = '0.9.2342.19200300.100.1';
const netscape = '2.16.840.1.113730.3.1';

/** Every attribute that the directory knows; any other name in a filter is Undefined. */
export const attributeTypes: readonly AttributeType[] = [
  define('objectClass', '2.5.4.0', 'oid'),
  define('cn commonName', '2.5.4.3', 'directory-string'),
  define('sn surname', '2.5.4.4', 'directory-string'),
  define('serialNumber', '2.5.4.5', 'directory-string'),
  define('l localityName', '2.5.4.7', 'directory-string'),
  define('street streetAddress', '2.5.4.9', 'directory-string'),
  define('o organizationName', '2.5.4.10', 'directory-string'),
  define('ou organizationalUnitName', '2.5.4.11', 'directory-string'),
  define('title', '2.5.4.12', 'directory-string'),
  define('description', '2.5.4.13', 'directory-string'),
  define('member', '2.5.4.31', 'dn'),
  define('givenName gn', '2.5.4.42', 'directory-string'),
  define('initials', '2.5.4.43', 'directory-string'),
  define('distinguishedName', '2.5.4.49', 'dn', 'single'),
  define('uniqueMember', '2.5.4.50', 'dn'),
  define('uid userid', `${pilot}.1`, 'directory-string'),
  define('mail rfc822Mailbox', `${pilot}.3`, 'ia5-string'),
  define('dc domainComponent', `${pilot}.25`, 'ia5-string', 'single'),
  define('carLicense', `${netscape}.1`, 'directory-string'),
  define('departmentNumber', `${netscape}.2`, 'directory-string'),
  define('employeeNumber', `${netscape}.3`, 'directory-string', 'single'),
  define('employeeType', `${netscape}.4`, 'directory-string'),
  define('displayName', `${netscape}.241`, 'directory-string', 'single'),
  define('name', `${microsoft}.4.1`, 'directory-string', 'single'),
  define('objectGUID', `${microsoft}.4.2`, 'octets', 'single'),
  define('userAccountControl', `${microsoft}.4.8`, 'integer', 'single'),
  define('employeeID', `${microsoft}.4.35`, 'directory-string', 'single'),
  define('homeDirectory', `${microsoft}.4.44`, 'directory-string', 'single'),
  define('sAMAccountName', `${microsoft}.4.221`, 'directory-string', 'single'),
  define('sAMAccountType', `${microsoft}.4.302`, 'integer', 'single'),
  define('userPrincipalName', `${microsoft}.4.656`, 'directory-string', 'single'),
  define('groupType', `${microsoft}.4.750`, 'integer', 'single'),
  define('memberOf', `${microsoft}.2.102`, 'dn'),
  define('department', `${microsoft}.2.141`, 'directory-string', 'single'),
  define('company', `${microsoft}.2.146`, 'directory-string', 'single'),
  define('whenCreated', `${microsoft}.2.2`, 'generalized-time', 'single'),
  define('whenChanged', `${microsoft}.2.3`, 'generalized-time', 'single'),

  define('entryUUID', '1.3.6.1.1.16.4', 'uuid', 'single', 'operational'),
  define('entryDN', '1.3.6.1.1.20', 'dn', 'single', 'operational'),
  define('createTimestamp', '2.5.18.1', 'generalized-time', 'single', 'operational'),
  define('modifyTimestamp', '2.5.18.2', 'generalized-time', 'single', 'operational'),
  define('hasSubordinates', '2.5.18.9', 'boolean', 'single', 'operational'),
  define('subschemaSubentry', '2.5.18.10', 'dn', 'single', 'operational'),
  define('structuralObjectClass', '2.5.21.9', 'oid', 'single', 'operational'),

  // Of the root DSE (RFC 4512, 5.1; RFC 3045) and of the subschema (RFC 4512, 4.2).
  define('namingContexts', '1.3.6.1.4.1.1466.101.120.5', 'dn', 'no-equality', 'operational'),
  define('supportedExtension', '1.3.6.1.4.1.1466.101.120.7', 'oid', 'operational'),
  define('supportedControl', '1.3.6.1.4.1.1466.101.120.13', 'oid', 'operational'),
  define('supportedLDAPVersion', '1.3.6.1.4.1.1466.101.120.15', 'integer', 'no-equality', 'operational'),
  define('supportedFeatures', '1.3.6.1.4.1.4203.1.3.5', 'oid', 'operational'),
  define(
    'vendorName',
    '1.3.6.1.1.4',
    'directory-string',
    'case-exact',
    'no-substrings',
    'single',
    'operational',
  ),
  define('matchingRules', '2.5.21.4', 'description', 'no-equality', 'operational'),
  define('attributeTypes', '2.5.21.5', 'description', 'no-equality', 'operational'),
  define('objectClasses', '2.5.21.6', 'description', 'no-equality', 'operational'),
  define('ldapSyntaxes', '1.3.6.1.4.1.1466.101.120.16', 'description', 'no-equality', 'operational'),
];

/**
 * Every object class that entries may bear. `user` and `group` are structural classes in Active Directory; here they
 * stand beside `inetOrgPerson` and `groupOfNames`, and of two structural chains an entry can have only one.
 */
export const objectClasses: readonly ObjectClass[] = [
  { name: 'top', oid: '2.5.6.0', kind: 'ABSTRACT', must: ['objectClass'], may: [] },
  {
    name: 'person',
    oid: '2.5.6.6',
    kind: 'STRUCTURAL',
    superior: 'top',
    must: ['sn', 'cn'],
    may: ['description'],
  },
  {
    name: 'organizationalPerson',
    oid: '2.5.6.7',
    kind: 'STRUCTURAL',
    superior: 'person',
    must: [],
    may: ['title', 'street', 'ou', 'l'],
  },
  {
    name: 'inetOrgPerson',
    oid: '2.16.840.1.113730.3.2.2',
    kind: 'STRUCTURAL',
    superior: 'organizationalPerson',
    must: [],
    may: [
      'carLicense',
      'departmentNumber',
      'displayName',
      'employeeNumber',
      'employeeType',
      'givenName',
      'initials',
      'mail',
      'o',
      'uid',
    ],
  },
  {
    name: 'user',
    oid: '1.2.840.113556.1.5.9',
    kind: 'AUXILIARY',
    superior: 'top',
    must: [],
    may: [
      'sAMAccountName',
      'sAMAccountType',
      'userPrincipalName',
      'userAccountControl',
      'objectGUID',
      'distinguishedName',
      'name',
      'department',
      'company',
      'employeeID',
      'serialNumber',
      'homeDirectory',
      'memberOf',
      'whenCreated',
      'whenChanged',
    ],
  },
  {
    name: 'groupOfNames',
    oid: '2.5.6.9',
    kind: 'STRUCTURAL',
    superior: 'top',
    // RFC 4519 demands a member; a group that lost its last one is a group all the same.
    must: ['cn'],
    may: ['member', 'description', 'o', 'ou'],
  },
  {
    name: 'groupOfUniqueNames',
    oid: '2.5.6.17',
    kind: 'STRUCTURAL',
    superior: 'top',
    must: ['cn'],
    may: ['uniqueMember', 'description', 'o', 'ou'],
  },
  {
    name: 'group',
    oid: '1.2.840.113556.1.5.8',
    kind: 'AUXILIARY',
    superior: 'top',
    must: [],
    may: [
      'member',
      'uniqueMember',
      'sAMAccountName',
      'sAMAccountType',
      'groupType',
      'displayName',
      'objectGUID',
      'distinguishedName',
      'name',
      'whenCreated',
      'whenChanged',
    ],
  },
  {
    name: 'organization',
    oid: '2.5.6.4',
    kind: 'STRUCTURAL',
    superior: 'top',
    must: ['o'],
    may: ['description'],
  },
  {
    name: 'organizationalUnit',
    oid: '2.5.6.5',
    kind: 'STRUCTURAL',
    superior: 'top',
    must: ['ou'],
    may: ['description'],
  },
  {
    name: 'domain',
    oid: '0.9.2342.19200300.100.4.13',
    kind: 'STRUCTURAL',
    superior: 'top',
    must: ['dc'],
    may: ['description', 'o'],
  },
  {
    name: 'dcObject',
    oid: '1.3.6.1.4.1.1466.344',
    kind: 'AUXILIARY',
    superior: 'top',
    must: ['dc'],
    may: [],
  },
  {
    name: 'container',
    oid: '1.2.840.113556.1.3.23',
    kind: 'STRUCTURAL',
    superior: 'top',
    must: ['cn'],
    may: ['description'],
  },
  {
    name: 'subschema',
    oid: '2.5.20.1',
    kind: 'AUXILIARY',
    superior: 'top',
    must: [],
    may: ['attributeTypes', 'objectClasses', 'matchingRules', 'ldapSyntaxes'],
  },
];

const byName = new Map(
  attributeTypes.flatMap((type) =>
    [type.name, ...type.aliases, type.oid].map((name) => [name.toLowerCase(), type] as const),
  ),
);

const classByName = new Map(
  objectClasses.flatMap((type) => [type.name, type.oid].map((name) => [name.toLowerCase(), type] as const)),
);

/** By name, alias or OID, in any letter case; `oid.` before an OID, as in LDAPv2, is not understood. */
export function findAttributeType(name: string): AttributeType | undefined {
  return byName.get(name) ?? byName.get(name.toLowerCase());
}

/** By name or OID, in any letter case. */
export function findObjectClass(name: string): ObjectClass | undefined {
  return classByName.get(name) ?? classByName.get(name.toLowerCase());
}
