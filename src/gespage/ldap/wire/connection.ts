// Owns one client's connection: who it is, which of its requests are in hand, and what each gets for an answer.
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Log } from '../../../ops/log.ts';
import type { Entry } from '../directory.ts';
import { BerError } from './ber-reader.ts';
import type { BindRequest, Identity, Way } from './bind.ts';
import { runCompare } from './compare.ts';
import { readSearchControls, refuseCritical } from './controls.ts';
import type { LdapLimits } from './limits.ts';
import { Gone } from './outlet.ts';
import { startTlsOid, whoAmIOid } from './own-entries.ts';
import type { SnapshotShelf } from './paging.ts';
import { readMessage, type Message, type Request } from './requests.ts';
import { writeNoticeOfDisconnection, writeResult, type Extras } from './responses.ts';
import { Refused, type Result } from './results.ts';
import { runSearch, type SearchRoom } from './search.ts';
import { createWire } from './wire.ts';

/** What all connections share. */
export interface ConnectionRoom {
  readonly shelf: SnapshotShelf;
  readonly limits: LdapLimits;
  readonly now: () => number;
  readonly log: Log;
  readonly rootDse: Entry;
  readonly subschema: Entry;
  readonly readerDn: string;
  readonly secureContext: SecureContext | undefined;
  checkBind(request: BindRequest, way: Way): Identity;
}

export interface Connection {
  /** Ends it where it rests, lags or holds too long. */
  sweep(): void;
  /** Tells the client that the server goes, and closes. */
  end(): void;
  destroy(): void;
}

/** How long a client may take to go once its connection was ended, in ms. */
const goMs = 2_000;

/** Requests that get an answer, in hand. */
type InHand = Map<number, AbortController>;

export function openConnection(socket: Socket, room: ConnectionRoom, closed: () => void): Connection {
  const { limits, now, shelf } = room;
  const log = room.log.child({ client: `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}` });
  const loopback = isLoopback(socket.remoteAddress);
  /** Stands for this connection on the shelf; a new one after each bind, so that no search outlives an identity. */
  let owner = {};
  let identity: Identity = 'anonymous';
  let failedBinds = 0;
  let isEnded = false;
  let heldAnswer: NodeJS.Timeout | undefined;
  let lastHeard = now();
  const inHand: InHand = new Map();

  const wire = createWire(
    socket,
    { secureContext: room.secureContext, messageBytes: limits.messageBytes, now },
    {
      message: (octets) => receive(octets),
      broken: (reason) => disconnect('protocolError', reason),
      secured: () => void (lastHeard = now()),
      closed() {
        clearTimeout(heldAnswer);
        forgetAll();
        closed();
      },
    },
  );

  function forgetAll(): void {
    for (const request of inHand.values()) request.abort();
    inHand.clear();
    shelf.forget(owner);
    owner = {};
  }

  function disconnect(code: 'protocolError' | 'unavailable' | 'unwillingToPerform', text: string): void {
    log.debug('an LDAP connection is ended', { reason: text });
    forgetAll();
    isEnded = true;
    wire.end(writeNoticeOfDisconnection({ code, text }));
  }

  function answer({ id, tag }: Message, result: Result, extras?: Extras): Promise<void> | undefined {
    const octets = writeResult(id, tag, result, extras);
    return octets && wire.send(octets);
  }

  function receive(octets: Buffer): void {
    lastHeard = now();
    const message = readMessage(octets, limits.filter);
    const { id, request } = message;
    if (!(request instanceof Refused)) {
      if (request.kind === 'unbind') {
        isEnded = true;
        return wire.end();
      }
      if (request.kind === 'abandon') return abandon(request.id);
    }
    if (id === 0) throw new BerError('A request with the message id 0, which is the server’s.');
    if (inHand.has(id)) throw new BerError('A request with the message id of another one that is in hand.');
    if (inHand.size >= limits.requestsInHand) {
      const text = 'Too many requests of this connection are in hand.';
      return settle(answer(message, { code: 'busy', text }));
    }
    if (request instanceof Refused) return settle(answer(message, request.result));
    settle(carryOut(message, request));
  }

  function abandon(id: number): void {
    inHand.get(id)?.abort();
    inHand.delete(id);
  }

  /** What is sent to nobody is no trouble; everything else is. */
  function settle(work: Promise<void> | undefined): void {
    work?.catch((error: unknown) => {
      if (error instanceof Gone) return;
      if (error instanceof BerError) return disconnect('protocolError', error.message);
      log.error('an LDAP connection is cut after an error', { error });
      wire.destroy();
    });
  }

  async function carryOut(message: Message, request: Request): Promise<void> {
    try {
      switch (request.kind) {
        case 'bind':
          return await bind(message, request);
        case 'extended':
          return await extended(message, request);
        case 'search':
        case 'compare':
          return await look(message, request);
        case 'add':
        case 'delete':
        case 'modify':
        case 'rename':
          throw new Refused('unwillingToPerform', 'The directory is read-only: it follows the Entra tenant.');
        case 'unbind':
        case 'abandon':
          return;
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await answer(message, error.result);
    }
  }

  async function bind(message: Message, request: BindRequest): Promise<void> {
    forgetAll();
    identity = 'anonymous';
    refuseCritical(message.controls, new Set());
    try {
      identity = room.checkBind(request, { encrypted: wire.encrypted(), loopback });
    } catch (error) {
      if (error instanceof Refused && error.result.code === 'invalidCredentials')
        return refuseGuess(message, error);
      throw error;
    }
    failedBinds = 0;
    await answer(message, { code: 'success' });
  }

  /** The answer comes late, and nothing else of this connection is looked at until then. */
  async function refuseGuess(message: Message, refusal: Refused): Promise<void> {
    failedBinds += 1;
    log.warn('an LDAP client gave a wrong bind DN or password', { failedBinds });
    wire.hold(true);
    const delay = limits.failedBindMs * 2 ** (failedBinds - 1);
    await new Promise<void>((resolve) => (heldAnswer = setTimeout(resolve, delay)));
    await answer(message, refusal.result);
    if (failedBinds >= limits.failedBinds) disconnect('unwillingToPerform', 'Too many failed binds.');
    else wire.hold(false);
  }

  async function extended(message: Message, request: Extract<Request, { kind: 'extended' }>): Promise<void> {
    refuseCritical(message.controls, new Set());
    if (request.oid === whoAmIOid && !request.hasValue) {
      const value = Buffer.from(identity === 'reader' ? `dn:${room.readerDn}` : '');
      await answer(message, { code: 'success' }, { value });
      return;
    }
    if (request.oid === startTlsOid && !request.hasValue) return startTls(message);
    throw new Refused(
      'protocolError',
      'An extended operation that is not known here, or one with an odd value.',
    );
  }

  function startTls(message: Message): void {
    if (wire.encrypted()) throw new Refused('operationsError', 'TLS is up already.');
    if (room.secureContext === undefined)
      throw new Refused('protocolError', 'StartTLS needs a certificate, and none is configured here.');
    if (inHand.size > 0) throw new Refused('operationsError', 'Other requests are still in hand.');
    wire.hold(true);
    // Whatever came in the clear behind the request could be somebody else's.
    if (wire.hasPending()) throw new BerError('Octets behind a StartTLS request.');
    forgetAll();
    identity = 'anonymous';
    wire.startTls(writeResult(message.id, message.tag, { code: 'success' }, { name: startTlsOid }) as Buffer);
  }

  async function look(
    message: Message,
    request: Extract<Request, { kind: 'search' | 'compare' }>,
  ): Promise<void> {
    const abortion = new AbortController();
    const { signal } = abortion;
    inHand.set(message.id, abortion);
    const place: SearchRoom = {
      shelf,
      limits,
      now,
      rootDse: room.rootDse,
      subschema: room.subschema,
      owner,
      isReader: identity === 'reader',
      signal,
      send: (chunk) => (signal.aborted ? Promise.reject(new Gone('Given up.')) : wire.send(chunk)),
    };
    try {
      if (request.kind === 'compare') {
        refuseCritical(message.controls, new Set());
        await answer(message, runCompare(request, place));
        return;
      }
      const { paging } = readSearchControls(message.controls);
      const { result, control } = await runSearch(message.id, request, paging, place);
      if (!signal.aborted) await answer(message, result, control && { controls: [control] });
    } catch (error) {
      if (error instanceof Gone || signal.aborted) return;
      if (!(error instanceof Refused)) log.error('an LDAP search failed', { error });
      const text = 'The directory cannot be read right now. Try again later.';
      await answer(message, error instanceof Refused ? error.result : { code: 'unavailable', text });
    } finally {
      if (inHand.get(message.id) === abortion) inHand.delete(message.id);
      lastHeard = now();
    }
  }

  return {
    sweep() {
      if (isEnded && now() - lastHeard > goMs) return wire.destroy();
      const lagging = wire.lagging();
      if (lagging !== undefined && now() - lagging > limits.unreadMs) {
        log.debug('an LDAP client does not read what it asked for, and is cut off');
        return wire.destroy();
      }
      const rest = identity === 'reader' ? limits.restMs : limits.anonymousRestMs;
      if (inHand.size === 0 && now() - lastHeard > rest) wire.destroy();
    },
    end: () => disconnect('unavailable', 'The server stops.'),
    destroy: () => wire.destroy(),
  };
}

/** Also where IPv4 comes in the clothes of IPv6. */
function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.|^::1$/.test(address);
}
