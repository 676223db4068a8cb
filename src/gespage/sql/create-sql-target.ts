// Owns the SQL target as a whole: one address, one set of tables, one piece of work at a time.
import type { LedgerSource, Target } from '../target.ts';
import { fillTables, ledgerName } from './fill.ts';
import { connect, type SqlTargetOptions } from './connection.ts';
import type { Layout } from './layout.ts';
import { hasOwnRows } from './own-rows.ts';
import { readHoldings } from './holdings.ts';
import { createMissing, requireShape } from './shape.ts';
import { standardMapping } from './table-mapping.ts';
import { readPosition, writeBatch } from './write-batch.ts';

export type { SqlTargetOptions } from './connection.ts';

/**
 * A target that keeps the tables of a mapping, or the standard ones, in SQLite, PostgreSQL, MySQL or MariaDB. Connects
 * at its first work, and again after a failure; calls that overlap run one after the other.
 * @throws Error at once where the address cannot be read; later as `Target` says, with advice and no password.
 */
export function createSqlTarget(options: SqlTargetOptions): Target {
  const { fields, onceFields = [], mapping = standardMapping } = options;
  const connection = connect(options);
  const { location } = connection;
  const filling = { isOn: false };
  let layout: Layout | undefined;

  async function look(): Promise<Layout> {
    await connection.inTransaction((engine, session) => createMissing(engine, session, mapping));
    return (layout = await connection.inTransaction((engine, session) =>
      requireShape(engine, session, mapping, fields),
    ));
  }

  return {
    name: location.engine,
    open: async () => void (await look()),
    position: () =>
      connection.inTransaction(async (_, session) => {
        const position = await readPosition(session);
        // Rows may have been adopted before the first batch.
        filling.isOn = position === undefined && !(await hasOwnRows(session));
        return position;
      }),
    async apply(batch) {
      const known = layout ?? (await look());
      return connection.inTransaction(async (engine, session) => {
        const applied = await writeBatch(engine, session, batch, known, filling, onceFields);
        // Readers see a new target empty or whole.
        if (batch.isCurrent) filling.isOn = false;
        if (filling.isOn) engine.keepOpen?.();
        return applied;
      });
    },
    ...(location.engine === 'sqlite' &&
      mapping === standardMapping && {
        fill: (source: LedgerSource, at: Date) =>
          connection.beside(source.file, ledgerName, (engine, statements) =>
            fillTables(statements, source, fields, engine.time(at)),
          ),
      }),
    async holdings(after, limit) {
      const known = layout ?? (await look());
      return connection.inTransaction((_, session) => readHoldings(session, known, after, limit));
    },
    close: () => connection.close(),
  };
}
