// Owns an LDAP client for tests that sends exactly the octets it is given, and takes answers apart.
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { createBerReader } from '../../../src/gespage/ldap/wire/ber-reader.ts';
import { boolean, element, integer, octets } from '../../../src/gespage/ldap/wire/ber-writer.ts';
import { createFramer } from '../../../src/gespage/ldap/wire/framer.ts';
import { readerDn, readerPassword } from './serve-ldap.ts';

export const filters = {
  and: (...parts: Buffer[]) => element(0xa0, ...parts),
  or: (...parts: Buffer[]) => element(0xa1, ...parts),
  not: (part: Buffer) => element(0xa2, part),
  equal: (name: string, value: string | Buffer) => element(0xa3, octets(name), octets(value)),
  greater: (name: string, value: string | Buffer) => element(0xa5, octets(name), octets(value)),
  less: (name: string, value: string | Buffer) => element(0xa6, octets(name), octets(value)),
  approximate: (name: string, value: string | Buffer) => element(0xa8, octets(name), octets(value)),
  present: (name: string) => octets(name, 0x87),
  /** As in `a*b*c`: the first and the last piece may be empty. */
  substrings(name: string, text: string) {
    const pieces = text.split('*');
    const list = pieces.flatMap((piece, at) => {
      if (piece === '') return [];
      return [octets(piece, at === 0 ? 0x80 : at === pieces.length - 1 ? 0x82 : 0x81)];
    });
    return element(0xa4, octets(name), element(0x30, ...list));
  },
  extensible: (rule: string, name: string, value: string) =>
    element(0xa9, octets(rule, 0x81), octets(name, 0x82), octets(value, 0x83)),
};

export interface SearchOptions {
  readonly base?: string;
  /** 0 base, 1 one level, 2 subtree. */
  readonly scope?: number;
  readonly filter?: Buffer;
  readonly attributes?: readonly string[];
  readonly sizeLimit?: number;
  readonly timeLimit?: number;
  readonly typesOnly?: boolean;
}

export const operations = {
  bind: (dn: string, password: string, version = 3) =>
    element(0x60, integer(version), octets(dn), octets(password, 0x80)),
  search: (options: SearchOptions = {}) =>
    element(
      0x63,
      octets(options.base ?? 'dc=gespage,dc=sync'),
      integer(options.scope ?? 2, 0x0a),
      integer(0, 0x0a),
      integer(options.sizeLimit ?? 0),
      integer(options.timeLimit ?? 0),
      boolean(options.typesOnly ?? false),
      options.filter ?? filters.present('objectClass'),
      element(0x30, ...(options.attributes ?? []).map((name) => octets(name))),
    ),
  extended: (oid: string, value?: Buffer) =>
    element(0x77, octets(oid, 0x80), ...(value ? [octets(value, 0x81)] : [])),
  compare: (dn: string, name: string, value: string) =>
    element(0x6e, octets(dn), element(0x30, octets(name), octets(value))),
  abandon: (id: number) => integer(id, 0x50),
  unbind: () => element(0x42),
};

export function control(oid: string, value?: Buffer, critical = false): Buffer {
  return element(0x30, octets(oid), ...(critical ? [boolean(true)] : []), ...(value ? [octets(value)] : []));
}

export const pagedOid = '1.2.840.113556.1.4.319';

export function paged(size: number, cookie: Buffer = Buffer.alloc(0), critical = true): Buffer {
  return control(pagedOid, element(0x30, integer(size), octets(cookie)), critical);
}

export function message(id: number, operation: Buffer, ...controls: Buffer[]): Buffer {
  return element(0x30, integer(id), operation, ...(controls.length > 0 ? [element(0xa0, ...controls)] : []));
}

export interface RawEntry {
  readonly dn: string;
  readonly attributes: Readonly<Record<string, readonly Buffer[]>>;
}

/** An answer taken apart. */
export interface Answer {
  readonly id: number;
  readonly tag: number;
  readonly entry?: RawEntry;
  readonly code?: number;
  readonly matched?: string;
  readonly text?: string;
  /** The name of an extended response. */
  readonly name?: string;
  readonly value?: Buffer;
  /** The cookie of the paged results control. */
  readonly cookie?: Buffer;
}

export function readAnswer(whole: Buffer): Answer {
  const list = createBerReader(whole).within(0x30);
  const id = list.integer();
  const { tag, content } = list.any();
  const reader = createBerReader(content);
  if (tag === 0x64) return { id, tag, entry: readEntry(content) };
  const code = reader.integer(0x0a);
  const matched = reader.octets().toString();
  const text = reader.octets().toString();
  const name = reader.peek() === 0x8a ? reader.octets(0x8a).toString() : undefined;
  const value = reader.peek() === 0x8b ? reader.octets(0x8b) : undefined;
  reader.end();
  let cookie: Buffer | undefined;
  if (list.peek() !== undefined) {
    const controls = list.within(0xa0);
    while (controls.peek() !== undefined) {
      const one = controls.within(0x30);
      if (one.octets().toString() !== pagedOid) continue;
      const inner = createBerReader(one.octets()).within(0x30);
      inner.integer();
      cookie = inner.octets();
    }
  }
  list.end();
  return {
    id,
    tag,
    code,
    matched,
    text,
    ...(name !== undefined && { name }),
    ...(value && { value }),
    ...(cookie && { cookie }),
  };
}

function readEntry(content: Buffer): RawEntry {
  const reader = createBerReader(content);
  const dn = reader.octets().toString();
  const list = reader.within(0x30);
  reader.end();
  const attributes: Record<string, Buffer[]> = {};
  while (list.peek() !== undefined) {
    const one = list.within(0x30);
    const name = one.octets().toString();
    const values = one.within(0x31);
    one.end();
    const found: Buffer[] = [];
    while (values.peek() !== undefined) found.push(values.octets());
    if (attributes[name] !== undefined) throw new Error(`${dn} has ${name} twice`);
    attributes[name] = found;
  }
  return { dn, attributes };
}

export interface SearchAnswer {
  readonly entries: readonly RawEntry[];
  readonly result: Answer;
}

export interface RawClient {
  readonly socket: Socket;
  send(octets: Buffer): void;
  /** The next message; undefined once the server has closed. */
  next(): Promise<Answer | undefined>;
  /** Sends one request and gives its only answer. */
  ask(operation: Buffer, ...controls: Buffer[]): Promise<Answer>;
  search(options: SearchOptions, ...controls: Buffer[]): Promise<SearchAnswer>;
  /** Binds as the reader. */
  bind(): Promise<void>;
  /** Closes this side once nothing more comes; for servers in this process. */
  endWhenQuiet(): Promise<void>;
  close(): void;
  readonly closed: Promise<void>;
}

/** @param ca the authority in PEM for LDAPS. */
export function connectRaw(port: number, options: { ca?: string; host?: string } = {}): RawClient {
  const { ca, host = '127.0.0.1' } = options;
  return talkOver(ca === undefined ? connect(port, host) : connectTls({ port, host, ca }));
}

/** Turns of the event loop in which nothing came. */
const quietTurns = 12;

/** The same over a socket that is there already. */
export function talkOver(socket: Socket): RawClient {
  const framer = createFramer(2 ** 30);
  const ready: Answer[] = [];
  let isClosed = false;
  let wake: (() => void) | undefined;
  let lastId = 0;
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += 1;
    framer.push(chunk);
    // A server may also answer in TLS, which is not for this client.
    if (ready.length === 0 && framer.pending() === chunk.length && chunk[0] !== 0x30) return;
    for (let whole = framer.next(); whole !== undefined; whole = framer.next()) ready.push(readAnswer(whole));
    wake?.();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isClosed = true;
      wake?.();
      resolve();
    });
  });
  const next = async (): Promise<Answer | undefined> => {
    while (ready.length === 0 && !isClosed) await new Promise<void>((resolve) => (wake = resolve));
    return ready.shift();
  };
  const answer = async (): Promise<Answer> => {
    const found = await next();
    if (found === undefined) throw new Error('the server closed the connection');
    return found;
  };
  const client: RawClient = {
    socket,
    send: (octets) => void socket.write(octets),
    next,
    async ask(operation, ...controls) {
      lastId += 1;
      socket.write(message(lastId, operation, ...controls));
      return answer();
    },
    async search(options, ...controls) {
      lastId += 1;
      socket.write(message(lastId, operations.search(options), ...controls));
      const entries: RawEntry[] = [];
      for (;;) {
        const one = await answer();
        if (one.entry === undefined) return { entries, result: one };
        entries.push(one.entry);
      }
    },
    async bind() {
      const { code } = await client.ask(operations.bind(readerDn, readerPassword));
      if (code !== 0) throw new Error(`the bind gave ${code}`);
    },
    async endWhenQuiet() {
      for (let quiet = 0, before = received; quiet < quietTurns && !isClosed; quiet += 1) {
        await nextTurn();
        if (received !== before) quiet = 0;
        before = received;
      }
      socket.end();
    },
    close: () => void socket.destroy(),
    closed,
  };
  return client;
}
