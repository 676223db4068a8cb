// Owns the property that a target ends equal to the ledger, whatever the changes, the cuts and the repeats.
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Account } from '../../src/accounts/model.ts';
import { createSqlTarget } from '../../src/gespage/sql/create-sql-target.ts';
import type { ChangeBatch, Target } from '../../src/gespage/target.ts';
import { engines, type TestDatabase } from './databases.ts';
import { firstMoment, idOf, makeAccount } from './fixtures.ts';

const tables = [
  'gespage_membership',
  'gespage_account',
  'gespage_group',
  'gespage_sync_row',
  'gespage_sync_state',
];
const people = [1, 2, 3, 4, 5, 6];
const groups = [20, 21, 22];
/** Free to take, but for the last, which a row made by hand has. */
const logins = ['a', 'b', 'c', 'd', 'e', 'root'];
const handMade = 90;

const person = fc.constantFrom(...people);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      person,
      login: fc.constantFrom(...logins),
      name: fc.constantFrom(null, 'x', 'é🎓', 'poison\u0000'),
      enabled: fc.boolean(),
      groups: fc.subarray(groups),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('swap' as const), person, other: person }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), person }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('group' as const),
      group: fc.constantFrom(...groups),
      name: fc.constantFrom(null, 'G', 'H'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('deliver' as const), limit: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rewind' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The ledger as the target sees it: for each object the wanted state, or null once removed, and its revision. */
function createLedger() {
  const accounts = new Map<string, { revision: number; account: Account | null }>();
  const named = new Map<string, { revision: number; name: string | null }>();
  let revision = 0;
  const read = (number: number) => accounts.get(idOf(number))?.account ?? undefined;
  const write = (account: Account) => accounts.set(account.externalId, { revision: ++revision, account });
  return {
    accounts,
    named,
    take(change: Step) {
      if (change.do === 'write') {
        const holder = [...accounts.values()].find(({ account }) => account?.login === change.login)?.account;
        const login =
          holder == null || holder.externalId === idOf(change.person)
            ? change.login
            : read(change.person)?.login;
        const listed = change.groups.filter((number) => named.get(idOf(number))?.name !== null);
        const parts = { fields: { displayName: change.name }, enabled: change.enabled, groups: listed };
        if (login !== undefined) write(makeAccount(change.person, login, parts));
      } else if (change.do === 'swap') {
        const [one, two] = [read(change.person), read(change.other)];
        if (one === undefined || two === undefined || one === two) return;
        write({ ...one, login: two.login });
        write({ ...two, login: one.login });
      } else if (change.do === 'remove' && read(change.person) !== undefined) {
        accounts.set(idOf(change.person), { revision: ++revision, account: null });
      } else if (change.do === 'group') {
        const id = idOf(change.group);
        named.set(id, { revision: ++revision, name: change.name });
        // As in the real ledger: a group that is no longer published leaves the accounts.
        const members = change.name !== null ? [] : [...accounts.values()].map(({ account }) => account);
        for (const account of members) {
          if (account?.groups.includes(id))
            write({ ...account, groups: account.groups.filter((one) => one !== id) });
        }
      }
    },
    /** The next `limit` changes after a revision. */
    batchAfter(from: number, limit: number): ChangeBatch | undefined {
      const revisions = [...accounts.values(), ...named.values()].map((entry) => entry.revision);
      const to = revisions
        .filter((entry) => entry > from)
        .sort((a, b) => a - b)
        .slice(0, limit)
        .at(-1);
      if (to === undefined) return undefined;
      const isDue = ([, entry]: [string, { revision: number }]) =>
        entry.revision > from && entry.revision <= to;
      const dueAccounts = [...accounts].filter(isDue);
      const dueGroups = [...named].filter(isDue);
      return {
        to: { ledgerId: 'ledger', revision: to },
        at: firstMoment,
        accounts: dueAccounts.flatMap(([, { account }]) => account ?? []),
        removedAccounts: dueAccounts.filter(([, { account }]) => account === null).map(([id]) => id),
        groups: dueGroups.flatMap(([externalId, { name }]) => (name === null ? [] : { externalId, name })),
        removedGroups: dueGroups.filter(([, { name }]) => name === null).map(([id]) => id),
        isCurrent: to === Math.max(...revisions),
      };
    },
  };
}

type Ledger = ReturnType<typeof createLedger>;

async function deliver(target: Target, ledger: Ledger, limit: number): Promise<boolean> {
  const batch = ledger.batchAfter((await target.position())?.revision ?? 0, limit);
  if (batch !== undefined) await target.apply(batch);
  return batch !== undefined;
}

async function expectEqual(database: TestDatabase, ledger: Ledger): Promise<void> {
  const rows = new Map(
    (await database.query('SELECT * FROM gespage_account')).map((row) => [row.external_id, row]),
  );
  const memberships = await database.query('SELECT * FROM gespage_membership');
  expect(rows.get(idOf(handMade))).toMatchObject({ login: 'root', display_name: 'By Hand' });
  rows.delete(idOf(handMade));
  for (const [id, { account }] of ledger.accounts) {
    const row = rows.get(id);
    rows.delete(id);
    const held = memberships.filter((one) => one.account_id === id).map((one) => String(one.group_id));
    const isRefused = account?.login === 'root' || account?.fields.displayName?.includes('\u0000');
    if (account === null || (isRefused && row === undefined)) {
      expect(row).toBeUndefined();
      expect(held).toEqual([]);
      continue;
    }
    expect(held.sort()).toEqual(account.groups);
    if (isRefused) {
      if (!account.enabled) expect(Boolean(row?.enabled)).toBe(false);
      expect(row?.login).not.toBe('root');
    } else {
      expect(row).toMatchObject({ login: account.login, display_name: account.fields.displayName });
      expect(Boolean(row?.enabled)).toBe(account.enabled);
    }
  }
  expect([...rows.keys()]).toEqual([]);
  const wantedGroups = [...ledger.named].flatMap(([id, { name }]) => (name === null ? [] : [[id, name]]));
  const groupRows = await database.query('SELECT * FROM gespage_group');
  expect(groupRows.map((row) => [row.external_id, row.name]).sort()).toEqual(wantedGroups.sort());
}

describe.each(engines)('a $name target', (engine) => {
  const sentence = 'ends equal to the ledger after any changes, in any cuts, with any repeats';
  test.skipIf(engine.missing !== undefined)(sentence, { timeout: 120_000 }, async () => {
    const database = await engine.create();
    onTestFinished(() => database.drop());
    const run = async (steps: Step[]) => {
      const target = createSqlTarget({ url: database.url, fields: ['displayName'] });
      try {
        await target.open();
        // Rows go, tables stay: on a server, making a database takes longer than all the steps.
        for (const table of tables) await database.query(`DELETE FROM ${table}`);
        const on = engine.name === 'postgres' ? 'true' : '1';
        await database.query(
          `INSERT INTO gespage_account (external_id, login, display_name, enabled, updated_at)
           VALUES ('${idOf(handMade)}', 'root', 'By Hand', ${on}, '2001-01-01 00:00:00')`,
        );
        const ledger = createLedger();
        for (const change of steps) {
          if (change.do === 'deliver') await deliver(target, ledger, change.limit);
          else if (change.do === 'rewind') await database.query('UPDATE gespage_sync_state SET revision = 0');
          else ledger.take(change);
        }
        while (await deliver(target, ledger, 3));
        await expectEqual(database, ledger);
      } finally {
        await target.close();
      }
    };
    const steps = fc.array(step, { maxLength: 60, size: 'max' });
    await fc.assert(fc.asyncProperty(steps, run), { numRuns: engine.name === 'sqlite' ? 150 : 40 });
  });
});
