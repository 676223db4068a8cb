// Owns the proof that LibreOffice reads both files with the same data; where it is not installed, that is said.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { expect, it } from 'vitest';
import { makeAccount, makeGroup } from '../fixtures.ts';
import { makeFileKit } from './file-kit.ts';
import { readCsv, withoutGuard } from './read-back.ts';

const isThere = spawnSync('soffice', ['--version']).status === 0;
if (!isThere)
  console.warn('SKIPPED: the files read by LibreOffice, since there is no soffice on this machine.');

const accounts = [
  makeAccount(1, 'ann', {
    fields: { displayName: 'Änn "A" Lee; Ltd', firstName: '=1+1', lastName: '+33 1', cardNumber: '000042' },
    groups: [8, 9],
  }),
  makeAccount(2, 'bob', {
    enabled: false,
    fields: { displayName: '李 雷\nzweite Zeile', email: '@SUM(A1)' },
  }),
  makeAccount(3, 'zoë', {
    fields: { displayName: '<b>&amp;_x0041_', lastName: ' spaced ', cardNumber: '1e5' },
  }),
];
const groups = [makeGroup(8, 'Staff'), makeGroup(9, "L'équipe")];

/** 59: semicolon, 34: quotes, 76: UTF-8; every column as text, so that leading zeros of the CSV stay. */
const columns = Array.from({ length: 9 }, (_, index) => `${index + 1}/2`).join('/');

it.skipIf(!isThere).each(['accounts.csv', 'accounts.xlsx'])(
  '%s has the same data in LibreOffice',
  async (name) => {
    const { target, apply, publish, path, folder } = makeFileKit({ name });
    await target.open();
    await apply({ accounts, groups });
    await publish();
    const input = name.endsWith('csv')
      ? [`--infilter=Text - txt - csv (StarCalc):59,34,76,1,${columns}`]
      : [];
    const filter = 'csv:Text - txt - csv (StarCalc):59,34,76,1,,0,false,true,false';
    const out = join(folder, 'out');
    const run = spawnSync(
      'soffice',
      [
        `-env:UserInstallation=file://${folder}/profile`,
        '--headless',
        ...input,
        '--convert-to',
        filter,
        '--outdir',
        out,
        path,
      ],
      { encoding: 'utf8', timeout: 120_000 },
    );
    expect(run.status, run.stderr).toBe(0);
    const text = await readFile(join(out, 'accounts.csv'), 'utf8');
    // LibreOffice ends its lines as this system does.
    const read = parse(text, { delimiter: ';', bom: true, record_delimiter: '\n' });
    const plain = makeFileKit();
    await plain.target.open();
    await plain.apply({ accounts, groups });
    await plain.publish();
    const wanted = (await readCsv(plain.path)).map((row) => row.map(withoutGuard));
    expect(read.map((row) => row.map(withoutGuard))).toEqual(wanted);
  },
  130_000,
);
