// Owns the comparison of the directory's real store with OpenLDAP: slapd is loaded with what our own server returns, and
// both are asked the same.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Account } from '../../../src/accounts/model.ts';
import type { Entry } from '../../../src/gespage/ldap/directory.ts';
import { createStore, type Store } from '../../../src/gespage/ldap/store/store.ts';
import { idOf, laterMoment, makeAccount, makeBatch, makeGroup } from '../fixtures.ts';
import { baseDn, makeEntry } from './memory-directory.ts';
import { compareAnswers, makeFilters, showFilter } from './openldap-comparison.ts';
import { hasOpenLdap, startOpenLdap, type OpenLdap } from './openldap.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { serveLdap, type ServedLdap } from './serve-ldap.ts';

if (!hasOpenLdap)
  console.warn('Skipped: the comparison of the store with OpenLDAP needs Debian’s package slapd.');

const personCount = 300;
const groupCount = 20;
const units = 3;
const firstGroup = 1_000;
const asked = ['*', 'entryUUID', 'createTimestamp', 'modifyTimestamp'];

const firstNames = [
  'Zoë',
  'ZOE',
  'Jean-Luc',
  'Ὀδυσσεύς',
  '李',
  'e\u0301lodie',
  'Élodie',
  'Ann  Mary',
  'Søren',
];
const lastNames = ['Müller', 'MULLER', 'Straße', 'Strasse', 'O’Neill', '四', 'da Silva', 'Lee', null];
const departments = ['Études', 'études', 'R&D, "Lab"; <x>', 'Law', 'a*b(c)\\d', null];
const activities = ['Student', 'staff', 'STAFF', null];

/** A person whose values are shared with some, and nearly shared with others. */
function makePerson(number: number, moved = 0): Account {
  const pick = <T>(list: readonly T[], step: number): T => list[(number * step + moved) % list.length] as T;
  const [first, last] = [pick(firstNames, 1), pick(lastNames, 5)];
  const shapes = [
    `user${number}`,
    `User.${number}`,
    `u${number}@example.org`,
    `o'u, ${number}`,
    `é ${number}`,
    `#${number}+x`,
  ];
  return makeAccount(number, pick(shapes, 1), {
    fields: {
      displayName: number % 7 === 0 ? null : `${first} ${last ?? number % 10}`,
      firstName: number % 11 === 0 ? null : first,
      lastName: last,
      email: number % 6 === 0 ? null : `Mail${number % 90}@Example.org`,
      department: pick(departments, 3),
      activity: pick(activities, 1),
      printCode: number % 4 === 0 ? `00${number}` : null,
      cardNumber: number % 3 === 0 ? String(number) : null,
      homeDirectory: number % 9 === 0 ? `\\\\files\\home$\\${number}` : null,
    },
    enabled: (number + moved) % 5 !== 0,
    groups: [0, 1, 2, 3]
      .filter((index) => (number + index) % 3 !== 0)
      .map((index) => firstGroup + ((number * (index + 1) + moved) % (groupCount - 1))),
  });
}

/** A first filling, and changes on top of it: people moved, renamed and gone, and a group renamed. The last group is empty. */
async function fill(store: Store): Promise<void> {
  const groups = Array.from({ length: groupCount }, (_, index) =>
    makeGroup(firstGroup + index, ['Staff', 'staff', 'A, B', 'Étude'][index] ?? `Class ${index}`),
  );
  const everybody = Array.from({ length: personCount + 10 }, (_, number) => makePerson(number));
  await store.apply(makeBatch({ groups, accounts: everybody, isCurrent: true }));
  await store.apply(
    makeBatch({
      at: laterMoment,
      groups: [makeGroup(firstGroup + 5, 'Renamed')],
      accounts: Array.from({ length: 60 }, (_, index) => makePerson(index * 5, 1)),
      removedAccounts: Array.from({ length: 10 }, (_, index) => idOf(personCount + index)),
      isCurrent: true,
    }),
  );
}

const isMember = ({ name }: { name: string }): boolean => name === 'member';

describe.skipIf(!hasOpenLdap)('the store beside a real OpenLDAP server', () => {
  let folder: string;
  let store: Store;
  let entries: Entry[];
  let theirs: OpenLdap;
  let ours: ServedLdap;
  let clients: [RawClient, RawClient];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ldap-store-'));
    store = createStore({ file: path.join(folder, 'directory.db'), baseDn, now: () => 0 });
    store.open();
    await fill(store);
    ours = await serveLdap(store.directory);
    const reader = connectRaw(ours.port);
    await reader.bind();
    const whole = await reader.search({ attributes: asked });
    entries = whole.entries.map(({ dn, attributes }) => makeEntry(dn, attributes));
    // RFC 4519 wants a member in every groupOfNames; ours may be without, and is shown all the same.
    const empty = entries.filter(({ dn, user }) => dn.includes(',ou=groups,') && !user.some(isMember));
    expect(empty).toHaveLength(1);
    theirs = await startOpenLdap(
      entries.filter((entry) => !empty.includes(entry)),
      empty,
    );
    clients = [connectRaw(theirs.port), reader];
    await clients[0].bind();
  });
  afterAll(async () => {
    for (const client of clients ?? []) client.close();
    await ours?.close();
    await theirs?.close();
    store.close();
    rmSync(folder, { recursive: true });
  });

  it('holds what was written, and gives each entry as slapd does', async () => {
    expect(entries).toHaveLength(units + personCount + groupCount);
    for (const { dn } of entries) {
      const [one, other] = [
        await clients[0].search({ base: dn, scope: 0, attributes: asked }),
        await clients[1].search({ base: dn, scope: 0, attributes: asked }),
      ];
      expect([one.entries.length, compareAnswers(one, other)]).toEqual([1, undefined]);
    }
  });

  it('300 filters of every kind find the same entries with the same values, in every scope', async () => {
    const sample = fc.sample(makeFilters(entries), {
      numRuns: 300,
      seed: Number(process.env['OLSEED'] ?? 2_696),
    });
    const bases = [baseDn, baseDn, `ou=people,${baseDn}`, `OU=Groups, ${baseDn}`];
    let found = 0;
    let some = 0;
    const wrong: string[] = [];
    for (const [number, filter] of sample.entries()) {
      const base = bases[number % bases.length] as string;
      const options = { base, scope: number % 3 === 2 ? 1 : 2, filter, attributes: asked };
      const [one, other] = [await clients[0].search(options), await clients[1].search(options)];
      if (one.entries.length > 0 && one.entries.length < entries.length) some += 1;
      found += one.entries.length;
      const difference = compareAnswers(one, other);
      if (difference !== undefined) wrong.push(`${base} ${showFilter(filter)}: ${difference}`);
    }
    expect(wrong).toEqual([]);
    // The filters tell entries apart: otherwise equal answers would say little.
    expect(some).toBeGreaterThan(50);
    expect(found).toBeGreaterThan(3_000);
  });
});
