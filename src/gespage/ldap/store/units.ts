// Owns the units of departments: made for the first person in one, and gone with the last.
import type { Account } from '../../../accounts/model.ts';
import { encodeOperational, encodeUnit } from './attributes.ts';
import { packEntry } from './encode.ts';
import { departmentName } from './names.ts';
import { kinds, lastFixedPosition } from './tables.ts';
import { uuidOf } from './uuid.ts';
import type { Writing } from './writing.ts';

export interface Unit {
  readonly position: number;
  /** In the spelling in which the department came first: all in the unit are named after it. */
  readonly name: string;
}

/** The unit in which somebody stands, made where it is missing; undefined for who stands directly under all people. */
export function unitOf(writing: Writing, { fields }: Account): Unit | undefined {
  const department = fields.department?.trim() ?? '';
  if (!writing.base.departments || department === '') return undefined;
  const place = departmentName(department);
  const known = writing.sql('SELECT position, name FROM entry WHERE key = ?').get(place.key) as
    Unit | undefined;
  return known ?? makeUnit(writing, department, place);
}

/** To be called at the end of a batch, since people may come into a unit that others have left. */
export function removeEmptyUnits(writing: Writing): void {
  if (!writing.base.departments) return;
  const remove = `DELETE FROM entry INDEXED BY entry_is_unit WHERE kind = ${kinds.unit} AND position > ${lastFixedPosition}
     AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.unit = entry.position AND e.kind <> ${kinds.unit})`;
  writing.sql(remove).run();
}

const insertUnit = `INSERT INTO entry(kind, key, name, packed, groups) VALUES (${kinds.unit}, ?, ?, ?, '')`;

function makeUnit(
  writing: Writing,
  department: string,
  { name, key }: ReturnType<typeof departmentName>,
): Unit {
  const { base, at } = writing;
  // Made of the key, so that it is the same in each spelling.
  const operational = encodeOperational(uuidOf(base.dnOf(key)), at, at);
  const { lastInsertRowid } = writing
    .sql(insertUnit)
    .run(key, name, packEntry(encodeUnit(department), operational));
  const position = Number(lastInsertRowid);
  writing.sql('UPDATE entry SET unit = position WHERE position = ?').run(position);
  return { position, name };
}
