// Owns the shape of the target database: creates what is this product's own, and names what is wrong with the rest.
import type { FieldName } from '../../accounts/model.ts';
import type { Engine, Session } from './engine.ts';
import { findLackingRights } from './rights.ts';
import type { Findings, ShapeProblem } from './find-columns.ts';
import type { Layout } from './layout.ts';
import { resolveLayout } from './resolve-layout.ts';
import { isKeyed, standardMapping, type TableMapping } from './table-mapping.ts';
import {
  ownRowTable,
  sideTables,
  standardTables,
  stateTable,
  type Table,
  tablesKey,
  userView,
} from './tables.ts';

/** Thrown with a message that is complete: what is wrong, and what to do. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
  readonly problems: readonly ShapeProblem[];

  constructor(problems: readonly ShapeProblem[], before = '') {
    super(before + problems.map(({ what, advice }) => `${what} ${advice}`).join(' '));
    this.problems = problems;
  }
}

export interface Shape {
  readonly layout: Layout | undefined;
  readonly findings: Findings;
  /** Tables and views that this product would still have to make. */
  readonly missing: readonly string[];
}

/** Creates the tables of our own, and the standard ones, that do not exist. In MySQL this ends the transaction. */
export async function createMissing(engine: Engine, session: Session, mapping: TableMapping): Promise<void> {
  for (const table of madeTables(mapping)) {
    if ((await session.describe(table)) === undefined) await session.run(engine.createTable(table));
  }
}

/**
 * Checks all tables, and makes the view of the standard ones.
 * @throws ShapeError that names everything that is wrong.
 */
export async function requireShape(
  engine: Engine,
  session: Session,
  mapping: TableMapping,
  fields: readonly FieldName[],
): Promise<Layout> {
  const { layout, findings } = await inspectShape(engine, session, mapping, fields);
  if (findings.problems.length > 0 || layout === undefined) throw new ShapeError(findings.problems);
  await noteTables(engine, session, layout);
  if (mapping === standardMapping && (await session.describe({ name: userView })) === undefined)
    await session.run(engine.createView());
  return layout;
}

/** Looks at everything and changes nothing. */
export async function inspectShape(
  engine: Engine,
  session: Session,
  mapping: TableMapping,
  fields: readonly FieldName[],
): Promise<Shape> {
  const findings: Findings = { problems: [], notes: [] };
  const missing: string[] = [];
  for (const table of madeTables(mapping)) {
    if ((await session.describe(table)) === undefined) missing.push(table.name);
  }
  const isThere = (name: string): boolean => !missing.includes(name);
  for (const table of sideTables(isKeyed(mapping)).filter(({ name }) => isThere(name)))
    await checkSideTable(session, table, findings);
  if (mapping === standardMapping && missing.some((name) => standardTables.some((one) => one.name === name)))
    return { layout: undefined, findings, missing };
  const layout = await resolveLayout(engine, session, mapping, fields, findings);
  if (layout !== undefined && findings.problems.length === 0) {
    if (isThere(stateTable) && isThere(ownRowTable)) await checkTables(session, layout, findings);
    findings.problems.push(...(await findLackingRights(session, layout)));
  }
  return { layout, findings, missing };
}

/** What this product makes where it is missing: with a mapping, nothing but its own. */
function madeTables(mapping: TableMapping): readonly Table[] {
  return [...(mapping === standardMapping ? standardTables : []), ...sideTables(isKeyed(mapping))];
}

async function checkSideTable(session: Session, table: Table, { problems }: Findings): Promise<void> {
  const names = new Set((await session.describe(table))?.columns.map(({ name }) => name));
  const lacking = table.columns.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  if (lacking.length === 0) return;
  problems.push({
    what: `The table ${table.name} lacks ${lacking.join(', ')}: it was not made for these tables.`,
    advice: otherPlace,
  });
}

const otherPlace =
  'Give this set-up a database or schema of its own (schema= in a PostgreSQL address), or, if the rows written so far ' +
  `are to be left as they are for good, drop ${ownRowTable} and ${stateTable}: then they can be adopted into the new set-up.`;

/** The list of our rows counts for one set of tables alone: elsewhere the same keys stand for rows of others. */
async function checkTables(session: Session, layout: Layout, { problems }: Findings): Promise<void> {
  const [noted] = await session.select(stateTable, ['ledger_id'], 'id', [tablesKey]);
  const wanted = describeKeys(layout);
  const written = noted === undefined ? standardKeys : String(noted.ledger_id);
  const isNew = noted === undefined && (await session.next(ownRowTable, 'external_id', '', 1)).length === 0;
  if (written === wanted || isNew) return;
  problems.push({
    what: `${ownRowTable} lists the rows that this product wrote into other tables (${written}; now it is ${wanted}).`,
    advice: otherPlace,
  });
}

async function noteTables(engine: Engine, session: Session, layout: Layout): Promise<void> {
  const wanted = describeKeys(layout);
  const noted = await session.select(stateTable, ['id'], 'id', [tablesKey]);
  if (wanted === standardKeys || noted.length > 0) return;
  const columns = ['id', 'ledger_id', 'revision', 'updated_at'];
  await session.insert(stateTable, columns, [[tablesKey, wanted, 0, engine.time(new Date())]]);
}

const standardKeys = describe(
  { label: 'gespage_account', key: { name: 'external_id' } },
  { label: 'gespage_group', key: { name: 'external_id' } },
);

function describeKeys({ accounts, groups }: Layout): string {
  return describe(accounts, groups);
}

interface Keyed {
  readonly label: string;
  readonly key: { readonly name: string };
}

/** As long as its column takes. */
function describe(...tables: readonly (Keyed | undefined)[]): string {
  const parts = tables.flatMap((one) => (one === undefined ? [] : `${one.label} by ${one.key.name}`));
  return parts.join(', ').slice(0, 255);
}
