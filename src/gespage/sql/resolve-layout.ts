// Owns the way from a mapping and the live tables to a layout: whether all is there, fits, and may be written.
import { type Account, type FieldName } from '../../accounts/model.ts';
import type { Engine, Session, Value } from './engine.ts';
import { type ColumnFinder, createColumnFinder, type Findings, labelOf } from './find-columns.ts';
import {
  type AccountLayout,
  type GroupLayout,
  type Layout,
  type LayoutColumn,
  type MembershipLayout,
  toColumn,
  type WrittenColumn,
} from './layout.ts';
import {
  type AccountMapping,
  type GroupMapping,
  isKeyed,
  type KeyMapping,
  type MembershipMapping,
  standardMapping,
  type TableMapping,
  type TableName,
} from './table-mapping.ts';
import { fieldColumns, groupNameLength, idLength, loginLength, rowKeyLength } from './tables.ts';

/** An object id is a GUID. */
const guidLength = 36;
/** The longest key that can be remembered with its prefix. */
const keyLength = rowKeyLength - 2;

/** Finds every column of the mapping. Where the findings have a problem, the layout is not to be used. */
export async function resolveLayout(
  engine: Engine,
  session: Session,
  mapping: TableMapping,
  fields: readonly FieldName[],
  findings: Findings,
): Promise<Layout | undefined> {
  const isMapped = mapping !== standardMapping;
  const finderOf = async (name: TableName): Promise<ColumnFinder | undefined> => {
    const table = await session.describe(name);
    if (table !== undefined) return createColumnFinder(engine, name, table, isMapped, findings);
    findings.problems.push({
      what: `The table ${labelOf(name)} does not exist, or the user of GESPAGE_SQL_URL may not see it.`,
      advice:
        'Create it, grant the user SELECT on it, or correct the name in GESPAGE_SQL_MAPPING_FILE. ' +
        'Upper and lower case count in the names of tables.',
    });
    return undefined;
  };
  const { accounts, groups, memberships } = mapping;
  const found = {
    accounts: await finderOf(accounts.table),
    groups: groups && (await finderOf(groups.table)),
    memberships: memberships && (await finderOf(memberships.table)),
  };
  const layouts = {
    accounts: found.accounts && findAccounts(found.accounts, accounts, fields, isMapped, findings),
    groups: groups && found.groups && findGroups(found.groups, groups, isMapped, findings),
    memberships: memberships && found.memberships && findMemberships(found.memberships, memberships),
  };
  for (const finder of Object.values(found)) finder?.finish();
  return (
    layouts.accounts && {
      isKeyed: isKeyed(mapping),
      accounts: layouts.accounts,
      groups: layouts.groups,
      memberships: layouts.memberships,
    }
  );
}

function findAccounts(
  finder: ColumnFinder,
  mapping: AccountMapping,
  fields: readonly FieldName[],
  isMapped: boolean,
  findings: Findings,
): AccountLayout {
  const key = findKey(finder, mapping.key, findings);
  const login = finder.find({
    name: mapping.login,
    use: 'a login',
    accepts: ['text', 'integer'],
    most: key.source === 'login' ? keyLength : isMapped ? undefined : loginLength,
  });
  const externalId = findExternalId(finder, mapping.externalId);
  const written = fields.flatMap((field) => {
    const named = mapping.fields[field];
    if (named === undefined) return [];
    const most = isMapped ? undefined : fieldColumns[field].length;
    const { column: name, empty } = named;
    const column = finder.find({ name, use: field, accepts: ['text', 'integer'], empty, most });
    return [{ field, column }];
  });
  const unnamed = fields.filter((field) => mapping.fields[field] === undefined);
  if (unnamed.length > 0)
    findings.notes.push(
      `${finder.label}: no column is named for ${unnamed.join(', ')}, so that is not written.`,
    );
  const enabled = mapping.enabled === null ? undefined : finder.flag(mapping.enabled);
  if (enabled === undefined)
    findings.notes.push(
      `${finder.label}: no column says whether an account is enabled, so the row of whoever is disabled is deleted at once.`,
    );
  const isGuarded = finder.isUnique(login) && (key.source === 'database' || finder.isUnique(key));
  if (!finder.isUnique(login))
    findings.notes.push(
      `${finder.label}: the database itself lets two rows have one ${login.name}; a unique index on it keeps other programs from that, and makes this one faster.`,
    );
  const { on, off } = enabled ?? { on: true, off: false };
  const columns: (WrittenColumn | undefined)[] = [
    key.source === 'object-id' ? writes(key, ({ externalId: id }) => id) : undefined,
    externalId && writes(externalId, ({ externalId: id }) => id),
    writes(login, (account) => account.login),
    ...written.map(({ field, column }) =>
      writes(column, (account) => toColumn(column, account.fields[field]), field),
    ),
    enabled && writes(enabled, (account) => (account.enabled ? on : off)),
  ];
  return {
    table: finder.sql,
    label: finder.label,
    key,
    externalId,
    login,
    fields: written,
    enabled,
    updatedAt: findTime(finder, mapping.updatedAt),
    constants: finder.constants(mapping.constants),
    columns: columns.filter((column) => column !== undefined),
    isGuarded,
  };
}

function writes(
  { sql, name }: { readonly sql: string; readonly name: string },
  of: (account: Account) => Value,
  field?: FieldName,
): WrittenColumn {
  return { sql, name, of, ...(field !== undefined && { field }) };
}

function findGroups(
  finder: ColumnFinder,
  mapping: GroupMapping,
  isMapped: boolean,
  findings: Findings,
): GroupLayout {
  const most = isMapped ? undefined : groupNameLength;
  return {
    table: finder.sql,
    label: finder.label,
    key: findKey(finder, mapping.key, findings),
    externalId: findExternalId(finder, mapping.externalId),
    name: finder.find({ name: mapping.name, use: 'the name of a group', accepts: ['text'], most }),
    updatedAt: findTime(finder, mapping.updatedAt),
    constants: finder.constants(mapping.constants),
  };
}

function findMemberships(finder: ColumnFinder, mapping: MembershipMapping): MembershipLayout {
  const accepts = ['text', 'integer', 'uuid'] as const;
  return {
    table: finder.sql,
    label: finder.label,
    account: finder.find({ name: mapping.account, use: 'the key of an account', accepts }),
    group: finder.find({ name: mapping.group, use: 'the key of a group', accepts }),
    constants: finder.constants(mapping.constants),
  };
}

function findKey(
  finder: ColumnFinder,
  { column: name, from }: KeyMapping,
  { problems }: Findings,
): AccountLayout['key'] {
  const isId = from === 'object-id';
  const column = finder.find({
    name,
    use: isId ? 'the object id of Entra' : 'a key',
    accepts: isId ? ['text', 'uuid'] : ['text', 'integer', 'uuid'],
    most: isId ? idLength : keyLength,
  });
  if (isId) checkGuid(finder, column, problems);
  if (!finder.isUnique(column)) {
    problems.push({
      what: `The table ${finder.label} has no unique key on ${column.name} alone, so one row could be taken for another.`,
      advice: `Add a primary key or a unique index on ${column.name}, or name another key.`,
    });
  }
  if (from === 'database' && !finder.isFilled(column)) {
    problems.push({
      what: `The column ${column.name} of ${finder.label} is not filled by the database, so no row could be added.`,
      advice:
        'Make it an identity or auto-increment column or give it a default, or say in GESPAGE_SQL_MAPPING_FILE that the key comes "from" the login or the object id.',
    });
  }
  return { ...column, source: from };
}

function findExternalId(finder: ColumnFinder, name: string | undefined): LayoutColumn | undefined {
  if (name === undefined) return undefined;
  const wish = { name, use: 'the object id of Entra', accepts: ['text', 'uuid'], most: idLength } as const;
  return finder.find(wish);
}

function checkGuid({ label }: ColumnFinder, column: LayoutColumn, problems: Findings['problems']): void {
  if (column.holds !== 'text' || column.limit >= guidLength) return;
  problems.push({
    what: `The column ${column.name} of ${label} takes ${column.limit} characters, and an object id of Entra has ${guidLength}.`,
    advice: 'Make the column longer with ALTER TABLE, or name another key.',
  });
}

function findTime(finder: ColumnFinder, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  return finder.find({ name, use: 'when a row was written', accepts: ['time', 'text'] }).sql;
}
