// Owns the proof that what must survive a power cut is on disk in time: before an acknowledgement, and before a target's commit.
//
// A power cut cannot be made here. What can be seen is whether SQLite was told to wait for the disk in the very transaction
// that counts, whether that transaction had anything to write, and, where the system lets itself be watched, that the call
// by which the disk is waited for stands before the answer.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Applied, Target } from '../../src/gespage/target.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { openState } from '../../src/state/database.ts';
import type { InboxItem } from '../../src/state/inbox.ts';
import { createStateRooms, type StateRooms } from '../../src/state/rooms.ts';
import { createDelivery } from '../../src/sync/deliver.ts';
import { createStore } from '../../src/webhook/store.ts';
import { id, makeRooms, temporaryFile, writeAccount } from '../helpers/state.ts';
import { send, userItem } from '../webhook/public-door.ts';

/** SQLite's `synchronous = FULL`: the commit returns after the log is on disk. */
const FULL = 2;

interface Write {
  readonly what: string;
  readonly level: number;
}

/** Notes each write to these tables with the level at which its transaction will be committed. */
function watchWrites({ state }: StateRooms): () => Write[] {
  state.sql('CREATE TEMP TABLE seen (what, level)').run();
  for (const [table, what, when] of [
    ['notification', `'notification'`, 'true'],
    ['account', `'ledger'`, 'true'],
    ['published_group', `'ledger'`, 'true'],
    ['meta', `'flush'`, `new.key = 'flushed'`],
  ] as const) {
    for (const event of ['INSERT', 'UPDATE']) {
      state
        .sql(
          `CREATE TEMP TRIGGER seen_${table}_${event} AFTER ${event} ON main.${table} WHEN ${when}
           BEGIN INSERT INTO seen SELECT ${what}, synchronous FROM pragma_synchronous; END`,
        )
        .run();
    }
  }
  return () => state.sql('SELECT what, level FROM seen ORDER BY rowid').all() as Write[];
}

const item: InboxItem = {
  verdict: 'accepted',
  kind: 'change',
  subscriptionId: 's',
  event: 'updated',
  resource: 'users',
  objectId: id(1),
  count: 1,
};

describe('a notification', () => {
  it('waits for the disk before its request is answered', async () => {
    const rooms = makeRooms();
    const writes = watchWrites(rooms);
    const store = createStore({ inbox: rooms.inbox, now: () => 1, onStored: () => undefined });
    await Promise.all([store.put([item]), store.put([item, item])]);
    expect(writes()).toEqual(Array(3).fill({ what: 'notification', level: FULL }));
    expect(rooms.state.sql('SELECT * FROM pragma_synchronous').pluck().get()).not.toBe(FULL);
  });
});

describe('putting everything on disk', () => {
  it('writes something each time, or the disk would not be waited for: in a new process too', () => {
    const file = temporaryFile();
    const sizes: number[] = [];
    for (let life = 0; life < 4; life += 1) {
      const { state, meta } = createStateRooms(openState(file));
      const logSize = (): number => statSync(`${file}-wal`).size;
      const before = logSize();
      meta.flush();
      sizes.push(logSize() - before);
      state.close();
    }
    for (const size of sizes) expect(size).toBeGreaterThan(4_096);
  });

  it('is one write at the level that waits', () => {
    const rooms = makeRooms();
    const writes = watchWrites(rooms);
    rooms.meta.flush();
    expect(writes()).toEqual([{ what: 'flush', level: FULL }]);
  });
});

describe('a target', () => {
  /** A delivery whose target looks, at each commit, whether the ledger would survive a power cut as it is. */
  function makeDelivery(rooms: StateRooms, writes: () => Write[]) {
    const commits: { revision: number; isSafe: boolean }[] = [];
    const nothing: Applied = { upserted: 0, removed: 0, refused: [] };
    const target: Target = {
      name: 'stub',
      open: () => Promise.resolve(),
      position: () => Promise.resolve(undefined),
      holdings: () => Promise.resolve({ accounts: [], groups: [], last: undefined }),
      close: () => Promise.resolve(),
      apply(batch) {
        const seen = writes();
        const lastFlush = seen.findLastIndex(({ what, level }) => what === 'flush' && level === FULL);
        const lastLedger = seen.findLastIndex(({ what }) => what === 'ledger');
        commits.push({ revision: batch.to.revision, isSafe: lastFlush > lastLedger });
        return Promise.resolve(nothing);
      },
    };
    for (const name of ['users', 'groups'] as const) rooms.streams.prepare(name, 'id', 1);
    const delivery = createDelivery({
      rooms,
      target,
      askFullRound: () => undefined,
      isSettled: () => true,
      now: () => 1,
      log: createMemoryLog(),
      metrics: createMetrics({ processMetrics: false }),
    });
    return { delivery, commits };
  }

  it('is never ahead of the ledger on disk', async () => {
    const rooms = makeRooms();
    const writes = watchWrites(rooms);
    const { delivery, commits } = makeDelivery(rooms, writes);
    for (let round = 1; round <= 5; round += 1) {
      for (let key = 1; key <= round; key += 1) writeAccount(rooms, key, { login: `user${key}-${round}` });
      while ((await delivery.step()) === 'again');
    }
    expect(commits.map(({ revision }) => revision)).toEqual([1, 3, 6, 10, 15]);
    expect(commits.map(({ isSafe }) => isSafe)).toEqual(Array(5).fill(true));
  });

  it('is not written while the ledger cannot be put on disk, not even at the next try', async () => {
    const rooms = makeRooms();
    const writes = watchWrites(rooms);
    const { delivery, commits } = makeDelivery(rooms, writes);
    const { flush } = rooms.meta;
    const full = new Error('the disk is full');
    rooms.meta.flush = () => {
      throw full;
    };
    writeAccount(rooms, 1);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await expect(delivery.step()).rejects.toBe(full);
      if (attempt < 3) delivery.forget();
    }
    expect(commits).toEqual([]);
    rooms.meta.flush = flush;
    while ((await delivery.step()) === 'again');
    expect(commits).toEqual([{ revision: 1, isSafe: true }]);
  });
});

describe('watched from outside', () => {
  const missing =
    spawnSync('strace', ['-f', '--seccomp-bpf', '-qq', '-e', 'trace=none', 'true']).status === 0
      ? undefined
      : 'strace does not run here';
  if (missing !== undefined)
    console.warn(`SKIPPED: the order of the calls before an answer, since ${missing}.`);

  it.skipIf(missing !== undefined)(
    'the log is written, then the disk waited for, then 202 answered',
    async () => {
      const trace = temporaryFile('calls');
      const door = fileURLToPath(new URL('../webhook/serve-door.ts', import.meta.url));
      const calls = 'trace=pwrite64,pwritev,fdatasync,fsync,write,writev,sendto,sendmsg';
      const child = spawn(
        'strace',
        [
          '-f',
          '--seccomp-bpf',
          '-qq',
          '-y',
          '-s',
          '48',
          '-e',
          calls,
          '-o',
          trace,
          process.execPath,
          door,
          temporaryFile(),
        ],
        { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
      );
      // The tracer alone would leave what it traces running.
      const end = (): void => {
        const pid = Number.parseInt(readFileSync(trace, 'utf8'), 10);
        if (child.exitCode === null && child.signalCode === null) process.kill(pid, 'SIGKILL');
      };
      onTestFinished(end);
      const [port] = (await once(child, 'message')) as [number];
      for (let number = 1; number <= 3; number += 1) {
        expect((await send(port, { body: JSON.stringify({ value: [userItem(number)] }) })).status).toBe(202);
      }
      const ended = once(child, 'exit');
      end();
      await ended;
      const lines = readFileSync(trace, 'utf8').split('\n');
      const answers = lines.flatMap((line, at) => (line.includes('HTTP/1.1 202') ? [at] : []));
      expect(answers).toHaveLength(3);
      let from = 0;
      for (const answer of answers) {
        const before = lines.slice(from, answer);
        const written = before.findLastIndex((line) => /pwritev?6?4?\(\d+<[^>]*-wal>/.test(line));
        const waited = before.findLastIndex((line) => /f(data)?sync\(\d+<[^>]*-wal>\)\s+= 0/.test(line));
        expect(written).toBeGreaterThanOrEqual(0);
        expect(waited).toBeGreaterThan(written);
        from = answer;
      }
    },
  );
});
