// Owns what an entry says: the attributes of people, groups and the units above them, in the words of importers.
import type { Account } from '../../../accounts/model.ts';
import { type Draft, encodeAttributes } from './encode.ts';
import type { Base } from './names.ts';

export const personClasses = ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'user'] as const;
export const groupClasses = ['top', 'groupOfNames', 'group'] as const;

/** `NORMAL_ACCOUNT`, and with it `ACCOUNTDISABLE`. https://learn.microsoft.com/troubleshoot/windows-server/active-directory/useraccountcontrol-manipulate-account-properties */
const enabledAccount = '512';
const disabledAccount = '514';

/** A person's name as shown: `cn` is mandatory, and so is `sn`. */
export function commonName({ login, fields }: Account): string {
  return fields.displayName ?? login;
}

/** All of a person but `memberOf`, which depends on the names of groups. */
export function encodePerson(account: Account, dn: string, base: Base): Buffer {
  const { externalId, login, fields } = account;
  const cn = commonName(account);
  return encodeAttributes([
    ['objectClass', personClasses],
    ['uid', [login]],
    ['cn', [cn]],
    ['sn', [fields.lastName ?? cn]],
    one('givenName', fields.firstName),
    one('displayName', fields.displayName),
    one('mail', fields.email),
    one('departmentNumber', fields.department),
    one('department', fields.department),
    one('employeeNumber', fields.cardNumber),
    one('employeeID', fields.printCode),
    one('employeeType', fields.activity),
    one('homeDirectory', fields.homeDirectory),
    ['sAMAccountName', [login]],
    ['userPrincipalName', [principalName(login, base)]],
    ['userAccountControl', [account.enabled ? enabledAccount : disabledAccount]],
    ['name', [cn]],
    ['distinguishedName', [dn]],
    ...guid(externalId),
  ]);
}

/** All of a group but `member`. `name` is unique in the tree. */
export function encodeGroup(externalId: string, name: string, dn: string): Buffer {
  return encodeAttributes([
    ['objectClass', groupClasses],
    ['cn', [name]],
    ['name', [name]],
    ['sAMAccountName', [name]],
    ['distinguishedName', [dn]],
    ...guid(externalId),
  ]);
}

/** The units of people and groups. */
export function encodeUnit(name: string): Buffer {
  return encodeAttributes([
    ['objectClass', ['top', 'organizationalUnit']],
    ['ou', [name]],
  ]);
}

/** The entry at the base, of a kind that bears the type of its name. */
export function encodeBase({ first: { type, value } }: Base): Buffer {
  const draft: Draft = [type, [value]];
  switch (type) {
    case 'dc':
      return encodeAttributes([['objectClass', ['top', 'dcObject', 'organization']], draft, ['o', [value]]]);
    case 'o':
      return encodeAttributes([['objectClass', ['top', 'organization']], draft]);
    case 'ou':
      return encodeAttributes([['objectClass', ['top', 'organizationalUnit']], draft]);
    case 'cn':
      return encodeAttributes([['objectClass', ['top', 'container']], draft]);
    default:
      return encodeAttributes([['objectClass', ['top']], draft]);
  }
}

/** What only `+` or its own name asks for. */
export function encodeOperational(uuid: string, createdAt: number, modifiedAt: number): Buffer {
  return encodeAttributes([
    ['entryUUID', [uuid]],
    ['createTimestamp', [generalizedTime(createdAt)]],
    ['modifyTimestamp', [generalizedTime(modifiedAt)]],
  ]);
}

/** The login where it has the form of a principal name, else, as in Active Directory, the login in the base's domain. */
export function principalName(login: string, { domain }: Base): string {
  return login.includes('@') || domain === undefined ? login : `${login}@${domain}`;
}

/** Active Directory's order of octets: the first three fields of the text are numbers, little-endian. */
export function encodeGuid(uuid: string): Buffer | undefined {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(uuid)) return undefined;
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

/** The text of a GUID from its octets; undefined where they are none. */
export function decodeGuid(bytes: Buffer): string | undefined {
  if (bytes.length !== 16) return undefined;
  const turned = Buffer.from(bytes);
  turned.subarray(0, 4).reverse();
  turned.subarray(4, 6).reverse();
  turned.subarray(6, 8).reverse();
  return turned.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function one(name: string, value: string | null): Draft {
  return [name, value === null || value === '' ? [] : [value]];
}

function guid(id: string): Draft[] {
  const bytes = encodeGuid(id);
  return bytes === undefined ? [] : [['objectGUID', [bytes]]];
}

/** The moment written last: a batch has one for all of its entries. */
let lastTime = { ms: NaN, text: '' };

/** RFC 4517, 3.3.13, in whole seconds. */
function generalizedTime(ms: number): string {
  if (lastTime.ms !== ms)
    lastTime = { ms, text: `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z` };
  return lastTime.text;
}
