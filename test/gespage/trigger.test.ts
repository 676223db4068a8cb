// Owns the proof of the trigger's call: what is sent, what counts as understood, and what is told of a failure.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTriggerCall, type TriggerMessage } from '../../src/gespage/trigger.ts';

const message: TriggerMessage = {
  product: 'gespage-graph-sync',
  revision: 7,
  at: '2031-02-03T04:05:06.789Z',
  accounts: 3,
  enabledAccounts: 2,
  targets: ['file'],
};

interface Heard {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly type: string | undefined;
  readonly body: unknown;
}

async function listen(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      heard.push({
        method: request.method ?? '',
        url: request.url ?? '',
        authorization: request.headers.authorization,
        type: request.headers['content-type'],
        body: JSON.parse(Buffer.concat(pieces).toString('utf8')),
      });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}/start?key=k3y`, heard };
}

const untilNever = new AbortController().signal;

describe('the trigger', () => {
  it('is a POST of JSON, with the user and password of the address as a header', async () => {
    const { url, host, heard } = await listen((response) => response.end('started'));
    const call = createTriggerCall({ url, host, credentials: { username: 'u', password: 'pä:ss' } });
    expect(await call(message, untilNever)).toEqual({ status: 200, text: 'started' });
    expect(heard).toEqual([
      {
        method: 'POST',
        url: '/start?key=k3y',
        authorization: `Basic ${Buffer.from('u:pä:ss').toString('base64')}`,
        type: 'application/json',
        body: message,
      },
    ]);
  });

  it('takes any 2xx for understood, and of the answer the first 200 characters on one line', async () => {
    const { url, host } = await listen((response) =>
      response.writeHead(202).end(`a\r\n\u0007b ${'é'.repeat(5_000)}`),
    );
    const answer = await createTriggerCall({ url, host })(message, untilNever);
    expect(answer.status).toBe(202);
    expect(answer.text).toBe(`a b ${'é'.repeat(196)}`);
  });

  it('does not read an answer that never ends', async () => {
    const { url, host } = await listen((response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(10_000)), 1);
      response.on('close', () => clearInterval(timer));
    });
    expect((await createTriggerCall({ url, host })(message, untilNever)).text).toHaveLength(200);
  });

  it('follows no redirect', async () => {
    const other = await listen((response) => response.end());
    const { url, host } = await listen((response) => response.writeHead(307, { location: other.url }).end());
    await expect(createTriggerCall({ url, host })(message, untilNever)).rejects.toThrow(
      `The trigger at ${host} answered 307. Redirects are not followed`,
    );
    expect(other.heard).toEqual([]);
  });

  it.each([
    [401, 'Set user name and password'],
    [500, 'the log of the program behind it'],
  ])('says what an answer of %i means, and no part of the address but its host', async (status, advice) => {
    const { url, host } = await listen((response) => response.writeHead(status).end('broken'));
    const failure = await createTriggerCall({ url, host })(message, untilNever).catch(
      (error: unknown) => error,
    );
    expect(String(failure)).toContain(`The trigger at ${host} answered ${status} and said: broken.`);
    expect(String(failure)).toContain(advice);
    expect(String(failure)).not.toContain('k3y');
  });

  it('gives up on a side that hangs', async () => {
    const { url, host } = await listen(() => undefined);
    await expect(createTriggerCall({ url, host, timeoutMs: 50 })(message, untilNever)).rejects.toThrow(
      'gave no answer within 0.05 s',
    );
  });

  it('says that nobody is there', async () => {
    const call = createTriggerCall({ url: 'http://127.0.0.1:1/k3y', host: '127.0.0.1:1' });
    await expect(call(message, untilNever)).rejects.toThrow(
      /could not be reached \((ECONNREFUSED|unknown reason)\)/,
    );
  });

  it('ends with the service', async () => {
    const stop = new AbortController();
    const { url, host } = await listen(() => stop.abort());
    await expect(createTriggerCall({ url, host })(message, stop.signal)).rejects.toThrow(/abort/i);
  });
});
