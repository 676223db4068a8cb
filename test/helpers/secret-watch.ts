// Owns the look for secrets in everything that tests make the product say: log lines, and what its processes print.
import { subscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync } from 'node:fs';

export interface SecretWatch {
  /** Shorter ones than twelve characters cannot be told from ordinary words. */
  keep(what: string, secret: string): void;
  /** All secrets of an environment. */
  keepEnvironment(env: Readonly<Record<string, string | undefined>>): void;
  /** Looks at a text as soon as findings are asked for. */
  see(text: string): void;
  /** What was found since the last time, without the secrets themselves. */
  takeFindings(): string[];
}

/** So much of a secret is enough to find it: half of one is a leak as well. */
const keyLength = 12;
const secretVariables = /^(AZURE_CLIENT_SECRET|ADMIN_TOKEN|GESPAGE_LDAP_BIND_PASSWORD)(_FILE)?$/;
/** Addresses of which the password alone is a secret. */
const addressVariables = /^GESPAGE_(SQL|TRIGGER)_URL(_FILE)?$/;
/** Files whose every line is one. */
const keyFiles = /^(GESPAGE_LDAP_TLS_KEY|AZURE_CLIENT_CERTIFICATE_PATH)$/;
/** What secrets are made of; words of a sentence are shorter, and addresses and ids are looked through. */
const runs = /[\w.~+/!=@-]{12,}/g;
/** A signed token, whoever made it. */
const signedToken = /\beyJ[\w-]{8,}\.[\w-]{8,}/;
const mostFindings = 10;

export function createSecretWatch(): SecretWatch {
  const keys = new Map<string, string>();
  let texts: string[] = [];

  function keep(what: string, secret: string): void {
    const lines = secret.split('\n').map((line) => line.trim());
    // The frame of a key and its first line are the same in all keys.
    const own = lines.length > 2 ? lines.slice(2).filter((line) => !line.startsWith('-----')) : lines;
    for (const line of own) {
      const [run] = line.match(runs) ?? [];
      if (run !== undefined) keys.set(run.slice(0, keyLength), what);
    }
  }

  function findIn(text: string): string[] {
    const found: string[] = [];
    for (const [run] of text.matchAll(runs)) {
      for (let at = 0; at + keyLength <= run.length; at += 1) {
        const what = keys.get(run.slice(at, at + keyLength));
        if (what !== undefined) found.push(`${what} in: ${hide(text, run)}`);
      }
    }
    if (signedToken.test(text))
      found.push(`a signed token in: ${text.replace(signedToken, '***').slice(0, 300)}`);
    return found;
  }

  return {
    keep,
    keepEnvironment(env) {
      for (const [name, given = ''] of Object.entries(env)) {
        const isFile = name.endsWith('_FILE') || keyFiles.test(name);
        const value = isFile && existsSync(given) ? readFileSync(given, 'utf8').trim() : given;
        if (secretVariables.test(name)) keep(name, value);
        else if (keyFiles.test(name) && value !== given) keep(name, privatePart(value));
        else if (addressVariables.test(name)) {
          const password = /^\w+:\/\/[^/@]*:([^/@]+)@/.exec(value)?.[1];
          if (password !== undefined) keep(`the password of ${name}`, password);
        }
      }
    },
    see: (text) => void texts.push(text),
    takeFindings() {
      const seen = texts;
      texts = [];
      const found = seen.flatMap((text) => text.split('\n').flatMap(findIn));
      return [...new Set(found)].slice(0, mostFindings);
    },
  };
}

/** Of a file that may hold certificates as well. */
function privatePart(pem: string): string {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----/.exec(pem)?.[0] ?? '';
}

/** The line around a secret. */
function hide(text: string, run: string): string {
  return text.replaceAll(run, '***').slice(0, 300);
}

/** The one that all tests of a process share. */
export const secretWatch = createSecretWatch();

/** Gives a listener for what a process prints: each line is looked at once it is whole. */
export function watchLines(): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) secretWatch.see(line);
  };
}

/** The memory log of the product and the emulated tenant tell here what they write, and hand out. */
const lineChannel = 'gespage-sync:memory-log';
const secretChannel = 'emulated-tenant:secret';

subscribe(lineChannel, (line) => secretWatch.see(line as string));
subscribe(secretChannel, (told) => {
  const { what, secret } = told as { what: string; secret: string };
  secretWatch.keep(what, secret);
});
