// Owns the addresses in the configuration: hosts of Microsoft, the public URL, doors, and the clouds.
import { isIP } from 'node:net';
import { accept, refuse, type Parsed } from './parsed.ts';

export const cloudNames = ['global', 'usgov', 'usgov-dod', 'china'] as const;
export type CloudName = (typeof cloudNames)[number];

/** Token authority and Graph of each cloud. https://learn.microsoft.com/graph/deployments */
export const clouds: Readonly<
  Record<CloudName, { readonly authorityHost: string; readonly graphUrl: string }>
> = {
  global: { authorityHost: 'https://login.microsoftonline.com', graphUrl: 'https://graph.microsoft.com' },
  usgov: { authorityHost: 'https://login.microsoftonline.us', graphUrl: 'https://graph.microsoft.us' },
  'usgov-dod': {
    authorityHost: 'https://login.microsoftonline.us',
    graphUrl: 'https://dod-graph.microsoft.us',
  },
  china: {
    authorityHost: 'https://login.chinacloudapi.cn',
    graphUrl: 'https://microsoftgraph.chinacloudapi.cn',
  },
};

/** Whether tokens come from a host of Microsoft's, which MSAL knows by itself. */
export function isMicrosoftAuthority(authorityHost: string): boolean {
  return Object.values(clouds).some((cloud) => cloud.authorityHost === authorityHost);
}

/** Whether both hosts are Microsoft's and no cloud has the two together. A host of somebody else tells nothing. */
export function areOfDifferentClouds(authorityHost: string, graphUrl: string): boolean {
  const known = Object.values(clouds);
  const ofGraph = known.find((cloud) => cloud.graphUrl === graphUrl);
  return (
    isMicrosoftAuthority(authorityHost) && ofGraph !== undefined && ofGraph.authorityHost !== authorityHost
  );
}

/** Whether a host, as `URL.hostname` or a listen address gives it, is this machine alone. */
export function isLoopback(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d+){3}$/.test(name)
  );
}

/** Reads `https://HOST[:PORT]`; the value has no slash at its end. */
export function parseHttpsOrigin(text: string): Parsed<string> {
  const url = parseUrl(text);
  if (url?.protocol !== 'https:')
    return refuse('must begin with https://; write it as https://HOST or https://HOST:PORT');
  const problem = findExtras(url, text);
  if (problem !== undefined) return refuse(problem);
  if (url.pathname !== '/')
    return refuse('must be a host alone; leave out everything after HOST or HOST:PORT');
  return accept(url.origin);
}

/** Reads the address at which Microsoft reaches the service; the value has no slash at its end. */
export function parsePublicUrl(text: string): Parsed<string> {
  const url = parseUrl(text);
  if (url === undefined || !['https:', 'http:'].includes(url.protocol))
    return refuse('is not a web address; write it as https://HOST or https://HOST/PREFIX');
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return refuse(
      'begins with http://, which Microsoft does not call; put a certificate in front and write https://',
    );
  const problem = findExtras(url, text);
  if (problem !== undefined) return refuse(problem);
  const prefix = url.pathname.replace(/\/+$/, '');
  if (/\/graph\/(notifications|lifecycle)$/.test(prefix))
    return refuse('must end before /graph/notifications and /graph/lifecycle; the service adds them itself');
  return accept(url.origin + prefix);
}

/** Reads an address to listen on: an IP address (IPv6 with or without brackets) or a host name. */
export function parseListenHost(text: string): Parsed<string> {
  const host = text.replace(/^\[(.*)\]$/, '$1');
  // Names of digits and dots alone are mistyped addresses; a resolver would take them for odd ones.
  const isName = /^[a-z\d]([a-z\d_.-]*[a-z\d])?$/i.test(host) && !/^[\d.]+$/.test(host);
  if (isIP(host) !== 0 || isName) return accept(host);
  return refuse(
    'is neither an IP address nor a host name; write 0.0.0.0 for every address, 127.0.0.1 for this machine alone',
  );
}

/** Reads a port; 0 stands for any free one. */
export function parsePort(text: string): Parsed<number> {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? accept(port) : refuse('must be a port from 1 to 65535, or 0 for any free one');
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function findExtras(url: URL, text: string): string | undefined {
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user name or password; leave them out';
  if (/[?#]/.test(text)) return 'must not hold ? or #; leave out everything from there on';
  return undefined;
}
