// Owns what the writers of people and groups share: prepared statements, the moment, and which groups were touched.
import { setImmediate as pause } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import type { Base } from './names.ts';

export interface Writing {
  readonly base: Base;
  /** When this batch is written, ms. */
  readonly at: number;
  /** Keys of groups whose members changed: their entries say so once, at the end. */
  readonly touched: Set<number>;
  sql(text: string): Database.Statement;
  /** Rows of a statement that takes a list as JSON. */
  among<Row>(text: string, values: Iterable<string | number>): Row[];
  /** Does something for each, and lets readers have their turn in between: the server works in the same thread. */
  each<T>(items: Iterable<T>, work: (item: T) => void): Promise<void>;
}

const itemsBetweenPauses = 200;

export function createStatements(database: Database.Database): (text: string) => Database.Statement {
  const statements = new Map<string, Database.Statement>();
  return (text) => {
    const known = statements.get(text);
    if (known) return known;
    const made = database.prepare(text);
    statements.set(text, made);
    return made;
  };
}

export function createWriting(sql: (text: string) => Database.Statement, base: Base, at: number): Writing {
  return {
    base,
    at,
    touched: new Set(),
    sql,
    among: <Row>(text: string, values: Iterable<string | number>) => {
      const list = [...values];
      return list.length === 0 ? [] : (sql(text).all(JSON.stringify(list)) as Row[]);
    },
    async each(items, work) {
      let count = 0;
      for (const item of items) {
        work(item);
        count += 1;
        if (count % itemsBetweenPauses === 0) await pause();
      }
    },
  };
}

/** A list of group keys as `entry.groups` has it. */
export function joinKeys(keys: readonly number[]): string {
  return keys.length === 0 ? '' : `,${keys.join(',')},`;
}

export function splitKeys(text: string): number[] {
  return text === '' ? [] : text.slice(1, -1).split(',').map(Number);
}
