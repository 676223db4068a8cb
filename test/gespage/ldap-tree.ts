// Owns looking into the LDAP directory's store in tests: the whole tree as plain text, or what a search gives.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Attribute, Entry, Filter, Query, Snapshot } from '../../src/gespage/ldap/directory.ts';
import { decodeAttributes } from '../../src/gespage/ldap/store/encode.ts';
import { createStore, type Store } from '../../src/gespage/ldap/store/store.ts';
import type { Applied, ChangeBatch } from '../../src/gespage/target.ts';
import { makeBatch } from './fixtures.ts';

export const baseDn = 'dc=gespage,dc=sync';
export const anything: Filter = { kind: 'present', name: 'objectclass' };
const binary = new Set(['objectGUID']);

/** DN -> attribute -> values. */
export type Tree = Record<string, Record<string, readonly string[]>>;

export interface TestStore extends Store {
  readonly file: string;
  /** Applies a batch after which the directory is whole. */
  write(parts: Partial<ChangeBatch>): Promise<Applied>;
  tree(): Tree;
  /** DNs relative to the base that a search may consider. */
  find(query: Partial<Query>): string[];
}

export function makeStore(
  options: { baseDn?: string; departments?: boolean; file?: string; mostOld?: number } = {},
): TestStore {
  const folder = mkdtempSync(join(tmpdir(), 'gespage-ldap-'));
  const file = options.file ?? join(folder, 'made', 'directory.db');
  const store = createStore({ baseDn, now: () => 0, ...options, file });
  onTestFinished(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const look = <T>(work: (snapshot: Snapshot) => T): T => {
    const snapshot = store.directory.open();
    try {
      return work(snapshot);
    } finally {
      snapshot.close();
    }
  };
  return {
    ...store,
    file,
    write: (parts) => store.apply(makeBatch({ isCurrent: true, ...parts })),
    tree: () => look(readTree),
    find: (query) =>
      look((snapshot) =>
        [...snapshot.search({ base: baseDn, scope: 'subtree', filter: anything, ...query })].map(
          ({ entry }) => entry.dn.replace(/,?dc=gespage,dc=sync$/, ''),
        ),
      ),
  };
}

/** Every entry with all of its attributes; the values of `member` and `memberOf` in order, since they are sets. */
export function readTree(snapshot: Snapshot): Tree {
  const found = [...snapshot.search({ base: '', scope: 'subtree', filter: anything })];
  return Object.fromEntries(found.map(({ entry }) => [entry.dn, describe(entry)]));
}

function describe(entry: Entry): Record<string, readonly string[]> {
  const encoded = entry.encodedUser ? decodeAttributes(entry.encodedUser) : entry.user;
  if (JSON.stringify(toText(encoded)) !== JSON.stringify(toText(entry.user)))
    throw new Error(`${entry.dn} is encoded as something else.`);
  return toText([...entry.user, ...entry.operational]);
}

function toText(attributes: readonly Attribute[]): Record<string, readonly string[]> {
  return Object.fromEntries(
    attributes.map(({ name, values }) => {
      const texts = values.map((value) => value.toString(binary.has(name) ? 'hex' : 'utf8'));
      return [name, name.startsWith('member') ? texts.toSorted() : texts];
    }),
  );
}
