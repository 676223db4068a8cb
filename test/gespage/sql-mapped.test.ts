// Owns the proof that tables of a site's own are looked at before they are written, and adopted row by row.
import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAdopter } from '../../src/gespage/sql/adopt.ts';
import { createSqlTarget } from '../../src/gespage/sql/create-sql-target.ts';
import { inspectSqlTarget } from '../../src/gespage/sql/inspect-sql-target.ts';
import { ShapeError } from '../../src/gespage/sql/shape.ts';
import type { TableMapping } from '../../src/gespage/sql/table-mapping.ts';
import { engines, type TestDatabase, type TestEngine } from './databases.ts';
import { idOf, makeAccount, makeBatch, makeGroup } from './fixtures.ts';
import { flatSite, numberedSite, type Site, sites, standardSite } from './sites.ts';

const fields = ['displayName', 'cardNumber'] as const;

async function open(engine: TestEngine, site: Site): Promise<TestDatabase> {
  const database = await engine.create();
  onTestFinished(() => database.drop());
  await site.create(database, engine.name);
  return database;
}

function targetOf(database: TestDatabase, mapping: TableMapping | undefined) {
  const target = createSqlTarget({ url: database.url, fields, mapping });
  onTestFinished(() => target.close());
  return target;
}

/** The numbered site with other parts of its accounts. */
function changed(parts: object): TableMapping {
  if (numberedSite.mapping === undefined) throw new Error('The site has a mapping.');
  return { ...numberedSite.mapping, accounts: { ...numberedSite.mapping.accounts, ...parts } };
}

describe.each(engines)('tables of a site in $name', (engine) => {
  const it = test.skipIf(engine.missing !== undefined);

  it('are not made where they are missing, and nothing else is', async () => {
    const database = await open(engine, standardSite);
    const target = targetOf(database, {
      ...changed({}),
      accounts: { ...changed({}).accounts, table: { name: 'absent' } },
    });
    await expect(target.open()).rejects.toThrow(
      /The table absent does not exist.*The table teams does not exist/,
    );
    await expect(database.query('SELECT * FROM absent')).rejects.toThrow();
    await expect(database.query('SELECT * FROM gespage_account')).rejects.toThrow();
  });

  it.each<[string, object, RegExp]>([
    [
      'a column that is not there',
      { login: 'Logon' },
      /The table users lacks Logon\..*The table has id, entra_id, login/,
    ],
    [
      'a type that cannot hold it',
      {
        fields: { displayName: { column: 'source', empty: null } },
        updatedAt: 'credit',
        constants: { name: 'x' },
      },
      /credit of users is of the type \S+, which cannot hold when a row was written/,
    ],
    [
      'a column that insists on a value',
      { constants: {} },
      /The table users has source, NOT NULL and without a default.*"constants"/,
    ],
    [
      'a constant that does not fit',
      { constants: { source: 'much too long' } },
      /"much too long" does not fit into the column source/,
    ],
    [
      'a flag in a type that does not say',
      { enabled: { column: 'entra_id' }, externalId: undefined },
      /entra_id/,
    ],
    [
      'a key that is not unique',
      { key: { column: 'credit', from: 'database' } },
      /no unique key on credit alone/,
    ],
    [
      'a key that nobody fills',
      { key: { column: 'login', from: 'database' }, login: 'name' },
      /login of users is not filled by the database/,
    ],
    [
      'a key too short for an object id',
      { key: { column: 'login', from: 'object-id' }, login: 'name', externalId: undefined },
      /login of users takes 20 characters, and an object id of Entra has 36/,
    ],
  ])('with %s are refused with what to do, before anything is written', async (_, parts, message) => {
    const database = await open(engine, numberedSite);
    const mapping = changed(parts);
    const found = await inspectSqlTarget({ url: database.url, fields: ['displayName'], mapping });
    expect(found.problems.map(({ what, advice }) => `${what} ${advice}`).join(' ')).toMatch(message);
    await expect(database.query('SELECT * FROM gespage_sync_row')).rejects.toThrow();
    await expect(targetOf(database, mapping).open()).rejects.toThrow(message);
  });

  test.runIf(engine.name === 'postgres' && engine.missing === undefined)(
    'name the rights that the user lacks, and have tried them out on nothing',
    async () => {
      const database = await open(engine, numberedSite);
      await numberedSite.insert(database, engine.name, 'root', 'By Hand');
      const { url, name } = await withoutSuperpowers(database);
      await database.query(`REVOKE UPDATE, DELETE ON users FROM ${name}`);
      await database.query(`REVOKE INSERT ON user_teams FROM ${name}`);
      const { problems } = await inspectSqlTarget({
        url,
        fields,
        mapping: numberedSite.mapping,
      });
      expect(problems.map(({ advice }) => advice)).toEqual([
        'Grant the user of GESPAGE_SQL_URL UPDATE, DELETE on users.',
        'Grant the user of GESPAGE_SQL_URL INSERT on user_teams.',
      ]);
      expect(await database.query('SELECT login FROM users')).toEqual([{ login: 'root' }]);
    },
  );

  it('refuse a value that is too long, no number, or absent, for its person alone', async () => {
    const database = await open(engine, numberedSite);
    const mapping = changed({
      fields: { displayName: { column: 'name', empty: null }, cardNumber: { column: 'credit', empty: null } },
    });
    const target = targetOf(database, mapping);
    await target.open();
    const person = (number: number, displayName: string | null, cardNumber: string | null) =>
      makeAccount(number, `p${number}`, { fields: { displayName, cardNumber } });
    const { refused, upserted } = await target.apply(
      makeBatch({
        accounts: [
          person(1, 'Ann', '4711'),
          person(2, 'Bob', 'x1'),
          person(3, 'Carl', '0815'),
          person(4, null, '1'),
          person(5, 'nine long', '1'),
          person(6, 'Eve', '99999999999999999999'),
          makeAccount(7, 'x'.repeat(21), { fields: { displayName: 'Max' } }),
          person(8, '12345678', '-5'),
        ],
      }),
    );
    expect(
      refused.map(({ externalId, reason }) => [Number(externalId.slice(-2)), reason.split('.')[0]]),
    ).toEqual([
      [2, 'credit is no whole number without leading zeros, and its column takes nothing else'],
      [3, 'credit is no whole number without leading zeros, and its column takes nothing else'],
      [4, 'name is empty, and its column takes no NULL'],
      [5, 'name is 9 characters long, and its column takes 8'],
      [6, expect.stringContaining('credit is outside of what its column takes')],
      [7, 'login is 21 characters long, and its column takes 20'],
    ]);
    expect(upserted).toBe(2);
    expect((await target.holdings('', 10)).accounts.map((one) => one.fields.cardNumber)).toEqual([
      '4711',
      '-5',
    ]);
    const again = makeBatch({ accounts: [person(1, 'Ann', '4711'), person(8, '12345678', '-5')] });
    expect(await target.apply(again)).toEqual({ upserted: 0, removed: 0, refused: [] });
  });

  it('tell what they hold as it was written', async () => {
    for (const site of sites) {
      const database = await open(engine, site);
      const target = targetOf(database, site.mapping);
      await target.open();
      const groups = site.hasGroups ? [8] : [];
      const accounts = [
        makeAccount(1, 'ann', { fields: { displayName: 'Ann' }, groups }),
        makeAccount(2, 'bob', { enabled: !site.hasFlag }),
      ];
      const batch = makeBatch({ groups: [makeGroup(8, 'Staff')], accounts });
      expect((await target.apply(batch)).refused).toEqual([]);
      await site.insert(database, engine.name, 'root', 'By Hand');
      const held = await target.holdings('', 10);
      expect(
        [...held.accounts].sort((a, b) => a.login.localeCompare(b.login)),
        site.name,
      ).toEqual(accounts);
      expect(held.groups).toEqual(site.hasGroups ? [makeGroup(8, 'Staff')] : []);
      await target.close();
    }
  });

  it('do not share the bookkeeping of other tables', async () => {
    const database = await open(engine, numberedSite);
    await flatSite.create(database, engine.name);
    const first = targetOf(database, numberedSite.mapping);
    await first.open();
    await first.apply(makeBatch({ accounts: [makeAccount(1, 'ann')] }));
    const failure: unknown = await targetOf(database, flatSite.mapping)
      .open()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ShapeError);
    expect(String(failure)).toMatch(
      /other tables \(users by id, teams by id; now it is Print Users by Login\)/,
    );
    await expect(targetOf(database, undefined).open()).rejects.toThrow('gespage_sync_row');
  });

  it('a number that another row got after ours was deleted by hand makes nobody the owner of that row', async () => {
    const database = await open(engine, numberedSite);
    const target = targetOf(database, numberedSite.mapping);
    await target.open();
    await target.apply(makeBatch({ accounts: [makeAccount(1, 'ann')] }));
    await database.query("UPDATE users SET login = 'other', entra_id = NULL");
    const before = await database.query('SELECT * FROM users');
    await target.apply(makeBatch({ accounts: [makeAccount(1, 'ann', { enabled: false })] }));
    const rows = await database.query('SELECT * FROM users ORDER BY id');
    expect(rows.slice(0, 1)).toEqual(before);
    expect(rows[1]).toMatchObject({ login: 'ann', entra_id: idOf(1) });
    await target.apply(makeBatch({ removedAccounts: [idOf(1)] }));
    expect(await database.query('SELECT * FROM users')).toEqual(before);
  });

  it('adopt a row of the standard tables with its key and its memberships', async () => {
    const database = await open(engine, standardSite);
    const target = targetOf(database, undefined);
    await target.open();
    const ann = makeAccount(1, 'ann', { fields: { displayName: 'Ann' }, groups: [8] });
    await target.apply(makeBatch({ groups: [makeGroup(8, 'Staff')] }));
    await standardSite.insert(database, engine.name, 'ann', 'Old');
    await standardSite.insert(database, engine.name, 'root', 'By Hand');
    await database.query(`INSERT INTO gespage_membership VALUES ('by hand ann', '${idOf(8)}')`);
    expect((await target.apply(makeBatch({ accounts: [ann] }))).refused[0]?.reason).toContain(
      'gespage-sync adopt',
    );

    const adopter = createAdopter({ url: database.url, fields });
    onTestFinished(() => adopter.close());
    const plan = await adopter.plan([ann], undefined);
    expect(plan).toMatchObject({
      by: 'login',
      matches: [
        {
          key: 'by hand ann',
          externalId: idOf(1),
          changes: [
            { column: 'external_id', before: 'by hand ann', after: idOf(1) },
            { column: 'display_name', before: 'Old', after: 'Ann' },
          ],
        },
      ],
      unknownRows: [{ key: 'by hand root', login: 'root' }],
    });
    expect(await adopter.take(plan)).toEqual({ adopted: [idOf(1)], failed: [] });
    // Taken a second time, for instance by an operator beside another one.
    expect((await adopter.take(plan)).failed[0]?.reason).toContain('changed since they were compared');
    expect(await target.apply(makeBatch({ accounts: [ann] }))).toEqual({
      upserted: 1,
      removed: 0,
      refused: [],
    });
    const seen = await standardSite.see(database, engine.name);
    expect([...seen.accounts]).toEqual([
      [idOf(1), { login: 'ann', name: 'Ann', enabled: true, groups: [idOf(8)] }],
    ]);
    expect(seen.foreign).toEqual([['root', 'By Hand']]);
  });

  it('adopted before the first batch are not written a second time', async () => {
    const database = await open(engine, numberedSite);
    await numberedSite.insert(database, engine.name, 'old-ann', 'Ann');
    const ann = makeAccount(1, 'ann', { fields: { displayName: 'ANN' } });
    const mapping = changed({ externalId: undefined });
    const adopter = createAdopter({ url: database.url, fields, mapping });
    onTestFinished(() => adopter.close());
    expect(await adopter.take(await adopter.plan([ann], 'name'))).toMatchObject({ adopted: [idOf(1)] });
    const target = targetOf(database, mapping);
    await target.open();
    expect(await target.position()).toBeUndefined();
    await target.apply(makeBatch({ accounts: [ann, makeAccount(2, 'bob')] }));
    const rows = await database.query('SELECT login, name FROM users ORDER BY id');
    expect(rows).toEqual([
      { login: 'ann', name: 'ANN' },
      { login: 'bob', name: '' },
    ]);
  });
});

/** The user of the tests, or, where nothing can be taken from that one, a user made for this test. */
async function withoutSuperpowers(database: TestDatabase): Promise<{ url: string; name: string }> {
  const [row] = await database.query('SELECT rolsuper, rolname FROM pg_roles WHERE rolname = CURRENT_USER');
  if (row?.['rolsuper'] !== true) return { url: database.url, name: 'CURRENT_USER' };
  const url = new URL(database.url);
  const schema = url.searchParams.get('schema') ?? '';
  [url.username, url.password] = [`limited_${schema}`, randomUUID()];
  const name = url.username;
  await database.query(`CREATE ROLE ${name} LOGIN PASSWORD '${url.password}'`);
  onTestFinished(async () => {
    await database.query(`DROP OWNED BY ${name}`);
    await database.query(`DROP ROLE ${name}`);
  });
  await database.query(`GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${name}`);
  await database.query(`GRANT ALL ON ALL TABLES IN SCHEMA ${schema} TO ${name}`);
  return { url: url.href, name };
}
