// Owns the tests of what is said when a SQL target cannot be reached or opened.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { createSqlTarget } from '../../src/gespage/sql/create-sql-target.ts';
import type { Target } from '../../src/gespage/target.ts';
import { engines } from './databases.ts';

let target: Target | undefined;
afterEach(() => target?.close());

const patience = { connect: 300, statement: 300 };

async function findMessage(url: string): Promise<string> {
  target = createSqlTarget({ url, fields: [], patience });
  return target.open().then(
    () => 'opened',
    (error: unknown) => (error instanceof Error ? error.message : 'no Error'),
  );
}

/** A server that takes connections and never says a word. */
async function startSilentServer(): Promise<{ port: number; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, server };
}

describe.each(['postgres', 'mysql'])('%s', (engine) => {
  test('a server that is not there is named, and the password is not', async () => {
    const { port, server } = await startSilentServer();
    await new Promise((resolve) => server.close(resolve));
    const message = await findMessage(`${engine}://user:hunter2@127.0.0.1:${port}/print`);
    expect(message).toContain(`The Gespage database ${engine}://127.0.0.1:${port}/print failed`);
    expect(message).toContain('Check that the server runs');
    expect(message).not.toContain('hunter2');
  });

  test('a server that never answers fails within the patience', async () => {
    const { port } = await startSilentServer();
    const message = await findMessage(`${engine}://user:hunter2@127.0.0.1:${port}/print`);
    expect(message).toContain(`${engine}://127.0.0.1:${port}/print failed`);
    expect(message).toMatch(/time|answer/i);
  });

  const found = engines.find(({ name }) => name === engine);
  test.skipIf(found?.missing !== undefined)('a database that does not exist is named', async () => {
    const database = await found?.create();
    onTestFinished(() => database?.drop());
    const url = new URL(database?.url ?? '');
    url.pathname = '/absent_database';
    expect(await findMessage(url.href)).toContain('Create it, or correct the name');
  });

  test.skipIf(found?.missing !== undefined)('a user with a wrong password learns what to check', async () => {
    const database = await found?.create();
    onTestFinished(() => database?.drop());
    const url = new URL(database?.url ?? '');
    url.username = 'absent_user';
    url.password = 'hunter2';
    const message = await findMessage(url.href);
    expect(message).not.toContain('hunter2');
    expect(message).toContain('GESPAGE_SQL_URL');
  });
});

describe('postgres', () => {
  const found = engines.find(({ name }) => name === 'postgres');
  test.skipIf(found?.missing !== undefined)('a schema that does not exist is named', async () => {
    const database = await found?.create();
    onTestFinished(() => database?.drop());
    const url = new URL(database?.url ?? '');
    url.searchParams.set('schema', 'Absent "schema');
    expect(await findMessage(url.href)).toContain('The schema does not exist');
  });
});

describe('sqlite', () => {
  test('a file that is no database is named', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'gespage-sql-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'letter.db');
    writeFileSync(path, 'Dear Sir or Madam, '.repeat(500));
    expect(await findMessage(`sqlite:${path}`)).toMatch(/letter\.db failed: .*no SQLite database/);
    rmSync(path);
    await expect(target?.open()).resolves.toBeUndefined();
  });

  test('a directory that cannot be made is named', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'gespage-sql-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'file'), '');
    expect(await findMessage(`sqlite:${directory}/file/gespage.db`)).toContain('/file/gespage.db failed');
  });
});
