// Owns one publication: the staging database becomes the file, or the file is found to be right already.
import Database from 'better-sqlite3';
import type { FileColumn, FileFormat } from '../../accounts/file-format.ts';
import { writeCsv } from './csv.ts';
import { createEncoder } from './encoding.ts';
import { replaceFile, type Replaced } from './replace.ts';
import { type Losses, noLosses, readRows } from './rows.ts';
import { mostCharacters, writeXlsx } from './xlsx.ts';

/** Everything that the making of the file needs; passes to another thread as it is. */
export interface PublishOrder {
  /** Path of the staging database. */
  readonly staging: string;
  /** Of the file itself. */
  readonly path: string;
  readonly kind: FileKind;
  readonly format: FileFormat;
  readonly columns: readonly FileColumn[];
}

export type FileKind = 'csv' | 'xlsx';

export interface Published extends Replaced {
  readonly people: number;
  readonly losses: Losses;
}

export function kindOf(path: string): FileKind | undefined {
  const ending = /\.(csv|xlsx)$/i.exec(path)?.[1]?.toLowerCase();
  return ending as FileKind | undefined;
}

/** @throws Error as `replaceFile`, with advice. */
export async function publishFile(order: PublishOrder): Promise<Published> {
  const { kind, format, columns } = order;
  const database = new Database(order.staging, { readonly: true, fileMustExist: true });
  try {
    const losses = noLosses();
    const isCsv = kind === 'csv';
    const rules = {
      columns,
      format,
      canExpress: createEncoder(isCsv ? format.encoding : 'utf-8').canExpress,
      longest: isCsv ? Infinity : mostCharacters,
    };
    const counted = { rows: 0 };
    const rows = count(readRows(database, rules, losses), counted);
    const replaced = await replaceFile(order.path, isCsv ? writeCsv(rows, format) : writeXlsx(rows));
    return { ...replaced, people: counted.rows - 1, losses };
  } finally {
    database.close();
  }
}

function* count<T>(items: Iterable<T>, counted: { rows: number }): Generator<T> {
  for (const item of items) {
    counted.rows += 1;
    yield item;
  }
}
