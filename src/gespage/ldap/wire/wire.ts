// Owns the octets of one connection: in the clear or under TLS, by its first octet or by StartTLS, cut into messages.
import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import { BerError } from './ber-reader.ts';
import { createFramer, type Framer } from './framer.ts';
import { createOutlet, type Outlet } from './outlet.ts';

export interface WireEvents {
  /** One whole message. */
  message(octets: Buffer): void;
  /** What came is not LDAP; nothing more is read. */
  broken(reason: string): void;
  closed(): void;
  /** TLS is up. */
  secured(): void;
}

export interface Wire {
  send(chunk: Buffer): Promise<void> | undefined;
  lagging(): number | undefined;
  encrypted(): boolean;
  /** Messages wait until it is called with false again. */
  hold(on: boolean): void;
  /** Whether octets have come that no message was made of yet. */
  hasPending(): boolean;
  /** Sends this in the clear and goes over to TLS once it is out; ends a hold. */
  startTls(last: Buffer): void;
  /** Sends this and closes. */
  end(last?: Buffer): void;
  destroy(): void;
}

export interface WireOptions {
  readonly secureContext: SecureContext | undefined;
  readonly messageBytes: number;
  readonly now: () => number;
}

/** With which a TLS handshake begins; an LDAP message begins with 0x30. */
const handshake = 0x16;

export function createWire(socket: Socket, options: WireOptions, events: WireEvents): Wire {
  const { secureContext, messageBytes, now } = options;
  let framer: Framer = createFramer(messageBytes);
  let stream: Socket = socket;
  let outlet: Outlet = createOutlet(socket, now);
  let isHeld = false;
  let isBroken = false;

  const pump = (): void => {
    try {
      while (!isHeld && !isBroken) {
        const message = framer.next();
        if (message === undefined) break;
        events.message(message);
      }
    } catch (error) {
      if (!(error instanceof BerError)) throw error;
      stopReading();
      events.broken(error.message);
    }
  };
  const stopReading = (): void => {
    isBroken = true;
    stream.pause();
  };
  const take = (chunk: Buffer): void => {
    if (isBroken) return;
    framer.push(chunk);
    pump();
    // While messages wait, no more than one further message is taken in.
    if (isHeld && framer.pending() > messageBytes) stream.pause();
  };
  const listen = (): void => void stream.on('data', take);

  const goSecure = (): void => {
    outlet.close();
    // What is not read yet belongs to the handshake.
    const secure = new TLSSocket(socket, { isServer: true, ...(secureContext && { secureContext }) });
    stream = secure;
    framer = createFramer(messageBytes);
    outlet = createOutlet(secure, now);
    secure.on('error', () => secure.destroy());
    secure.on('close', () => socket.destroy());
    secure.on('secure', () => events.secured());
    listen();
  };

  socket.setNoDelay(true);
  // What is to be done about an error is done when the connection closes.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isBroken = true;
    outlet.close();
    if (stream !== socket) stream.destroy();
    events.closed();
  });
  if (secureContext === undefined) listen();
  else
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      if (first[0] === handshake) goSecure();
      else listen();
      stream.resume();
    });

  return {
    send: (chunk) => outlet.send(chunk),
    lagging: () => outlet.lagging(),
    encrypted: () => stream !== socket,
    hold(on) {
      isHeld = on;
      if (on || isBroken) return;
      // In a turn of its own: whoever lets messages go on has not finished yet.
      setImmediate(() => {
        if (isHeld || isBroken) return;
        pump();
        if (!isHeld && !isBroken) stream.resume();
      });
    },
    hasPending: () => framer.pending() > 0,
    startTls(last) {
      // What comes from now on belongs to the handshake, and stays with the socket until then.
      socket.off('data', take);
      socket.pause();
      socket.write(last, (error) => {
        if (error || socket.destroyed) return;
        isHeld = false;
        goSecure();
      });
    },
    end(last) {
      stopReading();
      if (last === undefined) stream.end();
      else stream.end(last);
      // What still comes is thrown away, so that the end of the other side is seen.
      stream.resume();
    },
    destroy() {
      isBroken = true;
      socket.destroy();
    },
  };
}
