// Owns the reading of made files by other libraries than those that made them.
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import readSheet from 'read-excel-file/node';

export interface CsvReading {
  readonly delimiter?: string;
  readonly encoding?: 'utf-8' | 'windows-1252';
}

/** The rows of a CSV file, as they stand. A byte order mark must be there in UTF-8, and is left out. */
export function readCsvBytes(
  bytes: Buffer,
  { delimiter = ';', encoding = 'utf-8' }: CsvReading = {},
): string[][] {
  const text = new TextDecoder(encoding, { ignoreBOM: true, fatal: true }).decode(bytes);
  return parse(text, { delimiter, bom: true, record_delimiter: '\r\n', relax_column_count: false });
}

export async function readCsv(path: string, reading: CsvReading = {}): Promise<string[][]> {
  return readCsvBytes(await readFile(path), reading);
}

/** The apostrophe before what looks like a formula is taken away again. */
export function withoutGuard(text: string): string {
  return /^''*[=+\-@\t\r\n＝＋－＠]/.test(text) ? text.slice(1) : text;
}

/** The rows of the only sheet; an empty cell is an empty text. */
export async function readXlsx(path: string): Promise<string[][]> {
  const [sheet] = await readSheet(path, { trim: false });
  return (sheet?.data ?? []).map((row) => row.map((cell) => (cell === null ? '' : String(cell))));
}
