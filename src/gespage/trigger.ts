// Owns the call that tells a site's own program that the targets have changed, so that Gespage can read them at once.

/** The whole body, as JSON. */
export interface TriggerMessage {
  readonly product: 'gespage-graph-sync';
  /** Of the ledger: grows with every change. */
  readonly revision: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly accounts: number;
  readonly enabledAccounts: number;
  /** The targets that hold this revision. */
  readonly targets: readonly string[];
}

export interface TriggerAnswer {
  /** HTTP status, 200 to 299. */
  readonly status: number;
  /** The beginning of the answer, on one line. */
  readonly text: string;
}

/** @throws Error with advice; the message holds no part of the address but its host. */
export type CallTrigger = (message: TriggerMessage, signal: AbortSignal) => Promise<TriggerAnswer>;

export interface TriggerOptions {
  /** Without user name and password. */
  readonly url: string;
  /** For people. */
  readonly host: string;
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** When the other side counts as hung, in ms; 30 s unless told. */
  readonly timeoutMs?: number;
}

const shownCharacters = 200;
const mostBytes = 4_096;

/** A POST. A redirect is not followed: it could lead the message, or its credentials, to another host. */
export function createTriggerCall(options: TriggerOptions): CallTrigger {
  const { url, host, credentials, timeoutMs = 30_000 } = options;
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (credentials) {
    const pair = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
    headers['authorization'] = `Basic ${pair}`;
  }

  return async (message, signal) => {
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body: JSON.stringify(message),
        redirect: 'manual',
        signal: AbortSignal.any([signal, limit]),
      });
      const text = await readBeginning(response);
      if (response.ok) return { status: response.status, text };
      throw new TriggerError(describeStatus(host, response.status, text));
    } catch (error) {
      if (error instanceof TriggerError) throw error;
      signal.throwIfAborted();
      const what = limit.aborted ? `gave no answer within ${timeoutMs / 1000} s` : describeCause(error);
      throw new TriggerError(`The trigger at ${host} ${what}. Check that it runs, and GESPAGE_TRIGGER_URL.`);
    }
  };
}

class TriggerError extends Error {
  override readonly name = 'TriggerError';
}

function describeStatus(host: string, status: number, text: string): string {
  const answer = text === '' ? '' : ` and said: ${text}`;
  const advice =
    status >= 300 && status < 400
      ? 'Redirects are not followed: set GESPAGE_TRIGGER_URL to the address to which it leads.'
      : status === 401 || status === 403
        ? 'Set user name and password in GESPAGE_TRIGGER_URL, as https://USER:PASSWORD@HOST/PATH.'
        : 'Check GESPAGE_TRIGGER_URL, and the log of the program behind it.';
  return `The trigger at ${host} answered ${status}${answer}. ${advice}`;
}

function describeCause(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code =
    typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : 'unknown reason';
  return `could not be reached (${code})`;
}

/** No more than is shown is read: the other side may send whatever it likes. */
async function readBeginning(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  while (reader && bytes < mostBytes) {
    const { done, value } = (await reader.read()) as { done: boolean; value?: Uint8Array };
    if (done || value === undefined) break;
    pieces.push(value);
    bytes += value.length;
  }
  await reader?.cancel();
  const text = Buffer.concat(pieces)
    .toString('utf8')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  return [...text].slice(0, shownCharacters).join('');
}
