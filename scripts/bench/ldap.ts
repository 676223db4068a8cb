// Owns the benchmark of the LDAP directory: a paged subtree search beside OpenLDAP's slapd, over the same entries, by the
// same client, in one run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Account } from '../../src/accounts/model.ts';
import type { Entry } from '../../src/gespage/ldap/directory.ts';
import { createStore } from '../../src/gespage/ldap/store/store.ts';
import { createThreadedLdapTarget } from '../../src/gespage/ldap/threaded-target.ts';
import type { ChangeBatch } from '../../src/gespage/target.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { hasOpenLdap, startOpenLdap } from '../../test/gespage/ldap/openldap.ts';
import { readerDn, readerPassword } from '../../test/gespage/ldap/serve-ldap.ts';
import { type Read, readByPages } from './ldap-client.ts';
import { median, type Result } from './result.ts';

const people = Number(process.env['BENCH_LDAP_PEOPLE'] ?? 100_000);
const groupCount = 200;
const groupsEach = 4;
const pageSize = 1_000;
const rounds = 5;
const wantedRatio = 0.5;
const baseDn = 'dc=gespage,dc=sync';
const batchSize = 1_000;

/** What an importer asks for, beside everything. */
const selections: Readonly<Record<string, readonly string[]>> = {
  'all attributes': [],
  'seven attributes': ['uid', 'cn', 'sn', 'mail', 'department', 'memberOf', 'userAccountControl'],
};

const idOf = (kind: number, number: number): string =>
  `${kind}0000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

function makePerson(number: number): Account {
  const groups = Array.from({ length: groupsEach }, (_, index) =>
    idOf(2, (number * (index + 1) + index * 7) % groupCount),
  );
  return {
    externalId: idOf(1, number),
    login: `person${number}`,
    enabled: number % 20 !== 0,
    fields: {
      displayName: `Person Número ${number}`,
      firstName: `Person${number % 997}`,
      lastName: `Número${number % 1_013}`,
      email: `person${number}@school.example.org`,
      department: `Department ${number % 60}`,
      activity: null,
      printCode: null,
      cardNumber: null,
      homeDirectory: null,
    },
    groups: [...new Set(groups)].sort(),
  };
}

function* makeBatches(): Generator<ChangeBatch> {
  const groups = Array.from({ length: groupCount }, (_, number) => ({
    externalId: idOf(2, number),
    name: `Class ${number}`,
  }));
  for (let from = 0; from < people; from += batchSize) {
    const size = Math.min(batchSize, people - from);
    yield {
      to: { ledgerId: 'bench', revision: from + size },
      at: new Date('2026-01-01T00:00:00Z'),
      groups: from === 0 ? groups : [],
      removedGroups: [],
      accounts: Array.from({ length: size }, (_, index) => makePerson(from + index)),
      removedAccounts: [],
      isCurrent: from + size === people,
    };
  }
}

export async function run(): Promise<Result> {
  if (!hasOpenLdap) {
    console.warn('SKIPPED: the LDAP benchmark needs OpenLDAP beside it: install Debian’s package slapd.');
    return { tables: [], requirements: [], measurements: { skipped: 'no slapd' } };
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-bench-ldap-'));
  const file = path.join(folder, 'directory.db');
  const log = createMemoryLog([]);
  const bind = { dn: readerDn, password: readerPassword };
  const target = createThreadedLdapTarget({ file, baseDn, host: '127.0.0.1', port: 0, bind }, log);
  try {
    await target.open();
    const filledFrom = performance.now();
    for (const batch of makeBatches()) await target.apply(batch);
    const fillMs = performance.now() - filledFrom;
    await target.serve?.();
    const ours = log.lines.find(({ fields }) => typeof fields['port'] === 'number')?.fields['port'] as number;
    const entries = readEntries(file);
    const theirs = await startOpenLdap(entries);
    try {
      return await compare({ ours, theirs: theirs.port, entries: entries.length, fillMs });
    } finally {
      await theirs.close();
    }
  } finally {
    await target.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All that the directory holds, for slapd to be loaded with. */
function readEntries(file: string): Entry[] {
  const store = createStore({ file, baseDn, now: Date.now });
  store.open();
  const snapshot = store.directory.open();
  const filter = { kind: 'present', name: 'objectclass' } as const;
  const entries = [...snapshot.search({ base: baseDn, scope: 'subtree', filter })].map(({ entry }) => entry);
  // Values are read when they are asked for: before the store is closed.
  for (const entry of entries) for (const { values } of entry.user) void values.length;
  snapshot.close();
  store.close();
  return entries;
}

async function compare(setting: {
  readonly ours: number;
  readonly theirs: number;
  readonly entries: number;
  readonly fillMs: number;
}): Promise<Result> {
  const { ours, theirs, entries, fillMs } = setting;
  const rows: (string | number)[][] = [];
  const measurements: Record<string, { ours: Read[]; theirs: Read[] }> = {};
  const ratios: number[] = [];
  for (const [name, attributes] of Object.entries(selections)) {
    const one: { ours: Read[]; theirs: Read[] } = { ours: [], theirs: [] };
    // The first round of each warms up, and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      const reads = {
        ours: await readByPages(ours, { attributes }, pageSize),
        theirs: await readByPages(theirs, { attributes }, pageSize),
      };
      if (reads.ours.entries !== entries || reads.theirs.entries !== entries)
        throw new Error(`Of ${entries} entries ${reads.ours.entries} and ${reads.theirs.entries} came.`);
      if (round === 0) continue;
      one.ours.push(reads.ours);
      one.theirs.push(reads.theirs);
    }
    const perSecond = (reads: readonly Read[]): number =>
      median(reads.map((read) => (read.entries / read.ms) * 1_000));
    const ratio = perSecond(one.ours) / perSecond(one.theirs);
    ratios.push(ratio);
    rows.push([name, entries, perSecond(one.theirs), perSecond(one.ours), ratio]);
    measurements[name] = one;
  }
  return {
    tables: [
      {
        title: `LDAP: the whole tree by pages of ${pageSize}, beside slapd (same client, same entries, one connection)`,
        columns: ['asked for', 'entries', 'slapd, entries/s', 'ours, entries/s', 'ratio'],
        rows,
      },
      {
        title: 'LDAP: the first filling of the directory, in its thread',
        columns: ['people', 'people/s'],
        rows: [[people.toLocaleString('en-US'), (people / fillMs) * 1_000]],
      },
    ],
    requirements: [
      {
        what: 'LDAP, paged subtree search beside slapd, the worse of both selections',
        wanted: `at least ${wantedRatio} of slapd`,
        measured: Math.min(...ratios),
        met: Math.min(...ratios) >= wantedRatio,
      },
    ],
    measurements: { pageSize, rounds, people, groupCount, groupsEach, fillMs, reads: measurements },
  };
}
