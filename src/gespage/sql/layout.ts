// Owns the layout: the target's tables as they really are, by the names of the mapping, ready to be written.
import type { Account, FieldName } from '../../accounts/model.ts';
import type { ExistingColumn, Holding, Value } from './engine.ts';
import type { KeySource } from './table-mapping.ts';

/** A column of a table that exists. */
export interface LayoutColumn {
  /** As statements name it. */
  readonly sql: string;
  /** As rows that come back name it. */
  readonly name: string;
  readonly holds: Holding;
  /** Characters (code points) that it takes; Infinity where there is no limit. */
  readonly limit: number;
  readonly integer: ExistingColumn['integer'];
  readonly isNullable: boolean;
  /** What stands for a value that is absent. */
  readonly empty: '' | null;
}

/** A column with what an account has for it. */
export interface WrittenColumn {
  readonly sql: string;
  readonly name: string;
  readonly of: (account: Account) => Value;
  /** Undefined for what is no field: key, login, enabled. */
  readonly field?: FieldName;
}

export interface Constant {
  readonly sql: string;
  readonly value: Value;
}

interface TableLayout {
  /** As statements name it. */
  readonly table: string;
  /** For people. */
  readonly label: string;
  readonly key: LayoutColumn & { readonly source: KeySource };
  /** Where the object id stands beside the key. */
  readonly externalId: LayoutColumn | undefined;
  /** As statements name it. */
  readonly updatedAt: string | undefined;
  readonly constants: readonly Constant[];
}

export interface AccountLayout extends TableLayout {
  readonly login: LayoutColumn;
  readonly fields: readonly { readonly field: FieldName; readonly column: LayoutColumn }[];
  /** Undefined where the table cannot say so: a disabled account then has no row. */
  readonly enabled: FlagColumn | undefined;
  /** All that is written but the time and the constants; the key comes first, unless the database makes it. */
  readonly columns: readonly WrittenColumn[];
  /** Whether the database itself refuses a second row with one key or one login. */
  readonly isGuarded: boolean;
}

export interface FlagColumn {
  readonly sql: string;
  readonly name: string;
  readonly on: Value;
  readonly off: Value;
}

export interface GroupLayout extends TableLayout {
  readonly name: LayoutColumn;
}

export interface MembershipLayout {
  readonly table: string;
  readonly label: string;
  readonly account: LayoutColumn;
  readonly group: LayoutColumn;
  readonly constants: readonly Constant[];
}

export interface Layout {
  /** Whether any row is found by another key than the object id: then our own table says by which. */
  readonly isKeyed: boolean;
  readonly accounts: AccountLayout;
  /** Both or none. */
  readonly groups: GroupLayout | undefined;
  readonly memberships: MembershipLayout | undefined;
}

/** A text as its column takes it. */
export function toColumn({ empty }: LayoutColumn, value: string | null): Value {
  return value === null || value === '' ? empty : value;
}

/** What a column gives back, as a text; null where it is empty. */
export function fromColumn({ empty }: LayoutColumn, value: Value | undefined): string | null {
  return value === null || value === undefined || value === empty ? null : String(value);
}

/** Compares a stored with a wanted value: databases give back whole numbers and yes or no in forms of their own. */
export function isSame(stored: Value | undefined, wanted: Value | undefined): boolean {
  if (stored === wanted) return true;
  if (stored === null || stored === undefined || wanted === null || wanted === undefined) return false;
  return plain(stored) === plain(wanted);
}

export function isOn({ name, on }: FlagColumn, row: Readonly<Record<string, Value>>): boolean {
  return isSame(row[name], on);
}

/** MySQL's BIT comes as bytes. */
function plain(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return value instanceof Uint8Array ? String(value.at(-1) ?? 0) : String(value);
}
