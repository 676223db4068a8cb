// Owns trying a directory from outside, as Gespage will meet it: is the port free, does a simple bind succeed?
import { connect as connectPlainly, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createBerReader, readHeader, tags } from './wire/ber-reader.ts';
import { element, integer, octets } from './wire/ber-writer.ts';

const patienceMs = 5_000;
const bindRequest = 0x60;
const bindResponse = 0x61;
const simplePassword = 0x80;

/** @throws the error of the system where nobody could listen there. */
export function tryListening(host: string, port: number): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => server.close(() => resolve()));
  });
}

export interface BindTrial {
  readonly host: string;
  readonly port: number;
  readonly dn: string;
  readonly password: string;
  readonly isEncrypted: boolean;
}

/** Binds and leaves. Gives the result code of RFC 4511, 0 for success. @throws Error where no answer comes. */
export async function trySimpleBind({ host, port, dn, password, isEncrypted }: BindTrial): Promise<number> {
  // An address that stands for all of them can be listened on, not called.
  const called = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  // Whether clients trust the certificate is theirs to say: here it is about the name and the password.
  const socket = isEncrypted
    ? connectTls({ host: called, port, rejectUnauthorized: false })
    : connectPlainly({ host: called, port });
  try {
    const bind = element(bindRequest, integer(3), octets(dn), octets(password, simplePassword));
    return await ask(socket, element(tags.sequence, integer(1), bind));
  } finally {
    socket.destroy();
  }
}

function ask(socket: Socket, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.setTimeout(patienceMs, () => reject(new Error(`no answer within ${patienceMs / 1_000} seconds`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed without an answer')));
    socket.on('data', (data) => {
      try {
        received = Buffer.concat([received, data]);
        if (received[0] !== tags.sequence) throw new Error('not a message');
        const header = readHeader(received, 0, received.length);
        if (header === undefined || received.length < header.start + header.length) return;
        const message = createBerReader(received).within(tags.sequence);
        message.integer();
        resolve(message.within(bindResponse).integer(tags.enumerated));
      } catch {
        reject(new Error('what answers there does not speak LDAP'));
      }
    });
    socket.write(request);
  });
}
