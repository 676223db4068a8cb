// Owns the client of the LDAP benchmark: asks page after page, and does little more with the answers than count them.
import { connect } from 'node:net';
import { createBerReader, readHeader, tags } from '../../src/gespage/ldap/wire/ber-reader.ts';
import { createFramer } from '../../src/gespage/ldap/wire/framer.ts';
import { message, operations, paged, type SearchOptions } from '../../test/gespage/ldap/raw-client.ts';
import { readerDn, readerPassword } from '../../test/gespage/ldap/serve-ldap.ts';

const searchEntry = 0x64;
const searchDone = 0x65;

export interface Read {
  readonly entries: number;
  readonly bytes: number;
  readonly ms: number;
}

/** Reads the whole of a search by pages over a connection of its own. @throws Error where an answer is no success. */
export function readByPages(port: number, options: SearchOptions, pageSize: number): Promise<Read> {
  return new Promise((resolve, reject) => {
    const framer = createFramer(2 ** 26);
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let started = 0;
    let id = 1;
    let [entries, bytes] = [0, 0];
    const ask = (cookie?: Buffer): void =>
      void socket.write(message((id += 1), operations.search(options), paged(pageSize, cookie)));
    const finish = (code: number, cookie: Buffer): void => {
      if (code !== 0) throw new Error(`The search ended with result code ${code}.`);
      if (cookie.length > 0) return ask(cookie);
      socket.destroy();
      resolve({ entries, bytes, ms: performance.now() - started });
    };
    const take = (whole: Buffer): void => {
      const { start = 0 } = readHeader(whole, 0, whole.length) ?? {};
      // Behind the message's own header stands its number, in one or more octets.
      const operation = whole[start + 2 + (whole[start + 1] ?? 0)];
      if (operation === searchEntry) entries += 1;
      else if (operation === searchDone) finish(...readEnd(whole));
      else if (started === 0) {
        started = performance.now();
        ask();
      }
    };
    socket.on('error', reject);
    socket.on('data', (data) => {
      bytes += data.length;
      try {
        framer.push(data);
        for (let one = framer.next(); one !== undefined; one = framer.next()) take(one);
      } catch (error) {
        socket.destroy();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.write(message(id, operations.bind(readerDn, readerPassword)));
  });
}

function readEnd(whole: Buffer): [code: number, cookie: Buffer] {
  const reader = createBerReader(whole).within(tags.sequence);
  reader.integer();
  const code = reader.within(searchDone).integer(tags.enumerated);
  if (reader.peek() === undefined) return [code, Buffer.alloc(0)];
  const control = reader.within(0xa0).within(tags.sequence);
  control.octets();
  const value = control.peek() === tags.boolean ? (control.boolean(), control.octets()) : control.octets();
  const page = createBerReader(value).within(tags.sequence);
  page.integer();
  return [code, page.octets()];
}
