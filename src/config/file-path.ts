// Owns the reading of GESPAGE_FILE_PATH.
import { accept, refuse, type Parsed } from './parsed.ts';

/** The file that Gespage reads. */
export interface FileTarget {
  readonly path: string;
  readonly kind: 'csv' | 'xlsx';
}

/** The ending says what is written. */
export function parseFilePath(text: string): Parsed<FileTarget> {
  const kind = /[^/\\]\.(csv|xlsx)$/i.exec(text)?.[1]?.toLowerCase();
  if (kind === 'csv' || kind === 'xlsx') return accept({ path: text, kind });
  return refuse('must be the path of a file that ends in .csv or .xlsx, for example ./data/accounts.csv');
}
