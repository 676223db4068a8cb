// Owns the SQL target as a whole: one address, one engine, one piece of work at a time.
import type { FieldName } from '../../accounts/model.ts';
import type { Target } from '../target.ts';
import { describeFailure } from './describe-failure.ts';
import type { Engine, Patience, Session } from './engine.ts';
import { readHoldings } from './holdings.ts';
import { ensureShape, ShapeError } from './shape.ts';
import { parseSqlUrl, type SqlLocation } from './sql-url.ts';
import { readPosition, writeBatch } from './write-batch.ts';

export interface SqlTargetOptions {
  /** As in `parseSqlUrl`. */
  readonly url: string;
  /** The fields that this product writes; the columns of the others are never named in a statement that writes. */
  readonly fields: readonly FieldName[];
  /** When a server counts as hung; 5 s to connect and 30 s a statement unless told. */
  readonly patience?: Patience;
}

/**
 * A target that keeps the standard tables in SQLite, PostgreSQL, MySQL or MariaDB. Connects at its first work,
 * and again after a failure; calls that overlap run one after the other.
 * @throws Error at once where the address cannot be read; later as `Target` says, with advice and no password.
 */
export function createSqlTarget(options: SqlTargetOptions): Target {
  const { fields, patience = { connect: 5_000, statement: 30_000 } } = options;
  const location = parseSqlUrl(options.url);
  const filling = { isOn: false };
  let engine: Engine | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  }

  function inTransaction<T>(work: (engine: Engine, session: Session) => Promise<T>): Promise<T> {
    return inTurn(async () => {
      try {
        const used = (engine ??= await createEngine(location, patience));
        return await used.transaction((session) => work(used, session));
      } catch (error) {
        if (error instanceof ShapeError)
          throw new ShapeError(`The Gespage database ${location.label}: ${error.message}`);
        throw describeFailure(location, error);
      }
    });
  }

  return {
    name: location.engine,
    open: () => inTransaction((used, session) => ensureShape(used, session, fields)),
    position: () =>
      inTransaction(async (_, session) => {
        const position = await readPosition(session);
        filling.isOn = position === undefined;
        return position;
      }),
    apply: (batch) =>
      inTransaction(async (used, session) => {
        const applied = await writeBatch(used, session, batch, fields, filling);
        // Readers see a new target empty or whole.
        if (batch.isCurrent) filling.isOn = false;
        if (filling.isOn) used.keepOpen?.();
        return applied;
      }),
    holdings: (after, limit) => inTransaction((_, session) => readHoldings(session, fields, after, limit)),
    close: () =>
      inTurn(async () => {
        const closed = engine;
        engine = undefined;
        await closed?.close();
      }),
  };
}

/** Loads the one driver that is needed; the other two cost time and memory. */
async function createEngine(location: SqlLocation, patience: Patience): Promise<Engine> {
  switch (location.engine) {
    case 'sqlite':
      return (await import('./sqlite.ts')).createSqliteEngine(location.path, patience);
    case 'postgres':
      return (await import('./postgres.ts')).createPostgresEngine(location.url, location.schema, patience);
    case 'mysql':
      return (await import('./mysql.ts')).createMysqlEngine(location, patience);
  }
}
