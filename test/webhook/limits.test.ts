import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { listen, makePublicDoor, post, routes, send, stored, userItem } from './public-door.ts';

const limit = 4 * 1024 * 1024;
const json = { 'content-type': 'application/json' };

/** A batch of one item, brought to exactly this many bytes by spaces. */
function batchOf(bytes: number): string {
  const body = JSON.stringify({ value: [userItem(1)] });
  return body + ' '.repeat(bytes - Buffer.byteLength(body));
}

function* inChunks(text: string, size = 64 * 1024): Generator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

describe('a body', () => {
  it('of exactly 4 MiB is taken, of one byte more is 413', async () => {
    const { app, rooms } = makePublicDoor();
    const port = await listen(app);
    for (const path of routes) {
      expect(
        (await send(port, { path, body: batchOf(limit), headers: { ...json, 'content-length': limit } }))
          .status,
      ).toBe(202);
      expect(
        (
          await send(port, {
            path,
            body: batchOf(limit + 1),
            headers: { ...json, 'content-length': limit + 1 },
          })
        ).status,
      ).toBe(413);
    }
    expect(stored(rooms)).toHaveLength(2);
  });

  it('without an announced length keeps to the same limit', async () => {
    const { app, rooms } = makePublicDoor();
    const port = await listen(app);
    expect((await send(port, { chunks: inChunks(batchOf(limit)) })).status).toBe(202);
    expect((await send(port, { chunks: inChunks(batchOf(limit + 1)) })).status).toBe(413);
    expect(stored(rooms)).toHaveLength(1);
    expect((await post(app, batchOf(limit + 1))).status).toBe(413);
    expect((await post(app, batchOf(limit))).status).toBe(202);
  });

  it('counts by bytes, not by letters', async () => {
    const { app } = makePublicDoor();
    const letters = `{"value":[],"x":"${'é'.repeat(limit / 2)}"}`;
    expect(letters.length).toBeLessThan(limit);
    expect((await post(app, letters)).status).toBe(413);
  });

  it('that is announced as too large is refused before any of it was sent', async () => {
    const { app } = makePublicDoor();
    const port = await listen(app);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(
          `POST ${routes[0]} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${limit + 1}\r\n\r\n`,
        ),
      );
      socket.once('error', reject);
      socket.once('data', (part: Buffer) => {
        socket.destroy();
        resolve(part.toString('latin1'));
      });
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('without end is refused long before its end, and the door goes on', async () => {
    const { app } = makePublicDoor();
    const port = await listen(app);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.on('data', (part: Buffer) => {
        text += part.toString('latin1');
        socket.destroy();
        resolve(text);
      });
      socket.once('error', reject);
      socket.write(
        `POST ${routes[0]} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
      );
      const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
      const pour = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', pour);
      pour();
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect((await send(port, { body: batchOf(2_000) })).status).toBe(202);
  });

  it('that its sender breaks off is no error of ours', async () => {
    const { app, log } = makePublicDoor();
    const port = await listen(app);
    for (const head of ['content-length: 1000', 'transfer-encoding: chunked']) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.write(
            `POST ${routes[0]} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${head}\r\n\r\n5\r\n{"val`,
            () => socket.resetAndDestroy(),
          );
        });
        socket.once('close', () => resolve());
        socket.once('error', () => undefined);
      });
    }
    expect((await send(port, { body: batchOf(2_000) })).status).toBe(202);
    expect(log.lines).toEqual([]);
  });
});

describe('a body that is no batch', () => {
  it.each([
    '',
    ' ',
    'null',
    '[]',
    '"value"',
    '7',
    '{}',
    '{"value":null}',
    '{"value":{}}',
    '{"value":"x"}',
    '{"Value":[]}',
    '{"value":[}',
    '{"value":[]} x',
    '\u0000',
    '<xml/>',
    'value=1',
  ])('is 400: %j', async (body) => {
    const { app, rooms } = makePublicDoor();
    const answer = await post(app, body);
    expect([answer.status, await answer.text()]).toEqual([400, '']);
    expect(stored(rooms)).toEqual([]);
  });

  it('is 400 also where it is no text at all, or nested without end', async () => {
    const { app } = makePublicDoor();
    expect((await post(app, new Uint8Array([0xff, 0xfe, 0x00, 0x80]))).status).toBe(400);
    for (const deep of [
      '['.repeat(2_000_000),
      `{"value":${'['.repeat(1_000_000)}`,
      '{"value":'.repeat(100_000),
    ]) {
      expect((await post(app, deep)).status).toBe(400);
    }
  });

  it('but is one where only its items are nested deeply', async () => {
    const { app, rooms } = makePublicDoor();
    const depth = 1_000_000;
    expect((await post(app, `{"value":[${'['.repeat(depth)}${']'.repeat(depth)}]}`)).status).toBe(202);
    expect(stored(rooms)).toMatchObject([{ verdict: 'malformed' }]);
  });
});

describe('the content type', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json;odata.metadata=minimal',
    'APPLICATION/JSON',
    'application/cloudevents+json',
  ])('%s is JSON', async (type) => {
    const { app } = makePublicDoor();
    expect((await post(app, { value: [] }, { type })).status).toBe(202);
  });

  it.each([
    'text/plain',
    'text/json-like',
    'application/jsonp',
    'application/x-www-form-urlencoded',
    'json',
    '',
    null,
  ])('%s is not, and is answered 415', async (type) => {
    const { app, rooms } = makePublicDoor();
    expect((await post(app, new TextEncoder().encode('{"value":[]}'), { type })).status).toBe(415);
    expect(stored(rooms)).toEqual([]);
  });
});

describe('one connection', () => {
  it('carries many requests, good and bad, one after the other', async () => {
    const { app, rooms } = makePublicDoor();
    const port = await listen(app);
    const one = (body: string, type = 'application/json') =>
      `POST ${routes[0]} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    const wanted = [202, 400, 415, 202];
    const bodies = [one(batchOf(2_000)), one('{'), one('{}', 'text/plain'), one(batchOf(2_000))];
    const statuses = await new Promise<number[]>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(bodies.join('')));
      let text = '';
      socket.once('error', reject);
      socket.on('data', (part: Buffer) => {
        text += part.toString('latin1');
        const found = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));
        if (found.length < wanted.length) return;
        socket.destroy();
        resolve(found);
      });
    });
    expect(statuses).toEqual(wanted);
    expect(stored(rooms)).toHaveLength(2);
  });
});
