// Owns the directory as a whole: one writer, readers beside it, and the rule that nobody reads what was never whole.
import type Database from 'better-sqlite3';
import type { Applied, ChangeBatch, Holdings, Position } from '../../target.ts';
import type { Directory } from '../directory.ts';
import { describeStoreFailure } from './describe-failure.ts';
import { readHoldings } from './holdings.ts';
import { type Base, createBase } from './names.ts';
import { createPins, DirectoryUnavailable, type Pins } from './pins.ts';
import { lookupIndexes, openToWrite } from './tables.ts';
import { readPosition, writeBatch } from './write-batch.ts';
import { createStatements, createWriting, type Writing } from './writing.ts';

export interface StoreOptions {
  /** The SQLite file; made where it is missing. */
  readonly file: string;
  readonly baseDn: string;
  readonly now: () => number;
}

/** Calls that write are not to overlap. All of them throw errors that say what to do. */
export interface Store {
  readonly directory: Directory;
  /** May be called again. */
  open(): void;
  position(): Position | undefined;
  apply(batch: ChangeBatch): Promise<Applied>;
  holdings(after: string, limit: number): Holdings;
  /** From now on the directory can be read: everything that the tenant has is in it. */
  completed(): void;
  close(): void;
}

interface Opened {
  readonly database: Database.Database;
  readonly sql: Writing['sql'];
  readonly pins: Pins;
  isComplete: boolean;
}

export function createStore({ file, baseDn, now }: StoreOptions): Store {
  const base: Base = createBase(baseDn);
  let opened: Opened | undefined;

  function open(): Opened {
    return (opened ??= inWords(() => {
      const database = openToWrite(file, base, now());
      const sql = createStatements(database);
      const isComplete = sql('SELECT complete FROM state').pluck().get() === 1;
      return { database, sql, pins: createPins(file, base), isComplete };
    }));
  }

  function inWords<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw describeStoreFailure(file, error);
    }
  }

  return {
    directory: {
      namingContexts: [base.dn],
      open() {
        if (!opened?.isComplete) {
          throw new DirectoryUnavailable(
            'The directory is being filled for the first time, and is served once it is complete.',
          );
        }
        return opened.pins.open();
      },
    },
    open: () => void open(),
    position: () => inWords(() => readPosition(open().sql)),
    async apply(batch) {
      const { database, sql, pins } = open();
      try {
        database.exec('BEGIN IMMEDIATE');
        const applied = await writeBatch(createWriting(sql, base, batch.at.getTime()), batch);
        database.exec('COMMIT');
        pins.advance();
        return applied;
      } catch (error) {
        if (database.open && database.inTransaction) database.exec('ROLLBACK');
        throw describeStoreFailure(file, error);
      }
    },
    holdings: (after, limit) =>
      inWords(() => {
        const { sql } = open();
        return readHoldings(createWriting(sql, base, 0), after, limit);
      }),
    completed() {
      const used = open();
      if (used.isComplete) return;
      inWords(() => {
        used.database.exec(lookupIndexes);
        used.sql('UPDATE state SET complete = 1').run();
      });
      used.pins.advance();
      used.isComplete = true;
    },
    close() {
      const closed = opened;
      opened = undefined;
      closed?.pins.close();
      closed?.database.close();
    },
  };
}
