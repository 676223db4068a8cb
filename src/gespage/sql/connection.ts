// Owns the connection to a SQL target: one engine, one transaction at a time, failures in words.
import type { FieldName } from '../../accounts/model.ts';
import { describeFailure } from './describe-failure.ts';
import type { Engine, Patience, Session, Statements } from './engine.ts';
import { ShapeError } from './shape.ts';
import { parseSqlUrl, type SqlLocation } from './sql-url.ts';
import type { TableMapping } from './table-mapping.ts';

export interface SqlTargetOptions {
  /** As in `parseSqlUrl`. */
  readonly url: string;
  /** The fields that this product writes; the columns of the others are never named in a statement that writes. */
  readonly fields: readonly FieldName[];
  /** Those of them that are written with a new row alone; none unless told. */
  readonly onceFields?: readonly FieldName[];
  /** The names of tables and columns; the standard ones unless told. */
  readonly mapping?: TableMapping | undefined;
  /** When a server counts as hung; 5 s to connect and 30 s a statement unless told. */
  readonly patience?: Patience;
}

export interface Connection {
  readonly location: SqlLocation;
  /** Runs after all work that was asked for before. */
  inTransaction<T>(work: (engine: Engine, session: Session) => Promise<T>): Promise<T>;
  /** `Engine.beside`; undefined where the engine has no such thing, or where it refused the data. */
  beside<T>(
    file: string,
    name: string,
    work: (engine: Engine, statements: Statements) => T,
  ): Promise<T | undefined>;
  close(): Promise<void>;
}

/**
 * Connects at the first work, and again after a failure.
 * @throws Error at once where the address cannot be read; later with advice and no password.
 */
export function connect(options: SqlTargetOptions): Connection {
  const { patience = { connect: 5_000, statement: 30_000 } } = options;
  const location = parseSqlUrl(options.url);
  let engine: Engine | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  }

  return {
    location,
    inTransaction: (work) =>
      inTurn(async () => {
        try {
          const used = (engine ??= await createEngine(location, patience));
          return await used.transaction((session) => work(used, session));
        } catch (error) {
          if (error instanceof ShapeError)
            throw new ShapeError(error.problems, `The Gespage database ${location.label}: `);
          throw describeFailure(location, error);
        }
      }),
    beside: (file, name, work) =>
      inTurn(async () => {
        const used = (engine ??= await createEngine(location, patience));
        try {
          return await used.beside?.(file, name, (statements) => work(used, statements));
        } catch (error) {
          if (used.dataError(error) !== undefined) return undefined;
          throw describeFailure(location, error);
        }
      }),
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
