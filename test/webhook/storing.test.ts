import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createStore } from '../../src/webhook/store.ts';
import type { InboxItem } from '../../src/state/inbox.ts';
import { id, makeRooms, temporaryFile } from '../helpers/state.ts';
import { listen, makePublicDoor, post, routes, send, stored, userItem } from './public-door.ts';

const item: InboxItem = {
  verdict: 'accepted',
  kind: 'change',
  subscriptionId: 's',
  event: 'updated',
  resource: 'users',
  objectId: id(1),
  count: 1,
};

describe('requests that arrive together', () => {
  it('share one commit, and each is answered', async () => {
    const door = makePublicDoor();
    const { app, rooms, commits } = door;
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => post(app, { value: [userItem(at)] })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(stored(rooms)).toHaveLength(50);
    expect(commits.length).toBeLessThanOrEqual(3);
    expect([commits.reduce((sum, one) => sum + one, 0), door.told()]).toEqual([50, commits.length]);
  });

  it('do so over sockets too', async () => {
    const { app, rooms, commits } = makePublicDoor();
    const port = await listen(app);
    const sockets = Array.from({ length: 60 }, () => connect(port, '127.0.0.1'));
    const write = async (socket: Socket, body: string): Promise<string> => {
      const answer = once(socket, 'data') as Promise<[Buffer]>;
      const head = `POST ${routes[0]} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json`;
      socket.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      return (await answer)[0].toString();
    };
    // Connections are taken up one in a turn; once they are, their requests are read together.
    await Promise.all(sockets.map((socket) => write(socket, 'no batch')));
    const answers = await Promise.all(
      sockets.map((socket, at) => write(socket, JSON.stringify({ value: [userItem(at)] }))),
    );
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 202 /);
    for (const socket of sockets) socket.destroy();
    expect(stored(rooms)).toHaveLength(60);
    expect(commits.length).toBeLessThan(20);
  });

  it('are each kept whole and in their order', async () => {
    const rooms = makeRooms();
    const store = createStore({ inbox: rooms.inbox, now: () => 5, onStored: () => undefined });
    const named = (number: number) => ({ ...item, objectId: id(number) });
    await Promise.all([store.put([named(1), named(2)]), store.put([]), store.put([named(3)])]);
    expect(stored(rooms).map(({ objectId }) => objectId)).toEqual([id(1), id(2), id(3)]);
    expect(rooms.state.sql('SELECT DISTINCT received_at FROM notification').pluck().all()).toEqual([5]);
  });
});

describe('an answer', () => {
  it('comes only after the commit', async () => {
    let committed = false;
    const store = createStore({
      inbox: { append: () => void (committed = true) },
      now: () => 0,
      onStored: () => undefined,
    });
    const put = store.put([item]);
    expect(committed).toBe(false);
    await put;
    expect(committed).toBe(true);
  });

  it('is 503 for all who shared a commit that failed, at once; and the next ones are stored again [trouble 13.4]', async () => {
    let broken = true;
    const door = makePublicDoor({
      break() {
        if (broken) throw new Error('disk I/O error');
      },
    });
    const { app, rooms, log, counted } = door;
    const answers = await Promise.all([1, 2, 3].map((at) => post(app, { value: [userItem(at)] })));
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect([stored(rooms), counted.size, door.told()]).toEqual([[], 0, 0]);
    expect(log.lines[0]).toMatchObject({
      level: 'error',
      fields: { advice: expect.stringContaining('STATE_PATH') as string },
    });
    broken = false;
    expect((await post(app, { value: [userItem(1)] })).status).toBe(202);
    expect(stored(rooms)).toHaveLength(1);
  });

  it('is 503 where the database is closed or cannot be read', async () => {
    const { app, rooms } = makePublicDoor();
    rooms.state.close();
    expect((await post(app, { value: [userItem(1)] })).status).toBe(503);
  });

  it('is 503 at once, rather than late, while too much waits', async () => {
    const store = createStore({
      inbox: { append: () => undefined },
      now: () => 0,
      onStored: () => undefined,
    });
    const many = Array.from({ length: 150_000 }, () => item);
    const first = store.put(many);
    await expect(store.put(many)).rejects.toThrow('too many');
    await first;
    await store.put(many);
  });
});

describe('a process that is killed', () => {
  /** The door in a process of its own. */
  async function startDoor(file: string): Promise<{ child: ChildProcess; port: number }> {
    const child = fork(fileURLToPath(new URL('./serve-door.ts', import.meta.url)), [file]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const died = once(child, 'exit').then(() => Promise.reject(new Error('the door did not open')));
    const [port] = (await Promise.race([once(child, 'message'), died])) as [number];
    died.catch(() => undefined);
    return { child, port };
  }

  it('right after a 202 has what it acknowledged, every time [pitfall 1]', async () => {
    const file = temporaryFile();
    const acknowledged: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { child, port } = await startDoor(file);
      const ended = once(child, 'exit');
      const waves = Array.from({ length: 20 }, (_, at) => 100 * round + at);
      // The first answer of the last wave ends the process while others are still under way.
      await Promise.all(
        waves.map(async (number) => {
          try {
            const { status } = await send(port, { body: JSON.stringify({ value: [userItem(number)] }) });
            if (status !== 202) return;
            acknowledged.push(id(number));
            child.kill('SIGKILL');
          } catch {
            // Cut off before its answer: nothing was promised.
          }
        }),
      );
      await ended;
      const sqlite = new Database(file);
      const found = new Set(sqlite.prepare('SELECT object_id FROM notification').pluck().all());
      sqlite.close();
      for (const one of acknowledged) expect(found).toContain(one);
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(4);
    const rooms = makeRooms(file);
    rooms.inbox.fold(2_000);
    const due = rooms.inbox.duePings('users', 2_000, 1_000).map(({ objectId }) => objectId);
    expect(due).toEqual(expect.arrayContaining(acknowledged));
  });
});
