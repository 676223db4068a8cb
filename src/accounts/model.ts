// Owns the words of the trade: a person as the directory has them, an account as Gespage should have it.

/** Fields of an account beside its key, login and `enabled`, in the order of the standard columns. */
export const fieldNames = [
  'displayName',
  'firstName',
  'lastName',
  'email',
  'department',
  'activity',
  'printCode',
  'cardNumber',
  'homeDirectory',
] as const;

export type FieldName = (typeof fieldNames)[number];

/** A value that is absent or empty is `null`. A field that Gespage owns is always `null` here and never written. */
export type AccountFields = Readonly<Record<FieldName, string | null>>;

/**
 * Where a directory object stands: `present` in the tenant, `soft-deleted` (restorable for about 30 days),
 * or `gone` for good.
 */
export type ObjectState = 'present' | 'soft-deleted' | 'gone';

/** A user as last read; `properties` holds the non-null Graph properties that the mapping selects. */
export interface DirectoryUser {
  /** Entra object id, lower case. */
  readonly id: string;
  readonly state: ObjectState;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A group's identity, as patterns see it. */
export interface DirectoryGroup {
  /** Entra object id, lower case. */
  readonly id: string;
  readonly displayName: string | null;
}

/** What Gespage should hold for one person. */
export interface Account {
  /** Entra object id, lower case; never changes for a person. */
  readonly externalId: string;
  readonly login: string;
  readonly fields: AccountFields;
  readonly enabled: boolean;
  /** Published groups of which the person is an effective (nested) member: object ids, sorted, unique. */
  readonly groups: readonly string[];
}
