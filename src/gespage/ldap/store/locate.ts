// Owns the way from a name to the entry that bears it.
import { keptUnder } from './names.ts';
import type { Writing } from './writing.ts';

export interface Located {
  readonly position: number;
  readonly kind: number;
  readonly groups: string;
}

/** `relative` is a normal form relative to the base. A person is found in the unit of the own department alone. */
export function locate(relative: string, sql: Writing['sql']): Located | undefined {
  const { key, unit } = keptUnder(relative);
  const select = 'SELECT position, kind, groups FROM entry WHERE key = ?';
  if (unit !== null)
    return sql(`${select} AND unit = (SELECT position FROM entry WHERE key = ?)`).get(key, unit) as
      Located | undefined;
  return sql(`${select} AND (unit IS NULL OR unit = position)`).get(key) as Located | undefined;
}
