// Owns the proof that nobody keeps a door busy by sending slowly, much, or nothing at all. Times are made short.
import { connect, type Socket } from 'node:net';
import { Hono } from 'hono';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDoor, usualLimits, type DoorLimits } from '../../src/ops/door.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';

const short: DoorLimits = {
  ...usualLimits,
  headersMs: 60,
  requestMs: 150,
  restMs: 60,
  checkMs: 10,
};

async function open(changes: Partial<DoorLimits> = {}): Promise<number> {
  const app = new Hono();
  app.get('/', (c) => c.text('hello'));
  app.post('/', async (c) => c.text(await c.req.text().catch(() => 'cut')));
  const door = await openDoor(app, '127.0.0.1', 0, { ...short, ...changes });
  onTestFinished(() => door.close());
  return door.port;
}

interface Caller {
  readonly socket: Socket;
  /** What came until the door cut the connection. */
  readonly ended: Promise<string>;
}

function call(port: number, text: string): Caller {
  const socket = connect(port, '127.0.0.1');
  // At once, not when connected: what a test writes next must not come before it.
  socket.write(text);
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.on('data', (part: Buffer) => (received += part.toString('latin1')));
  socket.on('error', () => undefined);
  return { socket, ended: new Promise((resolve) => socket.once('close', () => resolve(received))) };
}

const head = (line: string, ...headers: string[]): string =>
  [line, 'host: x', ...headers, '', ''].join('\r\n');

describe('a caller', () => {
  it.each([
    ['nothing', ''],
    ['half of a line', 'POST / HT'],
    ['headers without end', 'POST / HTTP/1.1\r\nhost: x\r\nx: y\r\n'],
    ['half of a body', head('POST / HTTP/1.1', 'content-length: 100') + 'abc'],
    ['half of a chunk', `${head('POST / HTTP/1.1', 'transfer-encoding: chunked')}5\r\nab`],
  ])('who sends %s is cut', async (_, text) => {
    const port = await open();
    expect(await call(port, text).ended).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('who sends drop by drop is cut, although something always comes', async () => {
    const port = await open();
    for (const first of [
      'GET / HTTP/1.1\r\nhost: x\r\n',
      head('POST / HTTP/1.1', 'content-length: 100000'),
    ]) {
      const { socket, ended } = call(port, first);
      const drops = setInterval(() => socket.write('x'), 5);
      onTestFinished(() => clearInterval(drops));
      expect(await ended).toMatch(/^HTTP\/1\.1 408 /);
      clearInterval(drops);
    }
  });

  it('who was served may rest for a while, and is cut then', async () => {
    const port = await open();
    expect(await call(port, head('GET / HTTP/1.1')).ended).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*hello$/);
  });

  it('who sends too much of headers is refused', async () => {
    const port = await open({ headerBytes: 4_096 });
    const answer = await call(port, head('GET / HTTP/1.1', `x: ${'y'.repeat(5_000)}`)).ended;
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    const many = Array.from({ length: 1_000 }, (_, n) => `x${n}: y`);
    expect(await call(port, head('GET / HTTP/1.1', ...many)).ended).toMatch(/^HTTP\/1\.1 431 /);
  });
});

it('no more connections are open at once than the limit says, and those that are go on', async () => {
  const port = await open({ connections: 3, restMs: 5_000, headersMs: 5_000, requestMs: 5_000 });
  const kept = Array.from({ length: 3 }, () => call(port, head('GET / HTTP/1.1')));
  await eventuallyTrue('three are served', () => kept.every(({ socket }) => socket.bytesRead > 0));
  expect(await call(port, head('GET / HTTP/1.1')).ended).toBe('');
  const [first] = kept;
  const before = first?.socket.bytesRead ?? 0;
  first?.socket.write(head('GET / HTTP/1.1'));
  await eventuallyTrue('the first is served again', () => (first?.socket.bytesRead ?? 0) > before);
  first?.socket.destroy();
  await eventuallyTrue('another is served in its place', async () => {
    const { socket, ended } = call(port, head('GET / HTTP/1.1', 'connection: close'));
    const answer = await ended;
    socket.destroy();
    return answer.startsWith('HTTP/1.1 200');
  });
});

it('the usual limits suit Microsoft, who waits for three seconds, and proxies, which keep connections for a minute', () => {
  expect(usualLimits.headersMs).toBeLessThan(usualLimits.requestMs);
  expect(usualLimits.restMs).toBeGreaterThan(60_000);
  // A limit that is looked at seldom is another limit.
  expect(usualLimits.checkMs).toBeLessThan(usualLimits.headersMs / 2);
  expect(usualLimits.connections).toBeGreaterThan(500);
});
