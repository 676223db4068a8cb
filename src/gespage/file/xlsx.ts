// Owns the XLSX form of the file: one sheet of text cells, written as a stream, by ECMA-376 (Office Open XML).
//
// Every cell is a text, with the number format of texts: leading zeros of a card number stay, and nothing is a formula.
// The strings stand in the cells themselves, so that memory does not grow with the tenant.
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';

/** What one sheet takes, the header included. https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3 */
export const mostRows = 1_048_576;
/** Characters that one cell takes, in UTF-16 units; Excel calls a file with a longer one damaged. */
export const mostCharacters = 32_767;

const head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const relationships = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const packaging = 'http://schemas.openxmlformats.org/package/2006';
const types = 'application/vnd.openxmlformats-officedocument.spreadsheetml';

const parts: readonly (readonly [path: string, xml: string])[] = [
  [
    '[Content_Types].xml',
    `<Types xmlns="${packaging}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${types}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${types}.styles+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${types}.worksheet+xml"/></Types>`,
  ],
  [
    '_rels/.rels',
    `<Relationships xmlns="${packaging}/relationships"><Relationship Id="rId1" Type="${relationships}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
  ],
  [
    'xl/workbook.xml',
    `<workbook xmlns="${main}" xmlns:r="${relationships}"><sheets><sheet name="Accounts" sheetId="1" r:id="rId1"/></sheets></workbook>`,
  ],
  [
    'xl/_rels/workbook.xml.rels',
    `<Relationships xmlns="${packaging}/relationships"><Relationship Id="rId1" Type="${relationships}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="${relationships}/styles" Target="styles.xml"/></Relationships>`,
  ],
  [
    'xl/styles.xml',
    // Style 1 is the one of the cells: number format 49 is "@", text.
    `<styleSheet xmlns="${main}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>`,
  ],
];

/** The file, piece by piece; the same rows give the same bytes. The header is the first row. */
export async function* writeXlsx(rows: Iterable<readonly string[]>): AsyncGenerator<Buffer> {
  const zip = new ZipFile();
  // A constant, since a checksum tells whether anything changed; the earliest that a ZIP file can express.
  const options = { mtime: new Date(1980, 0, 1, 12), forceDosTimestamp: true };
  for (const [path, xml] of parts) zip.addBuffer(Buffer.from(head + xml), path, options);
  const sheet = Readable.from(writeSheet(rows), { objectMode: false });
  zip.addReadStream(sheet, 'xl/worksheets/sheet1.xml', options);
  zip.end();
  const output = zip.outputStream as Readable;
  // A failure while the rows are read is told to the zip file alone.
  zip.on('error', (error: Error) => output.destroy(error));
  sheet.on('error', (error) => output.destroy(error));
  for await (const piece of output) yield piece as Buffer;
}

function* writeSheet(rows: Iterable<readonly string[]>): Generator<Buffer> {
  let xml = `${head}<worksheet xmlns="${main}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`;
  let number = 0;
  for (const row of rows) {
    number += 1;
    if (number > mostRows)
      throw new Error(
        `An .xlsx sheet takes ${mostRows - 1} people and there are more. Let GESPAGE_FILE_PATH end in .csv, or narrow the scope.`,
      );
    xml += `<row r="${number}">`;
    for (const [index, value] of row.entries()) {
      if (value === '') continue;
      xml += `<c r="${columnLetters(index)}${number}" s="1" t="inlineStr"><is><t xml:space="preserve">${escapeText(value)}</t></is></c>`;
    }
    xml += '</row>';
    if (xml.length > pieceLength) {
      yield Buffer.from(xml);
      xml = '';
    }
  }
  yield Buffer.from(`${xml}</sheetData></worksheet>`);
}
const pieceLength = 65_536;

/** A to Z, then AA: there are fewer than 26 columns, but headers may come to more one day. */
function columnLetters(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : columnLetters(Math.floor(index / 26) - 1) + letter;
}

/**
 * What XML cannot hold, or would change, is written as `_xHHHH_`, and a text that looks like that too.
 * ECMA-376 part 1, 22.9.2.19 (ST_Xstring)
 */
function escapeText(text: string): string {
  if (!/[&<>_\u0000-\u0008\u000b-\u001f\ufffe\uffff\ud800-\udfff]/.test(text)) return text;
  return text
    .toWellFormed()
    .replace(/_(?=x[\dA-Fa-f]{4}_)/g, '_x005F_')
    .replace(/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/g, (character) => {
      const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
      return `_x${code}_`;
    })
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
