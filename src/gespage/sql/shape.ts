// Owns the shape of the target database: creates what is missing, and names what is wrong.
import type { FieldName } from '../../accounts/model.ts';
import type { Engine, Session } from './engine.ts';
import { accountTable, fieldColumns, type Table, tables, userView } from './tables.ts';

/** Thrown with a message that is complete: what is wrong, and what to do. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/**
 * Creates the tables and the view that do not exist, and checks those that do.
 * @throws ShapeError that names the columns which an existing table lacks, or which it wrongly insists on.
 */
export async function ensureShape(
  engine: Engine,
  session: Session,
  fields: readonly FieldName[],
): Promise<void> {
  for (const table of tables) {
    const existing = await session.columns(table.name);
    if (existing.length === 0) {
      await session.run(engine.createTable(table));
      continue;
    }
    const needed = neededColumns(table, fields);
    const names = new Set(existing.map((column) => column.name));
    const lacking = needed.filter((name) => !names.has(name));
    if (lacking.length > 0) {
      throw new ShapeError(
        `The table ${table.name} lacks ${lacking.join(', ')}. Add what is missing with ALTER TABLE, ` +
          'or rename the table and let this product create its own.',
      );
    }
    const insisted = existing.filter((column) => column.mustBeNamed && !needed.includes(column.name));
    if (insisted.length > 0) {
      throw new ShapeError(
        `The table ${table.name} has ${insisted.map((column) => column.name).join(', ')}, NOT NULL and without a default, ` +
          'which this product does not write, so no row could be added. Give the column a default or allow NULL.',
      );
    }
  }
  if ((await session.columns(userView)).length === 0) await session.run(engine.createView());
}

/** The columns that are written; fields that Gespage owns need not exist. */
function neededColumns(table: Table, fields: readonly FieldName[]): string[] {
  const names = table.columns.map((column) => column.name);
  if (table.name !== accountTable) return names;
  const written = new Set(fields.map((field) => fieldColumns[field].name));
  const others = new Set(Object.values(fieldColumns).map((column) => column.name));
  return names.filter((name) => written.has(name) || !others.has(name));
}
