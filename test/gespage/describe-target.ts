// Owns the behaviour that every SQL engine shows alike.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FieldName } from '../../src/accounts/model.ts';
import { createSqlTarget } from '../../src/gespage/sql/create-sql-target.ts';
import type { ChangeBatch, Target } from '../../src/gespage/target.ts';
import type { Rows, TestDatabase, TestEngine } from './databases.ts';
import { firstMoment, idOf, laterMoment, makeAccount, makeBatch, makeGroup } from './fixtures.ts';

const writtenFields: readonly FieldName[] = ['displayName', 'firstName', 'lastName', 'email', 'department'];

/** Runs the whole suite against one engine, or skips it where the engine is not there. */
export function describeTarget(engine: TestEngine): void {
  describe.skipIf(engine.missing !== undefined)(`a ${engine.name} target`, () => {
    let database: TestDatabase;
    let target: Target;

    beforeEach(async () => {
      database = await engine.create();
      target = createSqlTarget({ url: database.url, fields: writtenFields });
      await target.open();
    });
    afterEach(async () => {
      await target.close();
      await database.drop();
    });

    const apply = (parts: Partial<ChangeBatch>) => target.apply(makeBatch(parts));
    /** `login` by id, in the order of ids. */
    const readLogins = async () => {
      const rows = await database.query(
        'SELECT external_id, login FROM gespage_account ORDER BY external_id',
      );
      return Object.fromEntries(rows.map((row) => [Number(String(row.external_id).slice(-12)), row.login]));
    };
    const readMemberships = async () => {
      const rows = await database.query('SELECT account_id, group_id FROM gespage_membership');
      return rows
        .map((row) => [row.account_id, row.group_id].map((id) => Number(String(id).slice(-12))).join('-'))
        .sort();
    };
    const readOne = async (table: string, number: number) =>
      (await database.query(`SELECT * FROM ${table} WHERE external_id = '${idOf(number)}'`))[0];
    const insertByHand = (number: number, login: string) =>
      database.query(
        `INSERT INTO gespage_account (external_id, login, display_name, enabled, updated_at)
         VALUES ('${idOf(number)}', '${login}', 'By Hand', ${engine.name === 'postgres' ? 'true' : '1'}, '2001-01-01 00:00:00')`,
      );
    const isOn = (row: Rows[number] | undefined) => Boolean(row?.enabled);
    const momentOf = (row: Rows[number] | undefined) =>
      new Date(row?.updated_at as string | Date).toISOString();

    describe('what it holds', () => {
      test('is told page by page: our rows with their groups, and nothing of others', async () => {
        const fields = { displayName: 'Ann Lee', email: 'ann@example.com' };
        const ann = makeAccount(1, 'ann', { fields, groups: [8, 9] });
        const bob = makeAccount(2, 'bob', { enabled: false });
        await apply({ groups: [makeGroup(8, 'Staff'), makeGroup(9, 'Pupils')], accounts: [ann, bob] });
        await insertByHand(3, 'carl');
        const pages = [];
        for (let after: string | undefined = ''; after !== undefined;) {
          const page = await target.holdings(after, 1);
          pages.push(page);
          after = page.last;
        }
        expect(pages.flatMap((page) => page.accounts)).toEqual([ann, bob]);
        expect(pages.flatMap((page) => page.groups)).toEqual([makeGroup(8, 'Staff'), makeGroup(9, 'Pupils')]);
        expect((await target.holdings('', 100)).accounts).toHaveLength(2);
      });

      test('leaves out a row that was deleted by hand', async () => {
        await apply({ accounts: [makeAccount(1, 'ann'), makeAccount(2, 'bob')] });
        await database.query(`DELETE FROM gespage_account WHERE external_id = '${idOf(1)}'`);
        expect((await target.holdings('', 100)).accounts.map(({ login }) => login)).toEqual(['bob']);
      });
    });

    describe('a field that is written once', () => {
      const code = (printCode: string | null, email: string) => ({ fields: { printCode, email } });
      const readCode = async () => {
        const row = await readOne('gespage_account', 1);
        return [row?.print_code, row?.email];
      };

      beforeEach(async () => {
        await target.close();
        target = createSqlTarget({
          url: database.url,
          fields: [...writtenFields, 'printCode'],
          onceFields: ['printCode'],
        });
        await target.open();
        await apply({ accounts: [makeAccount(1, 'ann', code('1111', 'a@b'))] });
      });

      test('is there from the first, and stays whatever is written later', async () => {
        expect(await readCode()).toEqual(['1111', 'a@b']);
        await apply({ accounts: [makeAccount(1, 'zoe', code('2222', 'c@d'))] });
        expect(await readCode()).toEqual(['1111', 'c@d']);
      });

      test('that Gespage has changed is no difference, and is told as it stands', async () => {
        await database.query(`UPDATE gespage_account SET print_code = '9999'`);
        expect(await apply({ accounts: [makeAccount(1, 'ann', code('1111', 'a@b'))] })).toMatchObject({
          upserted: 0,
        });
        await apply({ accounts: [makeAccount(1, 'ann', { ...code('1111', 'a@b'), enabled: false })] });
        expect(await readCode()).toEqual(['9999', 'a@b']);
        expect((await target.holdings('', 10)).accounts[0]?.fields.printCode).toBe('9999');
      });

      test('is written again with a row that somebody deleted', async () => {
        await database.query(`DELETE FROM gespage_account`);
        await apply({ accounts: [makeAccount(1, 'ann', code('1111', 'a@b'))] });
        expect(await readCode()).toEqual(['1111', 'a@b']);
      });
    });

    describe('accounts', () => {
      test('a new account has every written column, and NULL for what is absent or empty', async () => {
        const fields = { displayName: 'Ann Lee', firstName: 'Ann', lastName: '', email: 'ann@example.com' };
        const applied = await apply({ accounts: [makeAccount(1, 'ann', { fields })] });
        expect(applied).toEqual({ upserted: 1, removed: 0, refused: [] });
        const row = await readOne('gespage_account', 1);
        expect(row).toMatchObject({
          external_id: idOf(1),
          login: 'ann',
          display_name: 'Ann Lee',
          first_name: 'Ann',
          last_name: null,
          email: 'ann@example.com',
          department: null,
          activity: null,
          print_code: null,
          card_number: null,
          home_directory: null,
          enabled: engine.name === 'postgres' ? true : 1,
        });
        expect(momentOf(row)).toBe(firstMoment.toISOString());
      });

      test('a changed field updates the row, and back to nothing makes it NULL', async () => {
        await apply({ accounts: [makeAccount(1, 'ann', { fields: { department: 'Sales', email: 'a@b' } })] });
        await apply({
          at: laterMoment,
          accounts: [makeAccount(1, 'ann', { fields: { department: 'Law' } })],
        });
        const row = await readOne('gespage_account', 1);
        expect(row).toMatchObject({ department: 'Law', email: null });
        expect(momentOf(row)).toBe(laterMoment.toISOString());
      });

      test('an account is disabled and enabled again in the same row', async () => {
        await apply({ accounts: [makeAccount(1, 'ann')] });
        await apply({ accounts: [makeAccount(1, 'ann', { enabled: false })] });
        expect(isOn(await readOne('gespage_account', 1))).toBe(false);
        await apply({ accounts: [makeAccount(1, 'ann')] });
        expect(isOn(await readOne('gespage_account', 1))).toBe(true);
      });

      test('a removed account goes with its memberships, and comes back when it is restored', async () => {
        const ann = makeAccount(1, 'ann', { groups: [8] });
        await apply({
          groups: [makeGroup(8, 'Staff')],
          accounts: [ann, makeAccount(2, 'bob', { groups: [8] })],
        });
        expect(await apply({ removedAccounts: [idOf(1), idOf(77)] })).toMatchObject({
          removed: 1,
          refused: [],
        });
        expect(await readLogins()).toEqual({ 2: 'bob' });
        expect(await readMemberships()).toEqual(['2-8']);
        await apply({ accounts: [ann] });
        expect(await readLogins()).toEqual({ 1: 'ann', 2: 'bob' });
        expect(await readMemberships()).toEqual(['1-8', '2-8']);
      });

      test('a row of ours that somebody deleted by hand is written again', async () => {
        await apply({ accounts: [makeAccount(1, 'ann')] });
        await database.query('DELETE FROM gespage_account');
        expect(await apply({ accounts: [makeAccount(1, 'ann')] })).toMatchObject({ refused: [] });
        expect(await readLogins()).toEqual({ 1: 'ann' });
      });

      test('the same batch again writes nothing', async () => {
        const batch = makeBatch({
          groups: [makeGroup(8, 'Staff')],
          accounts: [makeAccount(1, 'ann', { groups: [8], fields: { email: '' } }), makeAccount(2, 'bob')],
        });
        await target.apply(batch);
        const again = await target.apply({ ...batch, at: laterMoment });
        expect(again).toEqual({ upserted: 0, removed: 0, refused: [] });
        for (const table of ['gespage_account', 'gespage_group', 'gespage_sync_state']) {
          for (const row of await database.query(`SELECT updated_at FROM ${table}`)) {
            expect(momentOf(row)).toBe(firstMoment.toISOString());
          }
        }
      });

      test('a column that Gespage owns keeps what was entered there by hand', async () => {
        await apply({
          accounts: [makeAccount(1, 'ann', { fields: { printCode: 'never', displayName: 'Ann' } })],
        });
        await database.query("UPDATE gespage_account SET print_code = '4711'");
        await apply({
          accounts: [makeAccount(1, 'ann', { fields: { printCode: 'never', displayName: 'Anna' } })],
        });
        expect(await readOne('gespage_account', 1)).toMatchObject({
          print_code: '4711',
          display_name: 'Anna',
        });
      });

      test('a batch of 1,200 people with memberships arrives whole', async () => {
        const groups = [8000, 8001, 8002];
        const accounts = Array.from({ length: 1_200 }, (_, index) =>
          makeAccount(index, `person${index}`, { groups, fields: { displayName: `Person ${index}` } }),
        );
        const first = await apply({ groups: groups.map((id) => makeGroup(id, `Group ${id}`)), accounts });
        expect(first).toEqual({ upserted: 1_203, removed: 0, refused: [] });
        expect(await apply({ accounts })).toEqual({ upserted: 0, removed: 0, refused: [] });
        const turned = accounts.map((account, index) => ({
          ...account,
          login: `person${(index + 1) % 1_200}`,
          groups: account.groups.slice(1),
        }));
        expect(await apply({ accounts: turned })).toEqual({ upserted: 1_200, removed: 0, refused: [] });
        expect(await readLogins()).toMatchObject({ 0: 'person1', 1199: 'person0' });
        expect(await readMemberships()).toHaveLength(2_400);
        await apply({ removedAccounts: turned.map((account) => account.externalId) });
        expect(await readLogins()).toEqual({});
        expect(await database.query('SELECT * FROM gespage_sync_row')).toHaveLength(3);
      });

      test.each([
        "Robert'); DROP TABLE gespage_account;--",
        `\\ \\' \\" \\n %_ ; " ' \` $1 ? ?? :a {"a":[1]} \${x} {1,NULL}`,
        'Ünïcödé 山田太郎 🎓👩‍👩‍👧 é \u202e \u2028',
        '\t tab\r\nnewline \u0001 \u007f\ufeff\uffff',
        'NULL',
        '{}',
        ' leading and trailing ',
      ])('stores %j as it is', async (text) => {
        const account = makeAccount(1, text, { groups: [8], fields: { displayName: text, email: text } });
        const parts = { groups: [makeGroup(8, text)], accounts: [account] };
        expect(await apply(parts)).toMatchObject({ refused: [] });
        expect(await readOne('gespage_user', 1)).toMatchObject({
          login: text,
          display_name: text,
          email: text,
          group_names: text,
        });
        expect(await apply(parts)).toMatchObject({ upserted: 0, refused: [] });
      });
    });

    describe('logins', () => {
      const people = (...logins: string[]) => logins.map((login, index) => makeAccount(index + 1, login));

      test('a rename keeps the row', async () => {
        await apply({ accounts: people('ann') });
        await apply({ accounts: people('ann.lee') });
        expect(await readLogins()).toEqual({ 1: 'ann.lee' });
      });

      test('two people swap logins in one batch', async () => {
        await apply({ accounts: people('ann', 'bob') });
        expect(await apply({ accounts: people('bob', 'ann') })).toMatchObject({ refused: [] });
        expect(await readLogins()).toEqual({ 1: 'bob', 2: 'ann' });
      });

      test('two people swap logins over two batches', async () => {
        await apply({ accounts: people('ann', 'bob') });
        await apply({ accounts: [makeAccount(1, 'bob')] });
        expect(await readLogins()).toEqual({ 1: 'bob', 2: `~${idOf(2)}` });
        await apply({ accounts: [makeAccount(2, 'ann')] });
        expect(await readLogins()).toEqual({ 1: 'bob', 2: 'ann' });
      });

      test('a chain moves up, in either order of the people', async () => {
        await apply({ accounts: people('a', 'b', 'c') });
        await apply({ accounts: people('b', 'c', 'd') });
        expect(await readLogins()).toEqual({ 1: 'b', 2: 'c', 3: 'd' });
        await apply({ accounts: people('a', 'b', 'c').reverse() });
        expect(await readLogins()).toEqual({ 1: 'a', 2: 'b', 3: 'c' });
      });

      test('a ring turns', async () => {
        await apply({ accounts: people('a', 'b', 'c') });
        await apply({ accounts: people('b', 'c', 'a') });
        expect(await readLogins()).toEqual({ 1: 'b', 2: 'c', 3: 'a' });
      });

      test('a newcomer takes the login of somebody removed in the same batch', async () => {
        await apply({ accounts: people('ann') });
        await apply({ accounts: [makeAccount(2, 'ann')], removedAccounts: [idOf(1)] });
        expect(await readLogins()).toEqual({ 2: 'ann' });
      });

      test('case and accents make different logins', async () => {
        const accounts = people('jose', 'José', 'JOSE', 'josé');
        expect(await apply({ accounts })).toMatchObject({ upserted: 4, refused: [] });
        expect(await readLogins()).toEqual({ 1: 'jose', 2: 'José', 3: 'JOSE', 4: 'josé' });
      });

      test('a login that two people of one batch want goes to one of them, and the other is refused', async () => {
        const { refused } = await apply({ accounts: people('ann', 'ann', 'bob') });
        expect(refused).toEqual([
          { externalId: idOf(2), reason: expect.stringContaining('The login ann is wanted') as string },
        ]);
        expect(await readLogins()).toEqual({ 1: 'ann', 3: 'bob' });
      });

      test('an old batch applied again, and then the newer ones, ends where it was', async () => {
        const batches = [
          makeBatch({ accounts: people('a', 'b', 'c') }),
          makeBatch({ accounts: people('b', 'c', 'd') }),
          makeBatch({ accounts: [makeAccount(4, 'a')], removedAccounts: [idOf(1)] }),
        ];
        for (const batch of batches) await target.apply(batch);
        for (const batch of batches) await target.apply(batch);
        expect(await readLogins()).toEqual({ 2: 'c', 3: 'd', 4: 'a' });
        expect(await target.position()).toEqual(batches[2]?.to);
      });
    });

    describe('groups', () => {
      test('a renamed group changes its row alone', async () => {
        await apply({ groups: [makeGroup(8, 'Staff')], accounts: [makeAccount(1, 'ann', { groups: [8] })] });
        await apply({ at: laterMoment, groups: [makeGroup(8, 'Team')] });
        expect(await readOne('gespage_group', 8)).toMatchObject({ name: 'Team' });
        expect(momentOf(await readOne('gespage_account', 1))).toBe(firstMoment.toISOString());
        expect(await readMemberships()).toEqual(['1-8']);
      });

      test('a removed group goes with its memberships', async () => {
        const groups = [makeGroup(8, 'Staff'), makeGroup(9, 'Law')];
        await apply({ groups, accounts: [makeAccount(1, 'ann', { groups: [8, 9] })] });
        expect(await apply({ removedGroups: [idOf(8), idOf(70)] })).toMatchObject({
          removed: 1,
          refused: [],
        });
        expect(await readOne('gespage_group', 8)).toBeUndefined();
        expect(await readMemberships()).toEqual(['1-9']);
      });

      test('memberships become the wanted set', async () => {
        await apply({
          accounts: [makeAccount(1, 'ann', { groups: [7, 8] }), makeAccount(2, 'bob', { groups: [8] })],
        });
        const applied = await apply({
          at: laterMoment,
          accounts: [makeAccount(1, 'ann', { groups: [8, 9] })],
        });
        expect(applied).toMatchObject({ upserted: 1 });
        expect(await readMemberships()).toEqual(['1-8', '1-9', '2-8']);
        expect(momentOf(await readOne('gespage_account', 1))).toBe(firstMoment.toISOString());
      });

      test('a membership may come before its group', async () => {
        await apply({ accounts: [makeAccount(1, 'ann', { groups: [8] })] });
        expect(await readOne('gespage_user', 1)).toMatchObject({ group_names: null });
        await apply({ groups: [makeGroup(8, 'Staff')] });
        expect(await readOne('gespage_user', 1)).toMatchObject({ group_names: 'Staff' });
      });

      test('the view has one row for an account, its group names joined and sorted', async () => {
        const groups = [
          makeGroup(7, 'émile'),
          makeGroup(8, 'Zoo'),
          makeGroup(9, 'ant'),
          makeGroup(10, 'Ants'),
        ];
        const accounts = [
          makeAccount(1, 'ann', { groups: [7, 8, 9, 10], fields: { displayName: 'Ann' } }),
          makeAccount(2, 'bob', { enabled: false }),
        ];
        await apply({ groups, accounts });
        const rows = await database.query('SELECT * FROM gespage_user ORDER BY login');
        expect(rows.map((row) => [row.login, row.display_name, isOn(row), row.group_names])).toEqual([
          ['ann', 'Ann', true, 'Ants;Zoo;ant;émile'],
          ['bob', null, false, null],
        ]);
        expect(Object.keys(rows[0] ?? {})).toEqual(
          'external_id login display_name first_name last_name email department activity print_code card_number home_directory enabled updated_at group_names'.split(
            ' ',
          ),
        );
      });

      test('a group that cannot be written is refused alone', async () => {
        const { refused } = await apply({
          groups: [makeGroup(8, 'x'.repeat(513)), makeGroup(9, '🎓'.repeat(512))],
        });
        expect(refused).toEqual([
          { externalId: idOf(8), reason: expect.stringContaining('513 characters') as string },
        ]);
        expect(await readOne('gespage_group', 8)).toBeUndefined();
        expect(await readOne('gespage_group', 9)).toBeDefined();
      });
    });

    describe('rows of others', () => {
      test('are left as they are, whatever the batch says of their id', async () => {
        await insertByHand(1, 'root');
        const before = await database.query('SELECT * FROM gespage_account');
        const { refused } = await apply({ accounts: [makeAccount(1, 'ann'), makeAccount(2, 'bob')] });
        expect(refused).toEqual([
          { externalId: idOf(1), reason: expect.stringContaining('did not write') as string },
        ]);
        expect(await apply({ removedAccounts: [idOf(1)] })).toMatchObject({ removed: 0, refused: [] });
        expect(await database.query("SELECT * FROM gespage_account WHERE login <> 'bob'")).toEqual(before);
      });

      test('keep their login; who wants it is refused, not created and not renamed, until it is free', async () => {
        await insertByHand(90, 'ann');
        await apply({ accounts: [makeAccount(1, 'bob'), makeAccount(3, 'carl')] });
        const wanted = [makeAccount(1, 'ann'), makeAccount(3, 'carla')];
        const { refused } = await apply({ accounts: wanted });
        expect(refused).toEqual([
          { externalId: idOf(1), reason: expect.stringContaining(idOf(90)) as string },
        ]);
        expect(await readLogins()).toEqual({ 1: 'bob', 3: 'carla', 90: 'ann' });
        expect((await apply({ accounts: [makeAccount(2, 'ann')] })).refused).toHaveLength(1);
        expect(await readLogins()).toEqual({ 1: 'bob', 3: 'carla', 90: 'ann' });
        await database.query("UPDATE gespage_account SET login = 'old ann' WHERE login = 'ann'");
        expect(await apply({ accounts: wanted })).toMatchObject({ upserted: 1, refused: [] });
        expect(await readLogins()).toEqual({ 1: 'ann', 3: 'carla', 90: 'old ann' });
      });

      test('a person removed and refused on return gets in once the login is free again', async () => {
        await apply({ accounts: [makeAccount(1, 'ann')] });
        await apply({ removedAccounts: [idOf(1)] });
        await insertByHand(90, 'ann');
        expect((await apply({ accounts: [makeAccount(1, 'ann')] })).refused).toHaveLength(1);
        await database.query('DELETE FROM gespage_account');
        expect((await apply({ accounts: [makeAccount(1, 'ann')] })).refused).toEqual([]);
        expect(await readLogins()).toEqual({ 1: 'ann' });
      });

      test('somebody refused still loses the access that the directory took away', async () => {
        await insertByHand(90, 'root');
        await apply({ accounts: [makeAccount(1, 'ann', { groups: [8, 9] }), makeAccount(2, 'bob')] });
        const accounts = [
          makeAccount(1, 'root', { enabled: false, groups: [9], fields: { displayName: 'New' } }),
          makeAccount(2, 'x'.repeat(256), { enabled: false }),
        ];
        const { refused } = await apply({ accounts });
        expect(refused.map((refusal) => refusal.externalId).sort()).toEqual([idOf(1), idOf(2)]);
        const row = await readOne('gespage_account', 1);
        expect(row).toMatchObject({ login: 'ann', display_name: null });
        expect(isOn(row)).toBe(false);
        expect(isOn(await readOne('gespage_account', 2))).toBe(false);
        expect(await readMemberships()).toEqual(['1-9']);
      });

      test('groups of others keep their name and their members', async () => {
        await database.query(
          `INSERT INTO gespage_group (external_id, name, updated_at) VALUES ('${idOf(8)}', 'Admins', '2001-01-01 00:00:00')`,
        );
        await insertByHand(90, 'root');
        await apply({ groups: [makeGroup(9, 'Staff')], accounts: [makeAccount(1, 'ann', { groups: [9] })] });
        for (const [account, group] of [
          [1, 8],
          [90, 8],
          [90, 9],
        ] as const) {
          await database.query(
            `INSERT INTO gespage_membership VALUES ('${idOf(account)}', '${idOf(group)}')`,
          );
        }
        const accounts = [makeAccount(1, 'ann', { groups: [9] }), makeAccount(2, 'bob', { groups: [8, 9] })];
        const { refused } = await apply({ groups: [makeGroup(8, 'Mine')], accounts });
        expect(refused.map((refusal) => refusal.externalId)).toEqual([idOf(8)]);
        expect(await readMemberships()).toEqual(['1-8', '1-9', '2-9', '90-8', '90-9']);
        await apply({ removedGroups: [idOf(8), idOf(9)], removedAccounts: [idOf(2), idOf(90)] });
        expect(await readOne('gespage_group', 8)).toMatchObject({ name: 'Admins' });
        expect(await readMemberships()).toEqual(['1-8', '90-8', '90-9']);
      });
    });

    describe('people who cannot be written', () => {
      test.each([
        ['a login of 256 characters', makeAccount(5, 'x'.repeat(256)), 'login is 256 characters'],
        ['an empty login', makeAccount(5, ''), 'no login'],
        [
          'a name of 513 characters',
          makeAccount(5, 'eve', { fields: { displayName: 'é'.repeat(513) } }),
          '513',
        ],
        ['a NUL character', makeAccount(5, 'eve', { fields: { email: 'a\u0000b' } }), 'email holds a NUL'],
        ['half a character', makeAccount(5, 'eve\ud800'), 'unpaired surrogate'],
        [
          'an object id too long',
          { ...makeAccount(5, 'eve'), externalId: 'x'.repeat(65) },
          'external_id is 65',
        ],
      ])('%s is refused, the others are written', async (_, account, reason) => {
        const applied = await apply({ accounts: [makeAccount(1, 'ann'), account, makeAccount(9, 'zoe')] });
        expect(applied).toEqual({
          upserted: 2,
          removed: 0,
          refused: [{ externalId: account.externalId, reason: expect.stringContaining(reason) as string }],
        });
        expect(await readLogins()).toEqual({ 1: 'ann', 9: 'zoe' });
      });

      test('values of just the allowed length are written', async () => {
        const account = makeAccount(1, '🎓'.repeat(255), { fields: { displayName: 'é'.repeat(512) } });
        expect(await apply({ accounts: [account] })).toMatchObject({ upserted: 1, refused: [] });
      });

      test('a value too long for a field that is not written refuses nobody', async () => {
        const account = makeAccount(1, 'ann', { fields: { printCode: 'x'.repeat(5_000) } });
        expect(await apply({ accounts: [account] })).toMatchObject({ upserted: 1, refused: [] });
      });

      test('those whom a rule of the database itself refuses are found, the others are written', async () => {
        // Three of them share an address, which only the second and third in order can be blamed for.
        await database.query(`CREATE UNIQUE INDEX one_email ON gespage_account (email)`);
        const accounts = Array.from({ length: 100 }, (_, index) =>
          makeAccount(index, `p${index}`, {
            groups: [8],
            fields: { email: [17, 50, 93].includes(index) ? 'same' : `${index}` },
          }),
        );
        const { refused, upserted } = await apply({ accounts });
        expect(refused.map((refusal) => refusal.externalId)).toEqual([idOf(50), idOf(93)]);
        expect(refused[0]?.reason).toContain('The database refuses the row');
        expect(upserted).toBe(98);
        expect(Object.keys(await readLogins())).toHaveLength(98);
        expect(await readMemberships()).toHaveLength(98);
      });

      test('a rule of the database that refuses very many fails the batch, and passes nobody over', async () => {
        await database.query(`CREATE UNIQUE INDEX one_email ON gespage_account (email)`);
        const accounts = Array.from({ length: 100 }, (_, index) =>
          makeAccount(index, `p${index}`, { fields: { email: 'same' } }),
        );
        await expect(apply({ accounts })).rejects.toThrow('The Gespage database');
        expect(await readLogins()).toEqual({});
        expect(await target.position()).toBeUndefined();
      });
    });

    describe('position', () => {
      test('is undefined before the first batch, then what the last batch says', async () => {
        expect(await target.position()).toBeUndefined();
        await target.apply(makeBatch({ to: { ledgerId: 'a', revision: 9_007_199_254_740_991 } }));
        expect(await target.position()).toEqual({ ledgerId: 'a', revision: 9_007_199_254_740_991 });
        await target.apply(makeBatch({ to: { ledgerId: 'b', revision: 1 } }));
        expect(await target.position()).toEqual({ ledgerId: 'b', revision: 1 });
        expect(await database.query('SELECT * FROM gespage_sync_state')).toHaveLength(1);
      });

      test('is stored with the data or not at all', async () => {
        await apply({ accounts: [makeAccount(1, 'ann')] });
        const before = await target.position();
        await database.query('ALTER TABLE gespage_group RENAME TO away');
        const parts = { accounts: [makeAccount(1, 'anna'), makeAccount(2, 'bob')], removedGroups: [idOf(8)] };
        await expect(apply(parts)).rejects.toThrow('A table or column is missing');
        expect(await readLogins()).toEqual({ 1: 'ann' });
        expect(await target.position()).toEqual(before);
        await database.query('ALTER TABLE away RENAME TO gespage_group');
        await apply(parts);
        expect(await readLogins()).toEqual({ 1: 'anna', 2: 'bob' });
      });

      test('calls that overlap run one after the other', async () => {
        const logins = Array.from({ length: 20 }, (_, index) => `ann${index}`);
        await Promise.all(
          logins.flatMap((login) => [apply({ accounts: [makeAccount(1, login)] }), target.position()]),
        );
        expect(await readLogins()).toEqual({ 1: 'ann19' });
      });
    });

    describe('opening', () => {
      test('finds what is there already, and keeps it', async () => {
        await apply({ accounts: [makeAccount(1, 'ann')] });
        await target.close();
        await target.open();
        await target.open();
        expect(await readLogins()).toEqual({ 1: 'ann' });
        expect(await target.position()).toBeDefined();
      });

      test('makes again what was dropped', async () => {
        await database.query('DROP VIEW gespage_user');
        await database.query('DROP TABLE gespage_membership');
        await target.open();
        await apply({ accounts: [makeAccount(1, 'ann', { groups: [8] })] });
        expect(await database.query('SELECT * FROM gespage_user')).toHaveLength(1);
      });

      test('names the columns that an existing table lacks', async () => {
        await database.query('DROP VIEW gespage_user');
        await database.query('ALTER TABLE gespage_account DROP COLUMN department');
        await database.query('ALTER TABLE gespage_account DROP COLUMN email');
        await expect(target.open()).rejects.toThrow(/gespage_account lacks email, department.*ALTER TABLE/);
      });

      test('does not ask for the columns of fields that Gespage owns', async () => {
        await database.query('DROP VIEW gespage_user');
        await database.query('ALTER TABLE gespage_account DROP COLUMN print_code');
        await database.query('CREATE VIEW gespage_user AS SELECT login FROM gespage_account');
        await target.open();
        expect(await apply({ accounts: [makeAccount(1, 'ann')] })).toMatchObject({ upserted: 1 });
      });

      test('names a column of somebody else that would refuse every new row', async () => {
        await database.query('DROP VIEW gespage_user');
        await database.query('DROP TABLE gespage_membership');
        await database.query(
          'CREATE TABLE gespage_membership (account_id varchar(64), group_id varchar(64), rank_no int NOT NULL)',
        );
        await expect(target.open()).rejects.toThrow(/gespage_membership has rank_no, NOT NULL/);
      });
    });

    describe.skipIf(engine.name === 'sqlite')('a lost connection', () => {
      test('between two batches is made again', async () => {
        await apply({ accounts: [makeAccount(1, 'ann')] });
        expect(await database.killConnections()).toBe(1);
        // The driver may learn of the loss only by its next statement: then that call fails, and the one after works.
        await apply({ accounts: [makeAccount(1, 'anna')] }).catch(() => undefined);
        await apply({ accounts: [makeAccount(1, 'anna')] });
        expect(await readLogins()).toEqual({ 1: 'anna' });
      });

      test('in the middle of a batch undoes that batch, and the next call works', async () => {
        await apply({ accounts: [makeAccount(1, 'ann')] });
        const before = await target.position();
        await database.query('BEGIN');
        await database.query("UPDATE gespage_account SET print_code = '1'");
        const failure = apply({ accounts: [makeAccount(2, 'bob'), makeAccount(1, 'anna')] }).catch(String);
        await vi.waitFor(async () => expect(await database.countBlocked()).toBe(1), {
          interval: 200,
          timeout: 10_000,
        });
        expect(await database.killConnections()).toBe(1);
        expect(await failure).toContain(`The Gespage database ${engine.name}://`);
        await database.query('ROLLBACK');
        expect(await readLogins()).toEqual({ 1: 'ann' });
        expect(await target.position()).toEqual(before);
        await apply({ accounts: [makeAccount(2, 'bob'), makeAccount(1, 'anna')] });
        expect(await readLogins()).toEqual({ 1: 'anna', 2: 'bob' });
      });
    });

    test('a lock that another program holds fails the batch after the patience, and it works afterwards', async () => {
      await apply({ accounts: [makeAccount(1, 'ann')] });
      const impatient = createSqlTarget({
        url: database.url,
        fields: writtenFields,
        patience: { connect: 400, statement: 400 },
      });
      const holder = await holdLock(database, engine);
      try {
        await expect(impatient.apply(makeBatch({ accounts: [makeAccount(1, 'anna')] }))).rejects.toThrow(
          /locks/,
        );
      } finally {
        await holder();
      }
      await impatient.apply(makeBatch({ accounts: [makeAccount(1, 'anna')] }));
      await impatient.close();
      expect(await readLogins()).toEqual({ 1: 'anna' });
    });
  });
}

/** Locks the account rows from another connection, until the returned function is called. */
async function holdLock(database: TestDatabase, engine: TestEngine): Promise<() => Promise<unknown>> {
  if (engine.name !== 'sqlite') {
    await database.query('BEGIN');
    await database.query("UPDATE gespage_account SET print_code = '1'");
    return () => database.query('ROLLBACK');
  }
  const { default: Database } = await import('better-sqlite3');
  const connection = new Database(database.url.slice('sqlite:'.length));
  connection.exec('BEGIN IMMEDIATE');
  return () => Promise.resolve(connection.close());
}
