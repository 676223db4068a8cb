// Owns a load of a constant rate: a request is sent when it is due, whether or not the earlier ones were answered.
// autocannon's own rate sends each second's requests in one burst, and so measures something else.
import { Agent, request } from 'node:http';

export interface SteadyLoad {
  readonly url: string;
  readonly bodies: readonly string[];
  readonly connections: number;
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly status: number;
}

/** In ms, each counted from the moment at which its request was due: waiting for a connection counts too. */
export interface Delays {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
}

/** Sends the load; another status than the expected one is an error. */
export async function sendSteadily(load: SteadyLoad): Promise<Delays> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.connections });
  const total = load.rate * load.seconds;
  const delays: number[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const begin = performance.now();
      let sent = 0;
      const timer = setInterval(() => {
        const due = Math.min(total, Math.floor(((performance.now() - begin) / 1000) * load.rate));
        for (; sent < due; sent += 1) {
          const dueAt = begin + (sent / load.rate) * 1000;
          send(load, agent, sent).then(() => {
            delays.push(performance.now() - dueAt);
            if (delays.length === total) resolve();
          }, reject);
        }
        if (sent === total) clearInterval(timer);
      }, 1);
    });
  } finally {
    agent.destroy();
  }
  delays.sort((a, b) => a - b);
  const at = (share: number): number => delays[Math.min(total - 1, Math.floor(share * total))] ?? NaN;
  return { requests: total, p50: at(0.5), p99: at(0.99), longest: at(1) };
}

function send(load: SteadyLoad, agent: Agent, number: number): Promise<void> {
  const body = load.bodies[number % load.bodies.length] ?? '';
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request(load.url, { agent, method: 'POST', headers }, (answer) => {
      answer.resume();
      answer.once('error', reject);
      answer.once('end', () => {
        if (answer.statusCode === load.status) resolve();
        else reject(new Error(`a request was answered ${answer.statusCode}`));
      });
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
