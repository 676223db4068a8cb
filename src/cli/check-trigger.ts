// Owns the check of the trigger: whether something listens there. It is not called, since a call would start something.
import { connect as connectPlainly } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import type { Trigger } from '../config/trigger-url.ts';
import { failed, type Finding, ok } from './finding.ts';

const patienceMs = 10_000;

/** Connects, by TLS for `https`, and sends nothing. */
export async function checkTrigger({ url, host }: Trigger): Promise<Finding> {
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === 'https:';
  const name = hostname.replace(/^\[|\]$/g, '');
  const at = { host: name, port: Number(port === '' ? (isSecure ? 443 : 80) : port) };
  try {
    await new Promise<void>((resolve, reject) => {
      const socket = isSecure ? connectSecurely({ ...at, servername: name }) : connectPlainly(at);
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        socket.destroy();
        resolve();
      });
      socket.once('error', reject);
      socket.setTimeout(patienceMs, () => {
        socket.destroy();
        reject(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
      });
    });
    return ok('trigger', `${host} takes connections. It was not called: that would start something.`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    return failed(
      'trigger',
      `${host} takes no ${isSecure ? 'TLS ' : ''}connection (${code}).`,
      'Check GESPAGE_TRIGGER_URL, that the program behind it runs, and its certificate (NODE_EXTRA_CA_CERTS for one of your own authority).',
    );
  }
}
