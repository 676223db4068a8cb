// Owns the proof of the units of departments: who stands in which, moves between them, and what a search of each scope shows.
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Account } from '../../src/accounts/model.ts';
import { idOf, laterMoment, makeAccount, makeGroup } from './fixtures.ts';
import { baseDn, makeStore } from './ldap-tree.ts';

const staff = `cn=Staff,ou=groups,${baseDn}`;
const inUnit = (login: string, unit: string): string => `uid=${login},ou=${unit},ou=people,${baseDn}`;
const under = (login: string): string => `uid=${login},ou=people,${baseDn}`;
const worker = (number: number, login: string, department: string | null): Account =>
  makeAccount(number, login, { fields: { department }, groups: [8] });

async function makeFilled() {
  const store = makeStore({ departments: true });
  const accounts = [worker(1, 'ann', 'Law'), worker(2, 'bob', null), worker(3, 'cy', 'R&D, Lab')];
  await store.write({ groups: [makeGroup(8, 'Staff')], accounts });
  return store;
}

describe('units of departments', () => {
  test('hold the people of the department; who has none stands directly under all people', async () => {
    const store = await makeFilled();
    const tree = store.tree();
    expect(tree[inUnit('ann', 'Law')]).toMatchObject({
      department: ['Law'],
      distinguishedName: [inUnit('ann', 'Law')],
      memberOf: [staff],
    });
    expect(tree[`ou=R&D\\, Lab,ou=people,${baseDn}`]).toMatchObject({
      objectClass: ['top', 'organizationalUnit'],
      ou: ['R&D, Lab'],
    });
    expect(tree[staff]?.['member']).toEqual(
      [inUnit('ann', 'Law'), inUnit('cy', 'R&D\\, Lab'), under('bob')].toSorted(),
    );
  });

  test.each(['', '  '])('are not made of a department without letters: "%s"', async (department) => {
    const store = makeStore({ departments: true });
    await store.write({ accounts: [worker(1, 'ann', department)] });
    expect(store.find({ base: `ou=people,${baseDn}` })).toEqual(['ou=people', 'uid=ann,ou=people']);
  });

  test('are one where names differ in letter case or spaces only, spelled as it came first', async () => {
    const store = makeStore({ departments: true });
    const spellings = ['Human Resources', ' human  resources', 'HUMAN RESOURCES '];
    await store.write({ accounts: spellings.map((text, index) => worker(index, `p${index}`, text)) });
    expect(store.find({ base: `ou=people,${baseDn}` })).toEqual([
      'ou=people',
      'ou=Human Resources,ou=people',
      ...[0, 1, 2].map((index) => `uid=p${index},ou=Human Resources,ou=people`),
    ]);
    expect(store.tree()[inUnit('p1', 'Human Resources')]?.['department']).toEqual([' human  resources']);
  });

  test('show what the scope of a search holds', async () => {
    const store = await makeFilled();
    const people = `ou=people,${baseDn}`;
    const law = `ou=law,${people}`;
    const find = (base: string, scope: 'base' | 'one' | 'subtree') => store.find({ base, scope }).toSorted();
    const units = ['ou=Law,ou=people', 'ou=R&D\\, Lab,ou=people'];
    const members = ['uid=ann,ou=Law,ou=people', 'uid=cy,ou=R&D\\, Lab,ou=people'];
    expect(find(people, 'one')).toEqual([...units, 'uid=bob,ou=people']);
    expect(find(people, 'subtree')).toEqual(
      ['ou=people', ...units, 'uid=bob,ou=people', ...members].toSorted(),
    );
    expect(find(baseDn, 'one')).toEqual(['ou=groups', 'ou=people']);
    expect(find(baseDn, 'subtree')).toHaveLength(9);
    expect(find(law, 'base')).toEqual(['ou=Law,ou=people']);
    expect(find(law, 'one')).toEqual(['uid=ann,ou=Law,ou=people']);
    expect(find(law, 'subtree')).toEqual(['ou=Law,ou=people', 'uid=ann,ou=Law,ou=people']);
    expect(find(`uid=ann,${law}`, 'base')).toEqual(['uid=ann,ou=Law,ou=people']);
    expect(find(`uid=ann,${people}`, 'base')).toEqual([]);
    expect(find(`uid=bob,${law}`, 'base')).toEqual([]);
    const snapshot = store.directory.open();
    expect(snapshot.resolve(`uid=ann,${law}`)).toEqual({ exists: true });
    expect(snapshot.resolve(`uid=ann,${people}`)).toEqual({ exists: false, matched: people });
    expect(snapshot.resolve(`uid=bob,${law}`)).toEqual({ exists: false, matched: law });
    snapshot.close();
  });
});

describe('a change of department', () => {
  test('moves the entry and its name in groups at once, and takes the unit along that is empty then', async () => {
    const store = await makeFilled();
    const before = store.directory.open();
    await store.write({ at: laterMoment, accounts: [worker(1, 'ann', 'R&D,  LAB')] });
    const tree = store.tree();
    const moved = inUnit('ann', 'R&D\\, Lab');
    expect(tree[moved]).toMatchObject({
      entryUUID: [idOf(1)],
      memberOf: [staff],
      distinguishedName: [moved],
    });
    expect(tree[staff]?.['member']).toContain(moved);
    expect(tree[staff]?.['member']).not.toContain(inUnit('ann', 'Law'));
    expect(tree[staff]?.['modifyTimestamp']).toEqual(['20310204000000Z']);
    expect(Object.keys(tree)).not.toContain(`ou=Law,ou=people,${baseDn}`);
    expect(before.resolve(`uid=ann,ou=law,ou=people,${baseDn}`)).toEqual({ exists: true });
    before.close();
  });

  test('leads out of all units where none is left, and the last leaver ends a unit too', async () => {
    const store = await makeFilled();
    await store.write({ accounts: [worker(1, 'ann', null)], removedAccounts: [idOf(3)] });
    expect(store.find({ base: `ou=people,${baseDn}` })).toEqual([
      'ou=people',
      'uid=ann,ou=people',
      'uid=bob,ou=people',
    ]);
    expect(store.tree()[staff]?.['member']).toEqual([under('ann'), under('bob')]);
  });

  test('lets logins change hands across units', async () => {
    const store = await makeFilled();
    await store.write({ accounts: [worker(1, 'cy', 'Law'), worker(3, 'ann', 'R&D, Lab')] });
    expect(store.tree()[inUnit('cy', 'Law')]?.['entryUUID']).toEqual([idOf(1)]);
    expect(store.tree()[inUnit('ann', 'R&D\\, Lab')]?.['entryUUID']).toEqual([idOf(3)]);
  });
});

test('the option switched on, and off again, fills the file anew each time before it is served', async () => {
  let store = makeStore();
  const everything = { groups: [makeGroup(8, 'Staff')], accounts: [worker(1, 'ann', 'Law')] };
  await store.write(everything);
  for (const departments of [true, false]) {
    store.close();
    store = makeStore({ departments, file: store.file });
    expect(store.position()).toBeUndefined();
    expect(() => store.directory.open()).toThrow(/filled for the first time/);
    await store.write({ ...everything, isCurrent: false });
    expect(() => store.directory.open()).toThrow(/filled for the first time/);
    await store.write({});
    const name = departments ? inUnit('ann', 'Law') : under('ann');
    expect(Object.keys(store.tree()).filter((dn) => dn.startsWith('uid='))).toEqual([name]);
    expect(store.tree()[staff]?.['member']).toEqual([name]);
    store.close();
    store.open();
    expect(store.position()).toBeDefined();
    expect(Object.keys(store.tree())).toContain(name);
  }
});

test('a file of the format before units is filled anew', async () => {
  const store = makeStore();
  await store.write({ accounts: [worker(1, 'ann', 'Law')] });
  store.close();
  const database = new Database(store.file);
  database.exec('ALTER TABLE state DROP COLUMN departments; UPDATE state SET format = 1');
  database.close();
  store.open();
  expect(store.position()).toBeUndefined();
  expect(() => store.directory.open()).toThrow(/filled for the first time/);
});
