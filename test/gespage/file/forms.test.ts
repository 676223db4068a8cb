// Owns the proof that any text survives the way into a file and out again, read by another library than the writer.
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { writeCsv } from '../../../src/gespage/file/csv.ts';
import { createEncoder } from '../../../src/gespage/file/encoding.ts';
import { makeHarmless } from '../../../src/gespage/file/formulas.ts';
import { mostCharacters, writeXlsx } from '../../../src/gespage/file/xlsx.ts';
import { readCsvBytes, readXlsx, withoutGuard } from './read-back.ts';

const folder = mkdtempSync(join(tmpdir(), 'gespage-forms-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function throughXlsx(rows: readonly (readonly string[])[]): Promise<string[][]> {
  const pieces: Buffer[] = [];
  for await (const piece of writeXlsx(rows)) pieces.push(piece);
  const path = join(folder, 'any.xlsx');
  await writeFile(path, Buffer.concat(pieces));
  return readXlsx(path);
}

function throughCsv(rows: readonly (readonly string[])[], delimiter = ';'): string[][] {
  const bytes = Buffer.concat([...writeCsv(rows, { delimiter, encoding: 'utf-8', bom: true })]);
  return readCsvBytes(bytes, { delimiter }).map((row) => row.map(withoutGuard));
}

const nasty = fc.constantFrom(
  ...['', ' ', '"', '""', "'", ';', ',', '\t', '|', '\r', '\n', '\r\n', '=1+1', '+33 1', '-5', '@SUM(A1)'],
  ...[
    "'=1",
    "''=1",
    "'",
    '＝1',
    '\uFEFF',
    '_x0041_',
    '_x005F_x0041_',
    '<a>&amp;',
    ']]>',
    '😀',
    'é',
    'e\u0301',
  ],
  ...[
    '007',
    '0012345678',
    '1e5',
    '2026-01-02',
    'TRUE',
    '\u0001',
    '\u001f',
    '\u007f',
    '\u0085',
    '\u2028',
    '\uffff',
  ],
);
/** What the tenant can give: no NUL and no half characters, which are taken out on the way in. */
const text = fc
  .oneof(
    nasty,
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.array(nasty, { maxLength: 6 }).map((parts) => parts.join('')),
  )
  .map((value) => value.replaceAll('\0', ''));
const table = fc
  .integer({ min: 1, max: 4 })
  .chain((width) =>
    fc.array(fc.array(text, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
  )
  // A row of nothing but empty cells at the end or the edge does not stand in the sheet.
  .map((rows) => [
    rows[0]?.map((_, index) => `header ${index}`) ?? [],
    ...rows.map((row) => row.with(0, `.${row[0]}`)),
  ]);

describe('a CSV file', () => {
  it('gives back every text, with each delimiter', () => {
    fc.assert(
      fc.property(table, fc.constantFrom(';', ',', '\t', '|'), (rows, delimiter) => {
        expect(throughCsv(rows, delimiter)).toEqual(rows);
      }),
      { numRuns: 500 },
    );
  });

  it('holds no cell that a spreadsheet would take for a formula, and two texts never become one', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(makeHarmless(one)).not.toMatch(/^[=+\-@\t\r\n＝＋－＠]/);
        expect(makeHarmless(one) === makeHarmless(other)).toBe(one === other);
        expect(withoutGuard(makeHarmless(one))).toBe(one);
      }),
    );
  });

  it('begins with a byte order mark only in UTF-8, and only where one is wanted', () => {
    const first = (bom: boolean, encoding: 'utf-8' | 'windows-1252') =>
      [...writeCsv([['a']], { delimiter: ';', encoding, bom })]
        .map((piece) => piece.toString('latin1'))
        .join('');
    expect(first(true, 'utf-8')).toBe('\xef\xbb\xbfa\r\n');
    expect(first(false, 'utf-8')).toBe('a\r\n');
    expect(first(true, 'windows-1252')).toBe('a\r\n');
  });
});

describe('windows-1252', () => {
  it('gives back every text that it can express, and a question mark for each character that it cannot', () => {
    const { encode, canExpress } = createEncoder('windows-1252');
    const decode = (bytes: Buffer): string => new TextDecoder('windows-1252').decode(bytes);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (value) => {
        const back = decode(encode(value));
        const composed = value.normalize('NFC');
        if (canExpress(value)) expect(back).toBe(composed);
        else expect(back).toHaveLength([...composed].length);
      }),
    );
    expect(decode(encode('Zoë €5 Œuvre — “x”'))).toBe('Zoë €5 Œuvre — “x”');
    expect(decode(encode('Łukasz 李'))).toBe('?ukasz ?');
    expect([canExpress('e\u0301'), canExpress('Ł')]).toEqual([true, false]);
  });
});

describe('an XLSX file', () => {
  it('gives back every text', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const wide = Math.max(...rows.map((row) => row.length));
        const back = await throughXlsx(rows);
        expect(back.map((row) => [...row, ...Array<string>(wide).fill('')].slice(0, wide))).toEqual(rows);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps leading zeros, and shows a formula as the text that it is', async () => {
    const rows = [
      ['card', 'name'],
      ['0000123', '=HYPERLINK("http://evil.example")'],
    ];
    expect(await throughXlsx(rows)).toEqual(rows);
  });

  it('takes the longest text that a cell takes', async () => {
    const rows = [['a'], ['x'.repeat(mostCharacters)]];
    expect(await throughXlsx(rows)).toEqual(rows);
  });

  it('has the same bytes for the same rows, whenever it is made', async () => {
    const make = async (): Promise<Buffer> => {
      const pieces: Buffer[] = [];
      for await (const piece of writeXlsx([['a'], ['b']])) pieces.push(piece);
      return Buffer.concat(pieces);
    };
    expect((await make()).equals(await make())).toBe(true);
  });

  it('fails as a whole where its rows fail', async () => {
    function* rows(): Generator<string[]> {
      yield ['a'];
      throw new Error('the rows ended early');
    }
    await expect(async () => {
      for await (const _ of writeXlsx(rows())) continue;
    }).rejects.toThrow('the rows ended early');
  });
});
