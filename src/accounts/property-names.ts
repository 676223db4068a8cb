// Owns which Graph user properties a mapping may name, and what Graph must be asked for to read them.

/** Where Microsoft describes the properties of a user. */
const userPage = 'https://learn.microsoft.com/graph/api/resources/user';

/** Properties that carry one text, or a list of texts; the names that people most often want, for hints and editors. */
export const commonProperties: readonly string[] = [
  'ageGroup',
  'businessPhones',
  'city',
  'companyName',
  'country',
  'createdDateTime',
  'creationType',
  'department',
  'displayName',
  'employeeHireDate',
  'employeeId',
  'employeeType',
  'faxNumber',
  'givenName',
  'id',
  'imAddresses',
  'jobTitle',
  'mail',
  'mailNickname',
  'mobilePhone',
  'officeLocation',
  'onPremisesDistinguishedName',
  'onPremisesDomainName',
  'onPremisesImmutableId',
  'onPremisesSamAccountName',
  'onPremisesSecurityIdentifier',
  'onPremisesUserPrincipalName',
  'otherMails',
  'postalCode',
  'preferredLanguage',
  'proxyAddresses',
  'state',
  'streetAddress',
  'surname',
  'usageLocation',
  'userPrincipalName',
  'userType',
];

/**
 * Kept outside the Entra store, or in another throttling class: neither a notification nor a delta round
 * reports a change of them. https://learn.microsoft.com/graph/delta-query-overview
 */
const untrackedProperties: readonly string[] = [
  'aboutMe',
  'birthday',
  'hireDate',
  'interests',
  'licenseAssignmentStates',
  'mailboxSettings',
  'mySite',
  'pastProjects',
  'preferredName',
  'responsibilities',
  'schools',
  'signInActivity',
  'skills',
];

/** Not a text: an object, a list of objects, or a link to other objects. */
const structuredProperties: readonly string[] = [
  'assignedLicenses',
  'assignedPlans',
  'authorizationInfo',
  'customSecurityAttributes',
  'directReports',
  'employeeOrgData',
  'identities',
  'manager',
  'memberOf',
  'onPremisesExtensionAttributes',
  'onPremisesProvisioningErrors',
  'passwordProfile',
  'provisionedPlans',
  'serviceProvisioningErrors',
  'transitiveMemberOf',
];

const plainName = '[A-Za-z][A-Za-z0-9]*';
const directoryExtension = 'extension_[0-9A-Fa-f]{32}_[A-Za-z0-9_]+';
const dottedNames = [
  'userPrincipalName\\.prefix',
  'onPremisesExtensionAttributes\\.extensionAttribute(?:[1-9]|1[0-5])',
  'employeeOrgData\\.(?:costCenter|division)',
];
const refusedNames = [...untrackedProperties, ...structuredProperties].join('|');

/** The names a mapping may use, as a regular expression that editors understand too. */
export const propertyNamePattern = `^(?!(?:${refusedNames})$)(?:${[...dottedNames, directoryExtension, plainName].join('|')})$`;

const allowed = new RegExp(propertyNamePattern);
const untracked = new Set(untrackedProperties);
const structured = new Set(structuredProperties);
const spelling = new Map(
  [...commonProperties, ...untrackedProperties, ...structuredProperties].map((name) => [
    name.toLowerCase(),
    name,
  ]),
);

/**
 * Says why a mapping may not use a property name, as the rest of a sentence that begins with the name;
 * `null` when the name is good. A name of the right shape that Graph does not know passes here, and Graph
 * refuses it on the first read.
 */
export function findNameProblem(name: string): string | null {
  const known = spelling.get(name.toLowerCase());
  if (known !== undefined && known !== name) return `is written "${known}" at Microsoft Graph; write it so`;
  if (untracked.has(name)) {
    return 'cannot be used: Microsoft Graph does not report changes of it, so Gespage would keep old values; name another property';
  }
  if (structured.has(name)) return `is not a single value; ${adviseForStructure(name)}`;
  if (allowed.test(name)) return null;
  if (name.startsWith('extension_')) {
    return 'is not a directory extension: those are written extension_, the application id as 32 hexadecimal digits without dashes, _ and the name';
  }
  if (name.includes('.')) return describeDottedNames();
  if (name.includes('_')) {
    return 'looks like a schema extension, and Microsoft Graph does not report changes of those; use a directory extension (extension_…) or an extensionAttribute';
  }
  return `is not the name of a user property; the names are listed at ${userPage}`;
}

/** The properties to ask Graph for so that `name` can be read: a dotted name is read from its first part. */
export function rootProperty(name: string): string {
  const dot = name.indexOf('.');
  return dot === -1 ? name : name.slice(0, dot);
}

function adviseForStructure(name: string): string {
  if (name === 'onPremisesExtensionAttributes')
    return `name one of its parts, for example ${name}.extensionAttribute1`;
  if (name === 'employeeOrgData') return `name one of its parts: ${name}.costCenter or ${name}.division`;
  return 'name a property that holds text';
}

function describeDottedNames(): string {
  return 'is not known; the dotted names are userPrincipalName.prefix, onPremisesExtensionAttributes.extensionAttribute1 to 15, employeeOrgData.costCenter and employeeOrgData.division';
}
