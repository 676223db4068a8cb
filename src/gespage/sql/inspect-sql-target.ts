// Owns a look at the tables of a SQL target that changes nothing: for the check of a set-up.
import { connect, type SqlTargetOptions } from './connection.ts';
import type { ShapeProblem } from './find-columns.ts';
import { inspectShape } from './shape.ts';
import { standardMapping } from './table-mapping.ts';

export interface Inspection {
  /** What keeps this product from writing, each with what to do. */
  readonly problems: readonly ShapeProblem[];
  /** What is good to know. */
  readonly notes: readonly string[];
  /** Tables of this product's own that do not exist yet. */
  readonly missing: readonly string[];
}

/** @throws Error when the database cannot be reached; the message says what to do. */
export async function inspectSqlTarget(options: SqlTargetOptions): Promise<Inspection> {
  const { fields, mapping = standardMapping } = options;
  const connection = connect(options);
  try {
    const { findings, missing } = await connection.inTransaction((engine, session) =>
      inspectShape(engine, session, mapping, fields),
    );
    return { ...findings, missing };
  } finally {
    await connection.close();
  }
}
