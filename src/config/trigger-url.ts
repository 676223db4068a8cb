// Owns the reading of GESPAGE_TRIGGER_URL. It can hold a password or a key, so no sentence repeats any part of it.
import { isIP } from 'node:net';
import { accept, refuse, type Parsed } from './parsed.ts';
import { isLoopback } from './urls.ts';

/** What is called after targets changed. */
export interface Trigger {
  /** Without user name and password. */
  readonly url: string;
  /** `HOST` or `HOST:PORT`, for people: may be logged. */
  readonly host: string;
  /** Decoded; undefined where the URL names nobody. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

/** Reads `https://…`, or `http://…` where it stays on this machine or in a private network. */
export function parseTriggerUrl(text: string): Parsed<Trigger> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol))
    return refuse('is not a web address; write it as https://HOST/PATH');
  if (url.protocol === 'http:' && !isPrivate(url.hostname))
    return refuse(
      'begins with http://, which is for this machine and private networks alone (10.x, 192.168.x, a name without dots); write https://',
    );
  if (url.hash !== '')
    return refuse('must not hold #, which is never sent; leave out everything from there on');
  const credentials =
    url.username === '' && url.password === ''
      ? undefined
      : { username: decode(url.username), password: decode(url.password) };
  url.username = '';
  url.password = '';
  return accept({ url: url.href, host: url.host, credentials });
}

/** Whether what is sent there in the clear does not leave the site. RFC 1918, 4193, 3927, 4291 */
function isPrivate(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isLoopback(host)) return true;
  switch (isIP(host)) {
    case 4:
      return /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/.test(host);
    case 6:
      return /^(f[cd]|fe[89ab])/.test(host);
    default:
      return !host.includes('.');
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
