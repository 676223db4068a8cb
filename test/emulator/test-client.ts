// Owns what the emulator's own tests need: trust, a bare Graph client, and a listener that records what it is sent.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { trustAuthority } from './certificates.ts';
import { startEmulator } from './emulator.ts';
import type { Emulator } from './emulator.ts';
import type { EmulatorOptions } from './options.ts';

export type GraphObject = Record<string, unknown> & { id: string };
export type Body = Record<string, unknown> & { value?: GraphObject[] };
export type Reply = { status: number; headers: Headers; body: Body; text: string };

export type Client = {
  tenant: Emulator;
  /** `path` below `/v1.0`, or a whole link. */
  ask(
    path: string,
    init?: { method?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Reply>;
  /** Follows a round to its delta link. */
  round(
    path: string,
    headers?: Record<string, string>,
  ): Promise<{ items: GraphObject[]; pages: Body[]; deltaLink: string }>;
  close(): Promise<void>;
};

/** Asks the token endpoint; fields given replace or add to a correct request. */
export async function requestToken(
  tenant: Emulator,
  fields: Record<string, string> = {},
  id = tenant.tenantId,
) {
  const form = {
    grant_type: 'client_credentials',
    client_id: tenant.clientId,
    client_secret: tenant.clientSecret,
    scope: `${tenant.graphBaseUrl}/.default`,
    ...fields,
  };
  const answer = await fetch(`${tenant.authorityHost}/${id}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** Starts a tenant and signs in. */
export async function startClient(options: EmulatorOptions = {}): Promise<Client> {
  const tenant = await startEmulator(options);
  trustAuthority(tenant.caPem);
  const token = (await requestToken(tenant)).body['access_token'] as string;

  const ask: Client['ask'] = async (path, init = {}) => {
    const url = path.startsWith('https:') ? path : `${tenant.graphBaseUrl}/v1.0${path}`;
    const answer = await fetch(url, {
      method: init.method ?? 'GET',
      headers: {
        authorization: `Bearer ${token}`,
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...init.headers,
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      body: (text ? JSON.parse(text) : {}) as Body,
    };
  };

  return {
    tenant,
    ask,
    round: async (path, headers = {}) => {
      const items: GraphObject[] = [];
      const pages: Body[] = [];
      let link = path;
      for (;;) {
        const { status, body, text } = await ask(link, { headers });
        if (status !== 200) throw new Error(`${link} answered ${status}: ${text}`);
        pages.push(body);
        items.push(...(body.value ?? []));
        const deltaLink = body['@odata.deltaLink'];
        if (typeof deltaLink === 'string') return { items, pages, deltaLink };
        link = body['@odata.nextLink'] as string;
      }
    },
    close: () => tenant.close(),
  };
}

export type Delivered = { path: string; items: Record<string, unknown>[]; at: number };

export type Listener = {
  url: string;
  received: Delivered[];
  handshakes: { url: string; contentType: string | undefined; body: string }[];
  /** Replaces the answer to notifications; null restores 202. */
  onNotification(handler: ((res: ServerResponse, count: number) => void) | null): void;
  /** Replaces the answer to handshakes; null restores the correct one. */
  onHandshake(handler: ((res: ServerResponse, token: string) => void) | null): void;
  items(): Record<string, unknown>[];
  /** Resolves once so many items have come; rejects after five seconds. */
  waitFor(count: number): Promise<void>;
  close(): Promise<void>;
};

/** Starts a listener that answers handshakes correctly and notifications with 202. */
export async function startListener(): Promise<Listener> {
  const received: Delivered[] = [];
  const handshakes: Listener['handshakes'] = [];
  let notification: ((res: ServerResponse, count: number) => void) | null = null;
  let handshake: ((res: ServerResponse, token: string) => void) | null = null;
  const items = (): Record<string, unknown>[] => received.flatMap((each) => each.items);

  const answer = (req: IncomingMessage, res: ServerResponse, body: string): void => {
    const url = new URL(req.url ?? '/', 'http://listener');
    const token = url.searchParams.get('validationToken');
    if (token !== null) {
      handshakes.push({ url: req.url ?? '', contentType: req.headers['content-type'], body });
      if (handshake) handshake(res, token);
      else res.writeHead(200, { 'content-type': 'text/plain' }).end(token);
      return;
    }
    const { value } = JSON.parse(body) as { value: Record<string, unknown>[] };
    received.push({ path: req.url ?? '', items: value, at: Date.now() });
    if (notification) notification(res, received.length);
    else res.writeHead(202).end();
  };

  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => answer(req, res, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    handshakes,
    items,
    onNotification: (handler) => {
      notification = handler;
    },
    onHandshake: (handler) => {
      handshake = handler;
    },
    waitFor: async (count) => {
      const end = Date.now() + 5000;
      while (items().length < count) {
        if (Date.now() > end) throw new Error(`only ${items().length} of ${count} notifications came in 5 s`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
