// Owns the judgement of one user: an account, a leaver, or somebody about whom nothing can be said yet.
import { findOnce, findOwned, propertiesOf } from './field-rules.ts';
import { compileLogin } from './login.ts';
import { selectedProperties, type Mapping } from './mapping.ts';
import {
  fieldNames,
  type AccountFields,
  type DirectoryGroup,
  type DirectoryUser,
  type FieldName,
} from './model.ts';
import { compilePatterns, compileUserPatterns } from './scope.ts';
import { compileFirst, type ValueReader } from './values.ts';

/** Why a person has no enabled account. */
export type LeaverReason = 'disabled' | 'soft-deleted' | 'gone' | 'out-of-scope' | 'guest' | 'excluded';

/** What one user should be to Gespage. */
export type Decision =
  | { readonly kind: 'active'; readonly login: string; readonly fields: AccountFields }
  | {
      readonly kind: 'leaver';
      readonly reason: LeaverReason;
      /** `null` when it cannot be derived; always so once the user is deleted. */
      readonly login: string | null;
      /** `null` once the user is deleted: what Entra still shows then is not the person's data any more. */
      readonly fields: AccountFields | null;
    }
  /** Neither an account can be made nor may one be taken away: an existing one stays as it is. */
  | { readonly kind: 'unmappable'; readonly reason: string };

/** A mapping made ready for many users. */
export interface CompiledMapping {
  readonly mapping: Mapping;
  /** True when the scope names no group: every user counts as in scope. */
  readonly everyoneInScope: boolean;
  /** Whether members of this group are in scope. */
  readonly isScopeGroup: (group: DirectoryGroup) => boolean;
  /** Whether Gespage gets this group. */
  readonly isPublishedGroup: (group: DirectoryGroup) => boolean;
  /** The `$select` for users. */
  readonly selected: readonly string[];
  /** Fields that Gespage owns: always `null` here, never written. */
  readonly ownedFields: readonly FieldName[];
  /** Fields that are written when an account is made, and left alone afterwards. */
  readonly onceFields: readonly FieldName[];
  /** `inScope`: whether the scope groups hold the user; true for all where {@link everyoneInScope}. */
  readonly decide: (user: DirectoryUser, inScope: boolean) => Decision;
}

const softDeleted: Decision = { kind: 'leaver', reason: 'soft-deleted', login: null, fields: null };
const gone: Decision = { kind: 'leaver', reason: 'gone', login: null, fields: null };
const enabledUnknown: Decision = {
  kind: 'unmappable',
  reason:
    'Microsoft Graph did not say whether the user is enabled (accountEnabled); nothing is created or removed until it does. Check that the application has the permission User.Read.All',
};

/** Prepares a mapping once, so that judging a user costs no more than reading the properties. */
export function compileMapping(mapping: Mapping): CompiledMapping {
  const isExcluded = compileUserPatterns(mapping.scope.exclude);
  const isPublished = compilePatterns(mapping.groups.publish);
  const isNever = compilePatterns(mapping.groups.never);
  const readLogin = compileLogin(mapping.login);
  const readFields = compileFields(mapping.fields);
  const guestsStayOut = !mapping.scope.includeGuests;
  const loginUnknown: Decision = {
    kind: 'unmappable',
    reason: `none of the properties that make the login (${mapping.login.from.join(', ')}) has a value; fill one of them in Entra, or name another under login.from in the mapping file`,
  };

  function findLeaverReason(user: DirectoryUser, inScope: boolean): LeaverReason | null {
    if (isExcluded(user)) return 'excluded';
    if (guestsStayOut && isGuest(user)) return 'guest';
    if (user.properties['accountEnabled'] === false) return 'disabled';
    return inScope ? null : 'out-of-scope';
  }

  function decide(user: DirectoryUser, inScope: boolean): Decision {
    if (user.state === 'soft-deleted') return softDeleted;
    if (user.state === 'gone') return gone;
    const reason = findLeaverReason(user, inScope);
    if (reason !== null) return { kind: 'leaver', reason, login: readLogin(user), fields: readFields(user) };
    if (user.properties['accountEnabled'] !== true) return enabledUnknown;
    const login = readLogin(user);
    return login === null ? loginUnknown : { kind: 'active', login, fields: readFields(user) };
  }

  return {
    mapping,
    everyoneInScope: mapping.scope.groups.length === 0,
    isScopeGroup: compilePatterns(mapping.scope.groups),
    isPublishedGroup: (group) => isPublished(group) && !isNever(group),
    selected: selectedProperties(mapping),
    ownedFields: findOwned(mapping.fields),
    onceFields: findOnce(mapping.fields),
    decide,
  };
}

/** Says in one sentence why somebody is, or is not, an account. */
export function explainDecision(decision: Decision): string {
  switch (decision.kind) {
    case 'active':
      return `has an enabled account with the login "${decision.login}"`;
    case 'unmappable':
      return `cannot be judged: ${decision.reason}`;
    case 'leaver':
      return leaverTexts[decision.reason];
  }
}

const leaverTexts: Readonly<Record<LeaverReason, string>> = {
  disabled: 'has no enabled account because the user is disabled in Entra (accountEnabled is false)',
  'soft-deleted':
    'has no enabled account because the user is deleted in Entra and can still be restored there',
  gone: 'has no enabled account because the user does not exist in Entra any more',
  'out-of-scope':
    'has no enabled account because no group named under scope.groups in the mapping file has the user as a member',
  guest:
    'has no enabled account because the user is a guest and scope.includeGuests in the mapping file is false',
  excluded: 'has no enabled account because scope.exclude in the mapping file names the user',
};

/** A user without a type counts as a member: Entra leaves it empty for some users made long ago. */
function isGuest(user: DirectoryUser): boolean {
  const type = user.properties['userType'];
  return typeof type === 'string' && type.toLowerCase() === 'guest';
}

function compileFields(lists: Mapping['fields']): (user: DirectoryUser) => AccountFields {
  const read = Object.fromEntries(
    fieldNames.map((name) => [name, compileFirst(propertiesOf(lists[name]))]),
  ) as Record<FieldName, ValueReader>;
  // Written out, since one fixed shape is several times faster to make than a loop over names.
  return (user) => ({
    displayName: read.displayName(user),
    firstName: read.firstName(user),
    lastName: read.lastName(user),
    email: read.email(user),
    department: read.department(user),
    activity: read.activity(user),
    printCode: read.printCode(user),
    cardNumber: read.cardNumber(user),
    homeDirectory: read.homeDirectory(user),
  });
}
