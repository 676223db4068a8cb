// Owns who may pass the private door: the admin token, or the session of a browser that once showed it.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';

export interface Gate {
  /** How the caller may pass; undefined when not at all. */
  admit(c: Context): 'token' | 'session' | undefined;
  /** Opens a session for whoever shows the token; false when it is not the token. */
  signIn(c: Context, token: string): boolean;
  signOut(c: Context): void;
}

export interface GateOptions {
  readonly token: string;
  readonly now: () => number;
  /** A new session id that nobody can guess. */
  readonly newSessionId: () => string;
}

const cookieName = 'gespage_sync_session';
const sessionMs = 12 * 3_600_000;
/** Sessions live in memory; the oldest gives way. */
const mostSessions = 100;

interface Session {
  /** Of its id, which is not kept itself. */
  readonly digest: Buffer;
  readonly until: number;
}

/** Makes the gate. */
export function createGate({ token, now, newSessionId }: GateOptions): Gate {
  const wanted = digest(token);
  let sessions: Session[] = [];
  // Digests have one length, so the comparison takes the same time for every guess.
  const isToken = (given: string): boolean => timingSafeEqual(digest(given), wanted);

  function find(id: string): Session | undefined {
    const given = digest(id);
    // All of them, whichever it is: the time taken must not tell where the right one stands.
    return sessions.filter((session) => timingSafeEqual(session.digest, given))[0];
  }

  function isOpen(id: string | undefined): boolean {
    const until = id === undefined ? undefined : find(id)?.until;
    return until !== undefined && until > now();
  }

  return {
    admit(c) {
      const bearer = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1];
      if (bearer !== undefined) return isToken(bearer) ? 'token' : undefined;
      return isOpen(getCookie(c, cookieName)) ? 'session' : undefined;
    },
    signIn(c, given) {
      if (!isToken(given)) return false;
      const id = newSessionId();
      const open = sessions.filter(({ until }) => until > now());
      sessions = [...open, { digest: digest(id), until: now() + sessionMs }].slice(-mostSessions);
      setCookie(c, cookieName, id, {
        httpOnly: true,
        sameSite: 'Strict',
        path: '/',
        secure: new URL(c.req.url).protocol === 'https:',
        maxAge: sessionMs / 1000,
      });
      return true;
    },
    signOut(c) {
      const id = deleteCookie(c, cookieName, { path: '/' });
      const ended = id === undefined ? undefined : find(id);
      sessions = sessions.filter((session) => session !== ended);
    },
  };
}

/**
 * Whether a request comes from a page of this door itself. Browsers send `Origin` with every POST and let no page
 * forge it or `Sec-Fetch-Site`.
 */
export function isOwnOrigin(c: Context): boolean {
  if (c.req.header('sec-fetch-site') === 'same-origin') return true;
  const origin = c.req.header('origin');
  const host = c.req.header('host') ?? new URL(c.req.url).host;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
