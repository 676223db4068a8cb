// Owns the names that the target's tables and columns bear: those of a site, or the standard ones.
import { type FieldName, fieldNames } from '../../accounts/model.ts';
import { accountTable, fieldColumns, groupTable, membershipTable } from './tables.ts';

/** A value that stands in a column as it is. */
export type Scalar = string | number | boolean;

export interface TableName {
  /** Undefined where the connection's own schema or database has the table. */
  readonly schema?: string | undefined;
  readonly name: string;
}

/**
 * What identifies a row: the Entra object id that this product writes into it, the login, or a value that the database
 * fills in by itself. In the last two cases this product remembers beside the table which row is whose.
 */
export type KeySource = 'object-id' | 'login' | 'database';

export interface KeyMapping {
  readonly column: string;
  readonly from: KeySource;
}

export interface FieldMapping {
  readonly column: string;
  /** What stands for a value that is absent: NULL, or the empty text where the column insists on one. */
  readonly empty: '' | null;
}

/** `yes` and `no` are what the column holds for an enabled and a disabled account; undefined: as its type has it. */
export interface FlagMapping {
  readonly column: string;
  readonly yes?: Scalar | undefined;
  readonly no?: Scalar | undefined;
}

export interface AccountMapping {
  readonly table: TableName;
  readonly key: KeyMapping;
  /** Where the object id stands, if it is not the key. */
  readonly externalId?: string | undefined;
  readonly login: string;
  readonly fields: { readonly [Name in FieldName]?: FieldMapping | undefined };
  /** Null where the table has no such column: a disabled account then has no row. */
  readonly enabled: FlagMapping | null;
  readonly updatedAt?: string | undefined;
  /** Written with a new row, never changed afterwards. */
  readonly constants: Readonly<Record<string, Scalar>>;
}

export interface GroupMapping {
  readonly table: TableName;
  readonly key: KeyMapping & { readonly from: 'object-id' | 'database' };
  readonly externalId?: string | undefined;
  readonly name: string;
  readonly updatedAt?: string | undefined;
  readonly constants: Readonly<Record<string, Scalar>>;
}

/** `account` and `group` hold the keys of the two rows. */
export interface MembershipMapping {
  readonly table: TableName;
  readonly account: string;
  readonly group: string;
  readonly constants: Readonly<Record<string, Scalar>>;
}

/** Groups and memberships are there together or not at all. */
export interface TableMapping {
  readonly accounts: AccountMapping;
  readonly groups?: GroupMapping | undefined;
  readonly memberships?: MembershipMapping | undefined;
}

/** The names that hold where no other ones are given. */
export const standardMapping: TableMapping = {
  accounts: {
    table: { name: accountTable },
    key: { column: 'external_id', from: 'object-id' },
    login: 'login',
    fields: Object.fromEntries(
      fieldNames.map((field) => [field, { column: fieldColumns[field].name, empty: null }]),
    ),
    enabled: { column: 'enabled' },
    updatedAt: 'updated_at',
    constants: {},
  },
  groups: {
    table: { name: groupTable },
    key: { column: 'external_id', from: 'object-id' },
    name: 'name',
    updatedAt: 'updated_at',
    constants: {},
  },
  memberships: {
    table: { name: membershipTable },
    account: 'account_id',
    group: 'group_id',
    constants: {},
  },
};

/** Whether any row is found by another key than the object id. */
export function isKeyed({ accounts, groups }: TableMapping): boolean {
  return accounts.key.from !== 'object-id' || groups?.key.from === 'database';
}
