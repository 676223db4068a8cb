// Owns the proof of what the LDAP directory says: entries of people and groups, names that clash or change, and failures.
import { statSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { firstMoment, idOf, laterMoment, makeAccount, makeGroup } from './fixtures.ts';
import { anything, baseDn, makeStore } from './ldap-tree.ts';

const person = (name: string): string => `uid=${name},ou=people,${baseDn}`;
const group = (name: string): string => `cn=${name},ou=groups,${baseDn}`;

describe('an entry', () => {
  test('of a person says the same in both vocabularies', async () => {
    const store = makeStore();
    const fields = {
      ...{ displayName: 'Ann Lee', firstName: 'Ann', lastName: 'Lee', email: 'ann@example.org' },
      ...{
        department: 'Law',
        cardNumber: '04A1',
        printCode: '4711',
        activity: 'C12',
        homeDirectory: '\\\\srv\\ann',
      },
    };
    const id = '01234567-89ab-4cde-8f01-23456789abcd';
    const ann = { ...makeAccount(1, 'ann', { fields, groups: [8] }), externalId: id };
    await store.write({ groups: [makeGroup(8, 'Staff')], accounts: [ann] });
    expect(store.tree()[person('ann')]).toEqual({
      objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'user'],
      ...{ uid: ['ann'], cn: ['Ann Lee'], sn: ['Lee'], givenName: ['Ann'], displayName: ['Ann Lee'] },
      ...{
        mail: ['ann@example.org'],
        departmentNumber: ['Law'],
        department: ['Law'],
        employeeNumber: ['04A1'],
      },
      ...{ employeeID: ['4711'], employeeType: ['C12'], homeDirectory: ['\\\\srv\\ann'] },
      ...{ sAMAccountName: ['ann'], userPrincipalName: ['ann@gespage.sync'], userAccountControl: ['512'] },
      ...{ name: ['Ann Lee'], distinguishedName: [person('ann')] },
      // The first three parts are turned, as in Active Directory.
      objectGUID: ['67452301ab89de4c8f0123456789abcd'],
      memberOf: [group('Staff')],
      ...{ entryUUID: [id], createTimestamp: ['20310203040506Z'], modifyTimestamp: ['20310203040506Z'] },
    });
  });

  test('of somebody about whom little is known has what its classes demand, and nothing empty', async () => {
    const store = makeStore();
    await store.write({ accounts: [makeAccount(1, 'x@y.org', { enabled: false, fields: { email: '' } })] });
    const { objectClass: _, ...entry } = store.tree()[person('x@y.org')] ?? {};
    expect(entry).toMatchObject({ cn: ['x@y.org'], sn: ['x@y.org'], userPrincipalName: ['x@y.org'] });
    expect(entry['userAccountControl']).toEqual(['514']);
    expect(Object.keys(entry)).not.toContain('mail');
    expect(Object.values(entry).flat()).not.toContain('');
  });

  test('of a group names its members, and none where it has none', async () => {
    const store = makeStore();
    const groups = [makeGroup(8, 'Staff'), makeGroup(9, 'Empty, yet')];
    await store.write({ groups, accounts: [makeAccount(1, 'ann', { groups: [8] })] });
    expect(store.tree()[group('Staff')]).toMatchObject({
      ...{ objectClass: ['top', 'groupOfNames', 'group'], cn: ['Staff'], sAMAccountName: ['Staff'] },
      ...{ name: ['Staff'], member: [person('ann')], entryUUID: [idOf(8)] },
    });
    expect(Object.keys(store.tree()[group('Empty\\, yet')] ?? {})).not.toContain('member');
  });

  test.each([
    ['dc=x,dc=y', { objectClass: ['top', 'dcObject', 'organization'], dc: ['x'], o: ['x'] }],
    ['o=Lycée\\, Nord,c=fr', { objectClass: ['top', 'organization'], o: ['Lycée, Nord'] }],
    ['ou=a,o=b', { objectClass: ['top', 'organizationalUnit'], ou: ['a'] }],
    ['cn=a,o=b', { objectClass: ['top', 'container'], cn: ['a'] }],
  ])('at the base %s is of the kind that its name says', async (dn, expected) => {
    const store = makeStore({ baseDn: dn });
    await store.write({ accounts: [makeAccount(1, 'ann')] });
    const tree = store.tree();
    expect(Object.keys(tree)).toEqual([dn, `ou=people,${dn}`, `ou=groups,${dn}`, `uid=ann,ou=people,${dn}`]);
    expect(tree[dn]).toMatchObject(expected);
    expect(tree[`ou=people,${dn}`]).toMatchObject({
      objectClass: ['top', 'organizationalUnit'],
      ou: ['people'],
    });
  });

  test('tells when it changed: a person, and a group of which the members or their names did', async () => {
    const store = makeStore();
    const bob = makeAccount(2, 'bob', { groups: [9] });
    const groups = [makeGroup(8, 'Staff'), makeGroup(9, 'Law')];
    await store.write({ groups, accounts: [makeAccount(1, 'ann', { groups: [8] }), bob] });
    await store.write({ at: laterMoment, accounts: [makeAccount(1, 'anna', { groups: [8] }), bob] });
    const times = Object.entries(store.tree())
      .filter(([dn]) => /^(uid|cn)=/.test(dn))
      .map(([dn, entry]) => [dn.split(',')[0], entry['createTimestamp']?.[0], entry['modifyTimestamp']?.[0]]);
    const [first, later] = ['20310203040506Z', '20310204000000Z'];
    expect(firstMoment < laterMoment).toBe(true);
    expect(times.sort()).toEqual([
      ['cn=Law', first, first],
      ['cn=Staff', first, later],
      ['uid=anna', first, later],
      ['uid=bob', first, first],
    ]);
  });
});

describe('names', () => {
  test('of a renamed group change in its entry and in those of its members, together', async () => {
    const store = makeStore();
    await store.write({
      groups: [makeGroup(8, 'Staff')],
      accounts: [makeAccount(1, 'ann', { groups: [8] })],
    });
    const before = store.directory.open();
    await store.write({ groups: [makeGroup(8, 'Team #1')] });
    expect(store.tree()[person('ann')]?.['memberOf']).toEqual([group('Team #1')]);
    expect(before.resolve('cn=staff,ou=groups,dc=gespage,dc=sync')).toEqual({ exists: true });
    before.close();
  });

  test('of groups that LDAP takes for the same are told apart, and are plain again once they can be', async () => {
    const store = makeStore();
    await store.write({ groups: [makeGroup(8, 'staff'), makeGroup(7, 'STAFF'), makeGroup(9, 'Law')] });
    const namesOf = (): string[] =>
      Object.keys(store.tree())
        .filter((dn) => dn.startsWith('cn='))
        .sort();
    const second = `staff (${idOf(8).slice(0, 8)})`;
    expect(namesOf()).toEqual([group('Law'), group('STAFF'), group(second)].sort());
    await store.write({ removedGroups: [idOf(7)] });
    expect(namesOf()).toEqual([group('Law'), group('staff')]);
  });

  test('of many people change hands in one batch', async () => {
    const store = makeStore();
    await store.write({ accounts: ['a', 'b', 'c'].map((login, index) => makeAccount(index, login)) });
    await store.write({ accounts: ['b', 'c', 'a'].map((login, index) => makeAccount(index, login)) });
    expect(store.tree()[person('a')]?.['entryUUID']).toEqual([idOf(2)]);
    expect(Object.keys(store.tree()).filter((dn) => dn.startsWith('uid='))).toHaveLength(3);
  });
});

describe('people who cannot be entries', () => {
  test.each([
    ['an empty login', makeAccount(5, ''), 'no login'],
    ['a NUL character', makeAccount(5, 'eve', { fields: { email: 'a\u0000b' } }), 'NUL'],
    ['half a character', makeAccount(5, 'eve\ud800'), 'half a character'],
    ['a login that LDAP cannot tell from another', makeAccount(5, 'ann  lee'), 'does not tell apart'],
  ])('%s: refused alone', async (_, account, reason) => {
    const store = makeStore();
    await store.write({ accounts: [makeAccount(1, 'ann lee')] });
    const applied = await store.write({ accounts: [account, makeAccount(9, 'zoe')] });
    expect(applied).toEqual({
      upserted: 1,
      removed: 0,
      refused: [{ externalId: idOf(5), reason: expect.stringContaining(reason) as string }],
    });
    expect(Object.keys(store.tree()).filter((dn) => dn.startsWith('uid='))).toEqual([
      person('ann lee'),
      person('zoe'),
    ]);
  });

  test('lose all the same what the directory took away', async () => {
    const store = makeStore();
    const groups = [makeGroup(8, 'Staff'), makeGroup(9, 'Law')];
    await store.write({ groups, accounts: [makeAccount(1, 'ann', { groups: [8, 9] })] });
    const spoilt = { displayName: 'a\u0000' };
    await store.write({
      accounts: [makeAccount(1, 'anna', { fields: spoilt, enabled: false, groups: [9] })],
    });
    expect(store.tree()[person('ann')]).toMatchObject({
      userAccountControl: ['514'],
      memberOf: [group('Law')],
    });
    expect(Object.keys(store.tree()[group('Staff')] ?? {})).not.toContain('member');
  });

  test('give up a login that somebody sound takes over', async () => {
    const store = makeStore();
    await store.write({ accounts: [makeAccount(1, 'ann')] });
    const spoilt = makeAccount(1, 'bob', { fields: { displayName: '\ud800' } });
    expect((await store.write({ accounts: [spoilt, makeAccount(2, 'ann')] })).refused).toHaveLength(1);
    expect(store.tree()[person('ann')]?.['entryUUID']).toEqual([idOf(2)]);
    expect(store.tree()[person(`~${idOf(1)}`)]?.['entryUUID']).toEqual([idOf(1)]);
  });
});

describe('the file', () => {
  test('is served from the last whole state after a restart, and not before there was one', async () => {
    const store = makeStore();
    await store.write({ isCurrent: false, accounts: [makeAccount(1, 'ann')] });
    expect(() => store.directory.open()).toThrow(/filled for the first time/);
    store.close();
    store.open();
    expect(() => store.directory.open()).toThrow(/filled for the first time/);
    await store.write({});
    await store.write({ isCurrent: false, accounts: [makeAccount(2, 'bob')] });
    store.close();
    store.open();
    expect(Object.keys(store.tree())).toEqual(expect.arrayContaining([person('ann'), person('bob')]));
  });

  test('is made anew under another base, and filled from the beginning before it is served', async () => {
    const store = makeStore();
    await store.write({ accounts: [makeAccount(1, 'ann')] });
    store.close();
    const moved = makeStore({ baseDn: 'o=elsewhere', file: store.file });
    expect(moved.position()).toBeUndefined();
    expect(() => moved.directory.open()).toThrow(/filled for the first time/);
    expect(moved.holdings('', 10).accounts).toEqual([]);
  });

  test('a batch that fails leaves all as it was', async () => {
    const store = makeStore();
    await store.write({ accounts: [makeAccount(1, 'ann')] });
    const before = [store.tree(), store.position()];
    const other = new Database(store.file);
    other.exec(
      `CREATE TRIGGER full BEFORE INSERT ON person WHEN NEW.id LIKE '%2' BEGIN SELECT RAISE(ABORT, 'no room'); END`,
    );
    await expect(store.write({ accounts: [makeAccount(1, 'anna'), makeAccount(2, 'bob')] })).rejects.toThrow(
      /The file of the LDAP directory .+ failed: no room\./,
    );
    expect([store.tree(), store.position()]).toEqual(before);
    other.exec('DROP TRIGGER full');
    other.close();
    await store.write({ accounts: [makeAccount(1, 'anna'), makeAccount(2, 'bob')] });
    expect(Object.keys(store.tree())).toContain(person('bob'));
  });

  test('that is damaged is named, with what to do', () => {
    const store = makeStore();
    store.open();
    store.close();
    writeFileSync(store.file, 'this is no database, and never was one, whatever its name says');
    expect(() => store.open()).toThrow(/is damaged. Stop the service and delete it/);
  });

  describe('does not grow for ever', () => {
    const accounts = Array.from({ length: 300 }, (_, index) => makeAccount(index, `p${index}`));
    const turn = (round: number) =>
      accounts.map((one) => ({ ...one, fields: { ...one.fields, department: `${round}` } }));
    const logSize = (file: string): number => statSync(`${file}-wal`).size;

    test('while searches come and go between the changes', async () => {
      const store = makeStore();
      for (let round = 0; round < 80; round += 1) {
        await store.write({ accounts: turn(round) });
        store.directory.open().close();
      }
      // About what starts a checkpoint: 2,000 pages of 8 KiB. Eighty rounds of everything are half as much again.
      expect(logSize(store.file)).toBeLessThan(2_100 * 8_192);
    });

    test('while a search holds an old state: beyond a limit that search is ended, and says so', async () => {
      const store = makeStore({ mostOld: 2_000_000 });
      await store.write({ accounts });
      const held = store.directory.open();
      const search = held.search({ base: baseDn, scope: 'subtree', filter: anything });
      search.next();
      for (let round = 0; round < 30; round += 1) await store.write({ accounts: turn(round) });
      expect(logSize(store.file)).toBeLessThan(3_000_000);
      expect(() => [...search]).toThrow(/This search was ended/);
      expect(() => held.resolve(baseDn)).toThrow(/This search has ended/);
      held.close();
      expect(store.tree()[person('p7')]?.['department']).toEqual(['29']);
    });
  });

  test('holds few revisions at a time', async () => {
    const store = makeStore();
    const held = [];
    await store.write({ accounts: [makeAccount(1, 'a0')] });
    for (let round = 1; round <= 32; round += 1) {
      held.push(store.directory.open());
      await store.write({ accounts: [makeAccount(1, `a${round}`)] });
    }
    expect(() => store.directory.open()).toThrow(/Too many paged searches/);
    held.pop()?.close();
    store.directory.open().close();
    expect(held[0]?.resolve(`uid=a0,ou=people,${baseDn}`)).toEqual({ exists: true });
    for (const snapshot of held) snapshot.close();
  });
});
