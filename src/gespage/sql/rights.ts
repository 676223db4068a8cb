// Owns the question what the user of the database may do: tried out on no row at all, and undone.
import { errorProperty, type Session } from './engine.ts';
import type { ShapeProblem } from './find-columns.ts';
import type { Layout, LayoutColumn } from './layout.ts';

interface Trial {
  readonly right: string;
  readonly work: (session: Session) => Promise<unknown>;
}

interface TriedTable {
  readonly table: string;
  readonly label: string;
  /** Any column that rows are looked for by. */
  readonly by: LayoutColumn;
  readonly columns: readonly string[];
  readonly isUpdated: boolean;
}

/** One problem for each table on which a right is missing. */
export async function findLackingRights(session: Session, layout: Layout): Promise<ShapeProblem[]> {
  const { accounts, groups, memberships } = layout;
  const written = accounts.columns.map(({ sql }) => sql);
  const tables: (TriedTable | undefined)[] = [
    { ...accounts, by: accounts.key, columns: [...written, ...extras(accounts)], isUpdated: true },
    groups && { ...groups, by: groups.key, columns: groupColumns(groups), isUpdated: true },
    memberships && {
      ...memberships,
      by: memberships.account,
      columns: [memberships.account.sql, memberships.group.sql],
      isUpdated: accounts.key.source === 'login',
    },
  ];
  const problems: ShapeProblem[] = [];
  for (const table of tables) {
    const problem = table && (await tryTable(session, table));
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

function groupColumns(groups: NonNullable<Layout['groups']>): string[] {
  const { key, externalId, name } = groups;
  const ids = [
    ...(key.source === 'object-id' ? [key] : []),
    ...(externalId === undefined ? [] : [externalId]),
  ];
  return [...ids.map(({ sql }) => sql), name.sql, ...extras(groups)];
}

function extras({ updatedAt, constants }: Layout['accounts'] | NonNullable<Layout['groups']>): string[] {
  return [...(updatedAt === undefined ? [] : [updatedAt]), ...constants.map(({ sql }) => sql)];
}

async function tryTable(session: Session, tried: TriedTable): Promise<ShapeProblem | undefined> {
  const { table, label, by, columns } = tried;
  const list = columns.join(', ');
  const same = columns.map((column) => `${column} = ${column}`).join(', ');
  const sample = by.holds === 'uuid' ? '00000000-0000-0000-0000-000000000000' : '0';
  const run =
    (sql: string): Trial['work'] =>
    (used) =>
      used.run(sql);
  const trials: Trial[] = [
    { right: 'SELECT', work: (used) => used.select(table, [by.sql, ...columns], by.sql, [sample]) },
    { right: 'INSERT', work: run(`INSERT INTO ${table} (${list}) SELECT ${list} FROM ${table} WHERE 1 = 0`) },
    { right: 'UPDATE', work: run(`UPDATE ${table} SET ${same} WHERE 1 = 0`) },
    { right: 'DELETE', work: run(`DELETE FROM ${table} WHERE 1 = 0`) },
  ];
  const refused: string[] = [];
  let reason: string | undefined;
  for (const { right, work } of trials) {
    if (right === 'UPDATE' && !tried.isUpdated) continue;
    const message = await tryOut(session, work);
    if (message === undefined) continue;
    refused.push(right);
    reason ??= message;
  }
  if (reason === undefined) return undefined;
  const rights = refused.join(', ');
  return {
    what: `The database does not let this user do ${rights} on ${label}: ${reason.replace(/\.$/, '')}.`,
    advice: `Grant the user of GESPAGE_SQL_URL ${rights} on ${label}.`,
  };
}

/** What the database says against some work, undefined where nothing. */
async function tryOut(session: Session, work: Trial['work']): Promise<string | undefined> {
  await session.run('SAVEPOINT trial');
  const message = await work(session).then(
    () => undefined,
    (error: unknown) => errorProperty(error, 'message') || 'no reason given',
  );
  // A lost connection shows here.
  await session.run('ROLLBACK TO SAVEPOINT trial');
  await session.run('RELEASE SAVEPOINT trial');
  return message;
}
