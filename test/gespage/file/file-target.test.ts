// Owns the proof of the file target: what stands in the file, when it is written, and that it is never seen half.
import { existsSync, readdirSync, symlinkSync, lstatSync, mkdirSync } from 'node:fs';
import { chmod, readFile, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { longestWaitMs, quietMs } from '../../../src/gespage/file/create-file-target.ts';
import { publishInThread } from '../../../src/gespage/file/publish-in-thread.ts';
import { publishFile } from '../../../src/gespage/file/publish.ts';
import { idOf, makeAccount, makeBatch, makeGroup } from '../fixtures.ts';
import { makeFileKit, makeFolder } from './file-kit.ts';
import { readCsv, readXlsx } from './read-back.ts';

const ann = makeAccount(1, 'ann', {
  fields: { displayName: 'Ann Lee', firstName: 'Ann', lastName: 'Lee', cardNumber: '00042' },
  groups: [8, 9],
});
const bob = makeAccount(2, 'bob', { enabled: false });
const groups = [makeGroup(8, 'Staff'), makeGroup(9, 'Pupils')];
const header =
  'login last_name first_name display_name email card_number enabled group_names external_id'.split(' ');
const rows = [
  header,
  ['ann', 'Lee', 'Ann', 'Ann Lee', '', '00042', '1', 'Pupils;Staff', idOf(1)],
  ['bob', '', '', '', '', '', '0', '', idOf(2)],
];

describe('the file', () => {
  it.each(['accounts.csv', 'accounts.xlsx', 'Accounts.XLSX'])(
    'has one row an account, in the order of logins: %s',
    async (name) => {
      const { target, apply, publish, path } = makeFileKit({ name });
      await target.open();
      await apply({ accounts: [bob, ann], groups });
      expect(await publish()).toBeUndefined();
      expect(await (name.endsWith('csv') ? readCsv(path) : readXlsx(path))).toEqual(rows);
    },
  );

  it('has the columns, headers, words, delimiter and encoding of the mapping file', async () => {
    const format = {
      delimiter: ',',
      encoding: 'windows-1252',
      columns: { enabled: 'Actif', login: 'Identifiant', displayName: 'Nom affiché' },
      enabled: ['oui', 'non'],
    };
    const { target, apply, publish, path } = makeFileKit({ format });
    await target.open();
    await apply({ accounts: [makeAccount(1, 'zoë', { fields: { displayName: 'Zoë, €' } }), bob] });
    await publish();
    expect(await readFile(path)).toEqual(
      Buffer.from('Actif,Identifiant,Nom affich\xe9\r\nnon,bob,\r\noui,zo\xeb,"Zo\xeb, \x80"\r\n', 'latin1'),
    );
    expect(await readCsv(path, { delimiter: ',', encoding: 'windows-1252' })).toHaveLength(3);
  });

  it('leaves disabled people out where that is wanted', async () => {
    const { target, apply, publish, path } = makeFileKit({ format: { includeDisabled: false } });
    await target.open();
    await apply({ accounts: [ann, bob], groups });
    await publish();
    expect(await readCsv(path)).toEqual(rows.slice(0, 2));
  });

  it('says ? for what windows-1252 cannot express, leaves out a login that it cannot, and reports both', async () => {
    const { target, apply, publish, path, log } = makeFileKit({ format: { encoding: 'windows-1252' } });
    await target.open();
    const lukasz = makeAccount(3, 'lukasz', { fields: { firstName: 'Łukasz' } });
    await apply({ accounts: [ann, lukasz, makeAccount(4, 'łucja')], groups });
    await publish();
    const read = await readCsv(path, { encoding: 'windows-1252' });
    expect(read.map((row) => [row[0], row[2]])).toEqual([
      ['login', 'first_name'],
      ['ann', 'Ann'],
      ['lukasz', '?ukasz'],
    ]);
    const warnings = log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields);
    expect(warnings).toMatchObject([
      { people: 1, first: [idOf(3)] },
      { people: 1, first: [idOf(4)] },
    ]);
  });

  it('makes formulas harmless in CSV, and leaves them alone in XLSX, where every cell is a text [pitfall 28]', async () => {
    const evil = makeAccount(1, 'ann', { fields: { displayName: '=cmd|calc', firstName: '@SUM(A1)' } });
    const csv = makeFileKit();
    const xlsx = makeFileKit({ name: 'a.xlsx' });
    for (const kit of [csv, xlsx]) {
      await kit.target.open();
      await kit.apply({ accounts: [evil] });
      await kit.publish();
    }
    expect((await readCsv(csv.path))[1]?.slice(2, 4)).toEqual(["'@SUM(A1)", "'=cmd|calc"]);
    expect((await readXlsx(xlsx.path))[1]?.slice(2, 4)).toEqual(['@SUM(A1)', '=cmd|calc']);
  });

  it('cuts groups that do not fit an XLSX cell at a whole name, and says so', async () => {
    const many = Array.from({ length: 200 }, (_, index) =>
      makeGroup(100 + index, `${index}`.padStart(400, 'g')),
    );
    const { target, apply, publish, path, log } = makeFileKit({ name: 'a.xlsx' });
    await target.open();
    const member = makeAccount(1, 'ann', { groups: many.map((_, index) => 100 + index) });
    await apply({ groups: many, accounts: [member] });
    await publish();
    const names = (await readXlsx(path))[1]?.[7]?.split(';') ?? [];
    expect(names).toHaveLength(81);
    expect(names.every((name) => name.length === 400)).toBe(true);
    expect(log.lines.at(-1)).toMatchObject({ level: 'warn', fields: { people: 1, first: [idOf(1)] } });
  });

  it('follows changes: renamed, disabled, removed, another group name', async () => {
    const { target, apply, publish, path } = makeFileKit();
    await target.open();
    await apply({ accounts: [ann, bob], groups });
    await publish();
    await apply({
      accounts: [{ ...ann, login: 'zoe', enabled: false }],
      removedAccounts: [idOf(2)],
      groups: [makeGroup(8, 'Teachers')],
    });
    await publish();
    expect((await readCsv(path)).slice(1)).toEqual([
      ['zoe', 'Lee', 'Ann', 'Ann Lee', '', '00042', '0', 'Pupils;Teachers', idOf(1)],
    ]);
  });
});

describe('when the file is written', () => {
  it('is never before the target was told that it holds everything; what is there stays as it is', async () => {
    const { target, apply, publish, path } = makeFileKit();
    await writeFile(path, 'from before');
    await target.open();
    await apply({ accounts: [ann], groups, isCurrent: false });
    expect(await publish()).toBeUndefined();
    expect(await readFile(path, 'utf8')).toBe('from before');
    await apply({ accounts: [bob] });
    await publish();
    expect(await readCsv(path)).toEqual(rows);
  });

  it('is not while a later change is only partly there', async () => {
    const { target, apply, publish, path } = makeFileKit();
    await target.open();
    await apply({ accounts: [ann, bob], groups });
    await publish();
    await apply({ accounts: [{ ...ann, login: 'zoe' }], isCurrent: false });
    await publish();
    expect(await readCsv(path)).toEqual(rows);
    await apply({});
    await publish();
    expect((await readCsv(path))[2]?.[0]).toBe('zoe');
  });

  it('is once for changes that come close together, after all is quiet', async () => {
    let made = 0;
    const { target, apply, clock, path } = makeFileKit({
      publish: (order) => {
        made += 1;
        return publishFile(order);
      },
    });
    await target.open();
    for (let number = 1; number <= 5; number += 1) {
      await apply({ accounts: [makeAccount(number, `user${number}`)] });
      expect(await target.publish?.()).toBe(quietMs);
      clock.now += quietMs - 1;
      expect(await target.publish?.()).toBe(1);
    }
    expect(existsSync(path)).toBe(false);
    clock.now += 1;
    expect(await target.publish?.()).toBeUndefined();
    expect(made).toBe(1);
    expect(await readCsv(path)).toHaveLength(6);
  });

  it('is after the longest wait, however many changes go on arriving', async () => {
    const { target, apply, clock } = makeFileKit();
    await target.open();
    const began = clock.now;
    for (let number = 1; ; number += 1) {
      await apply({ accounts: [makeAccount(number, `user${number}`)] });
      if ((await target.publish?.()) === undefined) break;
      clock.now += quietMs / 2;
    }
    expect(clock.now - began).toBe(longestWaitMs);
  });

  it('is not put off for as long as a clock was set back', async () => {
    const { target, apply, clock } = makeFileKit();
    await target.open();
    await apply({ accounts: [ann], groups });
    clock.now -= 3_600_000;
    expect(await target.publish?.()).toBe(quietMs);
  });

  it('is not where it holds these very rows already', async () => {
    const { target, apply, publish, path, log } = makeFileKit();
    await target.open();
    await apply({ accounts: [ann], groups });
    await publish();
    await utimes(path, 1, 1);
    await apply({});
    expect(await publish()).toBeUndefined();
    expect((await stat(path)).mtimeMs).toBe(1_000);
    expect(log.lines.filter(({ message }) => message === 'The file was written')).toHaveLength(1);
  });

  it.each(['deleted', 'edited by hand'])('is again where it was %s', async (what) => {
    const first = makeFileKit();
    await first.target.open();
    await first.apply({ accounts: [ann, bob], groups });
    await first.publish();
    if (what === 'deleted') await rm(first.path);
    else await writeFile(first.path, 'something else');
    await first.target.close();
    const { target, apply, publish, path } = makeFileKit({ folder: first.folder });
    await target.open();
    await apply({});
    await publish();
    expect(await readCsv(path)).toEqual(rows);
  });
});

describe('the replacement', () => {
  it('keeps the rights of the file that was there, and leaves nothing beside it', async () => {
    const { target, apply, publish, path, folder } = makeFileKit();
    await writeFile(path, 'old', { mode: 0o600 });
    await chmod(path, 0o664);
    await target.open();
    await apply({ accounts: [ann], groups });
    await publish();
    expect((await stat(path)).mode & 0o777).toBe(0o664);
    expect(readdirSync(folder).filter((name) => !name.startsWith('state-file.db'))).toEqual(['accounts.csv']);
  });

  it('goes through a link to what it leads to', async () => {
    const folder = makeFolder();
    const elsewhere = join(makeFolder(), 'real.csv');
    await writeFile(elsewhere, 'old');
    symlinkSync(elsewhere, join(folder, 'accounts.csv'));
    const { target, apply, publish, path } = makeFileKit({ folder });
    await target.open();
    await apply({ accounts: [ann, bob], groups });
    await publish();
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(await readCsv(elsewhere)).toEqual(rows);
  });

  it('that fails says why and what to do, leaves the old file, and is done at the next try', async () => {
    const { target, apply, publish, path, folder } = makeFileKit();
    await target.open();
    mkdirSync(path);
    await apply({ accounts: [ann, bob], groups });
    await expect(publish()).rejects.toThrow(
      `The file ${path} cannot be written: it is a folder. It stays as it was. Set GESPAGE_FILE_PATH`,
    );
    expect(readdirSync(folder)).not.toContain('.accounts.csv.part');
    await rmdir(path);
    expect(await publish()).toBeUndefined();
    expect(await readCsv(path)).toEqual(rows);
  });

  it('is done by a thread of its own in the service, with the same result and the same words', async () => {
    const { target, apply, publish, path } = makeFileKit({ publish: publishInThread });
    await target.open();
    mkdirSync(path);
    await apply({ accounts: [ann, bob], groups });
    await expect(publish()).rejects.toThrow('it is a folder');
    await rmdir(path);
    await publish();
    expect(await readCsv(path)).toEqual(rows);
  });
});

describe('what the target tells of itself', () => {
  it('is the position and the rows that it stores, after a restart too', async () => {
    const first = makeFileKit();
    await first.target.open();
    expect(await first.target.position()).toBeUndefined();
    const batch = makeBatch({ accounts: [ann, bob], groups, isCurrent: true });
    await first.target.apply(batch);
    await first.target.close();
    const { target } = makeFileKit({ folder: first.folder });
    await target.open();
    expect(await target.position()).toEqual(batch.to);
    expect((await target.holdings('', 100)).accounts).toEqual([ann, bob]);
  });
});
