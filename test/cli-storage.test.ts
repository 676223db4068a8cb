// Owns the proof that every verb, and the start of the service, meets a state database in trouble with words, never a stack.
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../src/cli/run.ts';
import { openState } from '../src/state/database.ts';
import { createStateRooms } from '../src/state/rooms.ts';
import { openFolder, removeFolders, run } from './cli/command.ts';
import { startProcess } from './helpers/process.ts';
import { adminToken } from './helpers/service.ts';
import { makeSmallDisk, sayIfNoSmallDisk } from './helpers/small-disk.ts';
import { apply, user } from './helpers/state.ts';

afterEach(removeFolders);
const withoutDisk = sayIfNoSmallDisk('what verbs say on a full or read-only disk');

/** A state database as a service leaves it that was stopped. */
function makeFile(folder = openFolder()): string {
  const file = path.join(folder, 'state.db');
  const rooms = createStateRooms(openState(file));
  apply(
    rooms,
    'user',
    Array.from({ length: 500 }, (_, at) => user(at)),
  );
  rooms.state.close();
  return file;
}

/** A whole configuration; nobody answers at its addresses. */
const environmentOf = (file: string): Record<string, string> => ({
  AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
  AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
  AZURE_CLIENT_SECRET: 'not~a.real-secret-0123456789',
  AZURE_AUTHORITY_HOST: 'https://127.0.0.1:1',
  GRAPH_BASE_URL: 'https://127.0.0.1:1',
  ADMIN_TOKEN: adminToken,
  ADMIN_PORT: '0',
  STATE_PATH: file,
  GESPAGE_SQL_URL: `sqlite:${path.join(openFolder(), 'gespage.db')}`,
});

/** Runs a verb in this process; `words` is what it says to people. */
async function ask(file: string, ...args: string[]): Promise<{ code: number; words: string }> {
  let words = '';
  const write = (text: string): void => void (words += text);
  const code = await runCommand(args, {
    env: environmentOf(file),
    files: { read: (name) => readFileSync(name, 'utf8') },
    now: Date.now,
    out: write,
    err: write,
    onInterrupt: () => undefined,
  });
  return { code, words };
}

/** The verbs that open the state database as a look, as an upkeep, as a decision, or to work. */
const verbs: readonly (readonly string[])[] = [
  ['status'],
  ['subscriptions'],
  ['holds'],
  ['hold', '1', 'approve'],
  ['explain', 'anna'],
  ['migrate'],
  ['backup'],
  ['check'],
  ['resync'],
];

async function askAll(file: string): Promise<{ verb: string; code: number; words: string }[]> {
  const ended = [];
  for (const verb of verbs) {
    const args = verb[0] === 'backup' ? ['backup', path.join(openFolder(), 'copy.db')] : verb;
    ended.push({ verb: verb.join(' '), ...(await ask(file, ...args)) });
  }
  return ended;
}

/** What the start of the service says, as one line of its log. */
async function startService(file: string): Promise<string> {
  const service = startProcess(environmentOf(file));
  expect(await service.ended).toEqual({ code: 1, signal: null });
  return service.output();
}

const noStack = /^\s+at .+[:(]|\.(ts|js|cjs|mjs):\d/m;

function spoil(file: string, at: number): void {
  const content = readFileSync(file);
  content.fill(0x5a, at);
  writeFileSync(file, content);
}

const wayBack = /move .* aside\. Put a backup in its place, or nothing/;

describe.each<[string, (file: string) => void, RegExp, RegExp]>([
  ['garbage', (file) => writeFileSync(file, 'no database '.repeat(900)), /file is not a database/, wayBack],
  [
    'a truncated file',
    (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
    /image is malformed/,
    wayBack,
  ],
  ['an empty file', (file) => truncateSync(file, 0), /is empty/, wayBack],
  [
    'the database of another program',
    (file) => {
      rmSync(file);
      const other = new Database(file);
      other.exec('CREATE TABLE invoices (id)');
      other.close();
    },
    /database of another program/,
    /Give STATE_PATH a path of its own/,
  ],
  [
    'a newer schema',
    (file) => {
      const sqlite = new Database(file);
      sqlite.exec(`INSERT INTO __drizzle_migrations(hash, created_at) VALUES ('x', 9999999999999)`);
      sqlite.close();
    },
    /written by a newer version/,
    /Install that version again/,
  ],
  [
    'a lock file that is none',
    (file) => writeFileSync(`${file}-lease`, 'no lock '.repeat(900)),
    /Something else was written over .*-lease/,
    /delete it/,
  ],
])('%s', (name, change, what, advice) => {
  it('is told by every verb that meets it, with what to do', { timeout: 60_000 }, async () => {
    const file = makeFile();
    change(file);
    const ended = await askAll(file);
    for (const { verb, code, words } of ended) {
      const ignores =
        (name === 'a newer schema' && verb === 'backup') ||
        (name === 'the database of another program' && verb === 'backup') ||
        (name === 'a lock file that is none' &&
          ['subscriptions', 'holds', 'hold 1 approve', 'explain anna', 'backup'].includes(verb));
      expect(words, verb).not.toMatch(noStack);
      if (ignores) continue;
      expect([verb, code]).toEqual([verb, 1]);
      expect(words.replaceAll(/\s+/g, ' '), verb).toMatch(what);
      expect(words.replaceAll(/\s+/g, ' '), verb).toMatch(advice);
      expect(words, verb).toContain(file);
    }
  });

  it('ends the start of the service with the same words', async () => {
    const file = makeFile();
    change(file);
    const output = await startService(file);
    expect(output).toMatch(what);
    expect(output).toMatch(advice);
    expect(output).not.toContain('"stack"');
    expect(output).not.toMatch(noStack);
  });
});

describe('pages of something else', () => {
  it('are found by check and backup, and by whoever meets them', { timeout: 60_000 }, async () => {
    const file = makeFile();
    spoil(file, Math.floor(statSync(file).size * 0.6));
    const ended = new Map((await askAll(file)).map((one) => [one.verb, one]));
    for (const [verb, { words }] of ended) expect(words, verb).not.toMatch(noStack);
    for (const verb of ['check', 'backup']) {
      expect(ended.get(verb)).toMatchObject({ code: 1 });
      expect(ended.get(verb)?.words.replaceAll(/\s+/g, ' ')).toMatch(/state database .* is damaged.*/);
      expect(ended.get(verb)?.words.replaceAll(/\s+/g, ' ')).toMatch(wayBack);
    }
  });
});

describe('an older schema', () => {
  it('sends looks to migrate', async () => {
    const file = makeFile();
    const sqlite = new Database(file);
    sqlite.exec('DELETE FROM __drizzle_migrations');
    sqlite.close();
    for (const verb of [['status'], ['holds'], ['explain', 'anna']]) {
      const { code, words } = await ask(file, ...verb);
      expect([code, words]).toEqual([1, expect.stringContaining('run "gespage-sync migrate"')]);
    }
  });
});

describe('a file that another program keeps locked', () => {
  it('is told after a while, with what may hold it', { timeout: 60_000 }, async () => {
    const file = makeFile();
    const other = new Database(file);
    onTestFinished(() => void other.close());
    other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    const [output, { code, err }] = await Promise.all([
      startService(file),
      run(['hold', '1', 'approve'], { STATE_PATH: file }),
    ]);
    expect(code).toBe(1);
    for (const words of [output, err]) {
      expect(words).toMatch(/database is locked\. Another program keeps it locked.*Close that program/);
      expect(words).not.toMatch(noStack);
    }
  });
});

describe.skipIf(withoutDisk)('a disk', () => {
  it('that is full ends the first start, and the next one works once there is room', async () => {
    const disk = makeSmallDisk();
    const file = path.join(disk.folder, 'state.db');
    disk.fill();
    const output = await startService(file);
    expect(output).toMatch(/The disk is full.*Make room, then start again/);
    expect(output).not.toMatch(noStack);
    disk.makeRoom();
    expect((await ask(file, 'migrate')).code).toBe(0);
  });

  it('that is full is told by every verb, with the room that it takes', async () => {
    const disk = makeSmallDisk();
    const file = makeFile(disk.folder);
    disk.fill();
    for (const { verb, code, words } of await askAll(file)) {
      expect([verb, code]).toEqual([verb, 1]);
      expect(words.replaceAll(/\s+/g, ' '), verb).toMatch(/The disk is full.*Make room/);
      expect(words, verb).not.toMatch(noStack);
    }
    disk.makeRoom();
    expect((await ask(file, 'status')).code).toBe(0);
  });

  it('that is too full for a backup keeps nothing of it', async () => {
    const disk = makeSmallDisk();
    disk.fill();
    const copy = path.join(disk.folder, 'copy.db');
    const { code, words } = await ask(makeFile(), 'backup', copy);
    expect([code, words]).toEqual([1, expect.stringMatching(/backup to .* failed.*has space/)]);
    expect(() => statSync(copy)).toThrow();
  });

  it('that is read-only is told by every verb, and by the start', { timeout: 60_000 }, async () => {
    const disk = makeSmallDisk();
    const file = makeFile(disk.folder);
    disk.makeReadOnly();
    const words = /read-only for the account that this runs under.*the right to write/;
    expect(await startService(file)).toMatch(words);
    for (const { verb, code, words: said } of await askAll(file)) {
      expect([verb, code]).toEqual([verb, 1]);
      expect(said.replaceAll(/\s+/g, ' '), verb).toMatch(words);
      expect(said, verb).not.toMatch(noStack);
    }
  });
});
