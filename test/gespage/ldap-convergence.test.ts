// Owns the property that the LDAP directory depends on the ledger alone: not on the order, the cuts or the repeats in
// which changes came; and that whoever reads it meanwhile goes on seeing one state of it.
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Account } from '../../src/accounts/model.ts';
import type { ChangeBatch } from '../../src/gespage/target.ts';
import { idOf, makeAccount, makeBatch } from './fixtures.ts';
import { makeStore, readTree, type TestStore, type Tree } from './ldap-tree.ts';

const people = [1, 2, 3, 4, 5];
const groups = [20, 21, 22];
const logins = ['a', 'b', 'c, d', 'E', 'ö#'];

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      person: fc.constantFrom(...people),
      login: fc.constantFrom(...logins),
      name: fc.constantFrom(null, 'X', 'Yves Ö'),
      department: fc.constantFrom(null, 'Law', 'A, B'),
      enabled: fc.boolean(),
      groups: fc.subarray(groups),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('swap' as const),
      person: fc.constantFrom(...people),
      other: fc.constantFrom(...people),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('remove' as const), person: fc.constantFrom(...people) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('group' as const),
      group: fc.constantFrom(...groups),
      name: fc.constantFrom(null, 'Staff', 'staff', 'STAFF ', 'A+B'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('deliver' as const), limit: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rewind' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The wanted state of each object, or null once it is gone, with the revision of its last change. */
function makeLedger() {
  const accounts = new Map<string, { revision: number; account: Account | null }>();
  const named = new Map<string, { revision: number; name: string | null }>();
  let revision = 0;
  const held = (number: number): Account | undefined => accounts.get(idOf(number))?.account ?? undefined;
  const write = (account: Account): void =>
    void accounts.set(account.externalId, { revision: ++revision, account });
  const present = (): Account[] => [...accounts.values()].flatMap(({ account }) => account ?? []);

  function take(change: Step): void {
    switch (change.do) {
      case 'write': {
        const holder = present().find(({ login }) => login === change.login)?.externalId;
        const isFree = holder === undefined || holder === idOf(change.person);
        const login = isFree ? change.login : held(change.person)?.login;
        const listed = change.groups.filter((number) => named.get(idOf(number))?.name !== null);
        const fields = { displayName: change.name, department: change.department };
        const parts = { fields, enabled: change.enabled, groups: listed };
        if (login !== undefined) write(makeAccount(change.person, login, parts));
        return;
      }
      case 'swap': {
        const [one, two] = [held(change.person), held(change.other)];
        if (one === undefined || two === undefined || one === two) return;
        write({ ...one, login: two.login });
        write({ ...two, login: one.login });
        return;
      }
      case 'remove':
        if (held(change.person)) accounts.set(idOf(change.person), { revision: ++revision, account: null });
        return;
      case 'group': {
        const id = idOf(change.group);
        named.set(id, { revision: ++revision, name: change.name });
        if (change.name !== null) return;
        // As in the real ledger: a group that is no longer published leaves the accounts.
        for (const account of present()) {
          if (account.groups.includes(id))
            write({ ...account, groups: account.groups.filter((one) => one !== id) });
        }
        return;
      }
      case 'deliver':
      case 'rewind':
      case 'look':
        return;
    }
  }

  /** The next `limit` changes after a revision. */
  function changesAfter(from: number, limit: number): ChangeBatch | undefined {
    const newer = [...accounts.values(), ...named.values()]
      .map((one) => one.revision)
      .filter((one) => one > from)
      .sort((a, b) => a - b);
    const to = newer.slice(0, limit).at(-1);
    if (to === undefined) return undefined;
    const isDue = (one: { revision: number }): boolean => one.revision > from && one.revision <= to;
    const dueAccounts = [...accounts].filter(([, one]) => isDue(one));
    const dueGroups = [...named].filter(([, one]) => isDue(one));
    return makeBatch({
      to: { ledgerId: 'ledger', revision: to },
      accounts: dueAccounts.flatMap(([, { account }]) => account ?? []),
      removedAccounts: dueAccounts.filter(([, { account }]) => account === null).map(([id]) => id),
      groups: dueGroups.flatMap(([externalId, { name }]) => (name === null ? [] : { externalId, name })),
      removedGroups: dueGroups.filter(([, { name }]) => name === null).map(([id]) => id),
      isCurrent: to === newer.at(-1),
    });
  }

  return { take, changesAfter };
}

test.each([
  ['', false],
  [', with units of departments', true],
])(
  '[pitfall 30] the tree is what the ledger says, after any changes, and readers keep the state they began with%s',
  async (_, departments) => {
    const run = async (steps: Step[]): Promise<void> => {
      const store = makeStore({ departments });
      const ledger = makeLedger();
      const kept: { seen: Tree; again: () => Tree }[] = [];
      const deliver = async (to: TestStore, limit: number): Promise<boolean> => {
        const batch = ledger.changesAfter(to.position()?.revision ?? 0, limit);
        if (batch) await to.apply(batch);
        return batch !== undefined;
      };
      for (const change of steps) {
        if (change.do === 'deliver') await deliver(store, change.limit);
        else if (change.do === 'rewind') rewind(store);
        else if (change.do === 'look') look(store, kept);
        else ledger.take(change);
      }
      while (await deliver(store, 3));
      const fresh = makeStore({ departments });
      await fresh.apply(ledger.changesAfter(0, 1_000) ?? makeBatch({ isCurrent: true }));
      await store.write({ to: store.position() ?? { ledgerId: 'ledger', revision: 0 } });
      expect(withoutTimes(store.tree())).toEqual(withoutTimes(fresh.tree()));
      expect(holdingsOf(store)).toEqual(holdingsOf(fresh));
      for (const { seen, again } of kept) expect(again()).toEqual(seen);
      expect(findDangling(store.tree())).toEqual([]);
      for (const { close } of [store, fresh]) close();
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), run), { numRuns: 60 });
  },
  120_000,
);

function rewind(store: TestStore): void {
  store.open();
  const database = new Database(store.file);
  database.prepare('UPDATE state SET revision = 0').run();
  database.close();
}

function look({ directory }: TestStore, kept: { seen: Tree; again: () => Tree }[]): void {
  if (kept.length >= 5) return;
  let snapshot;
  try {
    snapshot = directory.open();
  } catch (error) {
    expect((error as Error).name).toBe('DirectoryUnavailable');
    return;
  }
  const used = snapshot;
  kept.push({ seen: readTree(used), again: () => readTree(used) });
}

function withoutTimes(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([dn, attributes]) => [
      dn,
      Object.fromEntries(Object.entries(attributes).filter(([name]) => !name.endsWith('Timestamp'))),
    ]),
  );
}

function holdingsOf(store: TestStore): unknown {
  const pages = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const page = store.holdings(after, 2);
    pages.push(...page.accounts, ...page.groups);
    after = page.last;
  }
  return pages;
}

/** Links that do not lead both ways. */
function findDangling(tree: Tree): string[] {
  return Object.entries(tree).flatMap(([dn, { member = [], memberOf = [] }]) => [
    ...member.filter((one) => !tree[one]?.['memberOf']?.includes(dn)),
    ...memberOf.filter((one) => !tree[one]?.['member']?.includes(dn)),
  ]);
}
