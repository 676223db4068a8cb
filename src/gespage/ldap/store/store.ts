// Owns the directory as a whole: one writer, readers beside it, and the rule that nobody reads what was never whole.
import { statSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { Applied, ChangeBatch, Holdings, Position } from '../../target.ts';
import type { Directory } from '../directory.ts';
import { describeStoreFailure } from './describe-failure.ts';
import { readHoldings } from './holdings.ts';
import { type Base, createBase } from './names.ts';
import { createPins, type Pins } from './pins.ts';
import { lookupIndexes, openToWrite } from './tables.ts';
import { readPosition, writeBatch } from './write-batch.ts';
import { DirectoryUnavailable } from './unavailable.ts';
import { createStatements, createWriting, type Writing } from './writing.ts';

export interface StoreOptions {
  /** The SQLite file; made where it is missing. */
  readonly file: string;
  readonly baseDn: string;
  /** Whether people stand in units of their departments; no unless told. Once changed, the file is filled anew. */
  readonly departments?: boolean;
  readonly now: () => number;
  /**
   * Octets that may be kept beside the file for searches which hold old states, beyond which those are ended; 256 MiB
   * unless told.
   */
  readonly mostOld?: number;
}

/** Calls that write are not to overlap. All of them throw errors that say what to do. */
export interface Store {
  /** Can be read once a batch was the last one of a whole ledger, and from then on for good. */
  readonly directory: Directory;
  /** May be called again. */
  open(): void;
  position(): Position | undefined;
  apply(batch: ChangeBatch): Promise<Applied>;
  holdings(after: string, limit: number): Holdings;
  close(): void;
}

interface Opened {
  readonly database: Database.Database;
  readonly sql: Writing['sql'];
  readonly pins: Pins;
  isComplete: boolean;
}

export function createStore({
  file,
  baseDn,
  departments = false,
  now,
  mostOld = 2 ** 28,
}: StoreOptions): Store {
  const base: Base = createBase(baseDn, departments);
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

  function endOldStates({ database, pins }: Opened): void {
    const log = statSync(`${file}-wal`, { throwIfNoEntry: false });
    if (log === undefined || log.size < mostOld) return;
    pins.endAll();
    database.pragma('wal_checkpoint(TRUNCATE)');
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
      const used = open();
      const { database, sql, pins } = used;
      try {
        // The log beside the file begins anew only while no reader is on it.
        pins.advance();
        database.exec('BEGIN IMMEDIATE');
        const applied = await writeBatch(createWriting(sql, base, batch.at.getTime()), batch);
        const isFirstWhole = batch.isCurrent && !used.isComplete;
        if (isFirstWhole) {
          database.exec(lookupIndexes);
          sql('UPDATE state SET complete = 1').run();
        }
        database.exec('COMMIT');
        used.isComplete ||= isFirstWhole;
        pins.advance();
        endOldStates(used);
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
    close() {
      const closed = opened;
      opened = undefined;
      closed?.pins.close();
      closed?.database.close();
    },
  };
}
