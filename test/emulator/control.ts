// Owns the control API: the tenant's verbs over plain HTTP on the loopback, for scripts in other processes.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Verbs } from './verbs.ts';

export type Control = { url: string; close(): Promise<void> };

/** A verb may be called from outside only with JSON in and out; all verbs are of that kind. */
type Callable = (...args: unknown[]) => unknown;

/** Starts it: `POST {url}/{verb}` with `{"args": [...]}` answers `{"result": ...}` or `{"error": "..."}`. */
export async function startControl(verbs: Verbs, port: number): Promise<Control> {
  const callable = new Map<string, Callable>(Object.entries(verbs) as [string, Callable][]);

  const call = async (name: string, text: string): Promise<unknown> => {
    const verb = callable.get(name);
    if (!verb)
      throw new Error(`There is no verb '${name}'. Known: ${[...callable.keys()].sort().join(', ')}`);
    const input = (text === '' ? {} : JSON.parse(text)) as { args?: unknown };
    if (input.args !== undefined && !Array.isArray(input.args)) throw new Error('args must be a list.');
    return await verb(...((input.args ?? []) as unknown[]));
  };

  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const name = (req.url ?? '/').slice(1);
      call(name, Buffer.concat(chunks).toString()).then(
        (result) => send(200, { result: result ?? null }),
        (error: unknown) => send(400, { error: error instanceof Error ? error.message : String(error) }),
      );
    });
    const send = (status: number, body: unknown): void => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
