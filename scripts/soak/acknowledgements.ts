// Owns the way of the notifications to the service: a relay that remembers each one that was acknowledged with 202.
import { Agent, createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Acknowledgements {
  total(): number;
  /** How many of each, by subscription and object: the name of the pair is `SUBSCRIPTION/OBJECT`. */
  counts(): ReadonlyMap<string, number>;
  /** Calls `act` in the instant in which the next 202 is seen, before Graph hears of it. */
  onNext(act: () => void): void;
}

export interface Relay {
  readonly url: string;
  readonly acknowledgements: Acknowledgements;
  close(): Promise<void>;
}

interface Item {
  readonly subscriptionId: string;
  readonly resourceData?: { readonly id: string };
}

/** Opens it before a service at this port, whether or not that listens yet. */
export async function openRelay(port: number): Promise<Relay> {
  const counts = new Map<string, number>();
  const agent = new Agent({ keepAlive: true });
  let total = 0;
  let act: (() => void) | undefined;

  const acknowledged = (body: string): void => {
    act?.();
    act = undefined;
    for (const { subscriptionId, resourceData } of (JSON.parse(body) as { value: Item[] }).value) {
      const name = `${subscriptionId}/${resourceData?.id.toLowerCase() ?? ''}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      total += 1;
    }
  };
  const server = createServer((incoming, outgoing) => {
    const fail = (): void => void outgoing.destroy();
    readAll(incoming).then((body) => {
      const { url, method, headers } = incoming;
      const onward = request({ host: '127.0.0.1', port, path: url, method, headers, agent }, (answer) => {
        const status = answer.statusCode ?? 502;
        if (status === 202) acknowledged(body);
        readAll(answer).then((text) => outgoing.writeHead(status, answer.headers).end(text), fail);
      });
      onward.on('error', fail);
      onward.end(body);
    }, fail);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    acknowledgements: {
      total: () => total,
      counts: () => counts,
      onNext: (next) => (act = next),
    },
    async close() {
      agent.destroy();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readAll(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
