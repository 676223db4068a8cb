// Owns the CSV form of the file: RFC 4180 with the site's delimiter, made of whole rows in pieces.
import { stringify } from 'csv-stringify/sync';
import { createEncoder, type Encoding } from './encoding.ts';
import { makeHarmless } from './formulas.ts';

export interface CsvFormat {
  readonly delimiter: string;
  readonly encoding: Encoding;
  readonly bom: boolean;
}

/** The file, piece by piece. The header is the first row. */
export function* writeCsv(
  rows: Iterable<readonly string[]>,
  { delimiter, encoding, bom }: CsvFormat,
): Generator<Buffer> {
  const { encode } = createEncoder(encoding);
  if (bom && encoding === 'utf-8') yield Buffer.from('\uFEFF');
  let piece: (readonly string[])[] = [];
  const take = (): Buffer => {
    const text = stringify(
      piece.map((row) => row.map(makeHarmless)),
      {
        delimiter,
        record_delimiter: '\r\n',
        quote_record_delimiter: true,
        // Readers differ in whether they keep spaces at the ends of a bare value.
        quoted_match: [/^\s|\s$/],
      },
    );
    piece = [];
    return encode(text);
  };
  for (const row of rows) {
    piece.push(row);
    if (piece.length === rowsToPiece) yield take();
  }
  if (piece.length > 0) yield take();
}
const rowsToPiece = 250;
