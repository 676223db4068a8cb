// Owns which properties each kind of directory object has: the known names, the default set, and what delta never tracks.

export type Kind = 'user' | 'group' | 'device' | 'servicePrincipal';

/** A property's value: absent from the record means never set, null means cleared. */
export type Props = Record<string, unknown>;

const user = [
  'aboutMe accountEnabled ageGroup assignedLicenses assignedPlans birthday businessPhones city companyName',
  'consentProvidedForMinor country createdDateTime creationType deletedDateTime department displayName',
  'employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType externalUserState',
  'externalUserStateChangeDateTime faxNumber givenName hireDate id identities imAddresses interests isResourceAccount',
  'jobTitle lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates mail mailNickname',
  'mailboxSettings manager memberOf mobilePhone mySite officeLocation onPremisesDistinguishedName onPremisesDomainName',
  'onPremisesExtensionAttributes onPremisesImmutableId onPremisesLastSyncDateTime onPremisesProvisioningErrors',
  'onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName otherMails',
  'passwordPolicies passwordProfile pastProjects postalCode preferredDataLocation preferredLanguage preferredName',
  'provisionedPlans proxyAddresses responsibilities schools securityIdentifier showInAddressList signInActivity',
  'signInSessionsValidFromDateTime skills state streetAddress surname usageLocation userPrincipalName userType',
].flatMap((line) => line.split(' '));

const group = [
  'classification createdDateTime creationOptions deletedDateTime description displayName expirationDateTime groupTypes',
  'id isAssignableToRole mail mailEnabled mailNickname memberOf members membershipRule membershipRuleProcessingState',
  'onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesProvisioningErrors',
  'onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled owners preferredDataLocation',
  'preferredLanguage proxyAddresses renewedDateTime resourceProvisioningOptions securityEnabled securityIdentifier',
  'theme uniqueName visibility',
].flatMap((line) => line.split(' '));

const known: Record<Kind, ReadonlySet<string>> = {
  user: new Set(user),
  group: new Set(group),
  device: new Set(['id', 'displayName', 'deviceId', 'accountEnabled', 'operatingSystem', 'deletedDateTime']),
  servicePrincipal: new Set(['id', 'displayName', 'appId', 'accountEnabled', 'deletedDateTime']),
};

/** What an answer holds when the request has no `$select`. */
export const defaultProperties: Record<Kind, readonly string[]> = {
  user: (
    'businessPhones displayName givenName jobTitle mail mobilePhone officeLocation preferredLanguage surname ' +
    'userPrincipalName id'
  ).split(' '),
  group: (
    'id deletedDateTime classification createdDateTime creationOptions description displayName expirationDateTime ' +
    'groupTypes isAssignableToRole mail mailEnabled mailNickname membershipRule membershipRuleProcessingState ' +
    'onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesSamAccountName ' +
    'onPremisesSecurityIdentifier onPremisesSyncEnabled preferredDataLocation preferredLanguage proxyAddresses ' +
    'renewedDateTime resourceProvisioningOptions securityEnabled securityIdentifier theme visibility'
  ).split(' '),
  device: ['id', 'displayName', 'deviceId', 'accountEnabled', 'operatingSystem'],
  servicePrincipal: ['id', 'displayName', 'appId', 'accountEnabled'],
};

/** Relationships: selectable in delta where `trackedRelations` names them, never part of an ordinary read. */
export const relations: ReadonlySet<string> = new Set(['manager', 'memberOf', 'members', 'owners']);

/** Kept outside the Entra store: a change in them never shows in delta, and selecting them in a list is a 501. */
export const outsideTheStore: ReadonlySet<string> = new Set(
  (
    'aboutMe birthday hireDate interests mySite pastProjects preferredName responsibilities schools skills ' +
    'mailboxSettings'
  ).split(' '),
);

/** Never reported by delta although the property may be selected. */
export const untracked: ReadonlySet<string> = new Set([
  ...outsideTheStore,
  'licenseAssignmentStates',
  'signInActivity',
]);

const extension = /^extension_[0-9a-fA-F]{32}_\w+$/;

/** Whether the property is a directory extension (`extension_{app id without dashes}_{name}`). */
export function isDirectoryExtension(name: string): boolean {
  return extension.test(name);
}

/** Whether an object of this kind can have the property at all. */
export function isKnownProperty(kind: Kind, name: string): boolean {
  return known[kind].has(name) || ((kind === 'user' || kind === 'group') && isDirectoryExtension(name));
}
