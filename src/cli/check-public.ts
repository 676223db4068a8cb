// Owns the test of the public door from the outside path: the handshake as Microsoft makes it, byte by byte.
import { randomUUID } from 'node:crypto';
import { openDoor } from '../compose.ts';
import type { Config } from '../config.ts';
import { createLog } from '../ops/log.ts';
import { createMetrics } from '../ops/metrics.ts';
import { createWebhook } from '../webhook/app.ts';
import { failed, type Finding, note, ok } from './finding.ts';
import type { Io } from './io.ts';

const part = 'public url';
/** Microsoft gives up after ten seconds. */
const patienceMs = 10_000;

/**
 * Asks PUBLIC_URL for the handshake. Where no service listens, a door is opened for the moment.
 * @see https://learn.microsoft.com/graph/change-notifications-delivery-webhooks#notificationurl-validation
 */
export async function checkPublicUrl(config: Config, io: Io, isServed: boolean): Promise<Finding[]> {
  const { urls, host, port } = config.publicDoor;
  if (urls === undefined) {
    return [
      note(part, 'PUBLIC_URL is not set: the tenant is polled, and changes arrive within POLL_SECONDS.'),
    ];
  }
  const own = isServed ? undefined : await openMoment(host, port);
  if (own instanceof Error) return [busyPort(own, host, port)];
  try {
    const findings: Finding[] = [];
    for (const url of [urls.notification, urls.lifecycle]) findings.push(await shakeHands(url, io.signal));
    if (findings.every(({ verdict }) => verdict === 'ok')) {
      findings.push(
        note(
          part,
          'This was asked from this machine. Microsoft comes from outside: the firewall must let port 443 in from everywhere.',
        ),
      );
    }
    return findings;
  } finally {
    await own?.close();
  }
}

/** A door that answers handshakes; what else comes is turned away, and Microsoft sends it again. */
async function openMoment(host: string, port: number): Promise<Awaited<ReturnType<typeof openDoor>> | Error> {
  const app = createWebhook({
    store: { put: () => Promise.reject(new Error('only a check')) },
    findSubscription: () => undefined,
    tenantId: () => undefined,
    log: createLog({ level: 'error', format: 'json', destination: { write: () => undefined }, secrets: [] }),
    metrics: createMetrics({ processMetrics: false }),
  });
  try {
    return await openDoor(app, host, port);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function busyPort(error: NodeJS.ErrnoException, host: string, port: number): Finding {
  return failed(
    part,
    `Nothing could be tested: the public door cannot listen on ${host} port ${port} (${error.code ?? error.message}).`,
    error.code === 'EADDRINUSE'
      ? 'Another program has the port. Stop it, or set LISTEN_PORT to a free one and let the proxy in front send there.'
      : 'Check LISTEN_HOST and LISTEN_PORT.',
  );
}

async function shakeHands(url: string, signal: AbortSignal): Promise<Finding> {
  // Signs that a proxy likes to decode twice, or not at all.
  const token = `Validation: Testing client application reachability. ${randomUUID()} +/=&%<é>`;
  const where = new URL(url).pathname;
  let answer: Response;
  try {
    answer = await fetch(`${url}?validationToken=${encodeURIComponent(token)}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    });
    return judge(answer, await answer.text(), token, where);
  } catch (error) {
    return unreachable(error, url);
  }
}

function judge(answer: Response, body: string, token: string, where: string): Finding {
  const type = answer.headers.get('content-type') ?? 'none';
  if (answer.status >= 300 && answer.status < 400) {
    return failed(
      part,
      `${where} is answered with a redirect (${answer.status}), which Microsoft does not follow.`,
      'Set PUBLIC_URL to the address that the redirect leads to, or take the redirect out of the proxy.',
    );
  }
  if (answer.status === 401 || answer.status === 403 || answer.status === 407) {
    return failed(
      part,
      `${where} is answered with ${answer.status}: something in front wants a sign-in, which Microsoft does not have.`,
      'Let the proxy pass the two paths under /graph/ without a sign-in.',
    );
  }
  if (answer.status !== 200) {
    return failed(
      part,
      `${where} is answered with ${answer.status} in place of 200, so it does not come to this service as it should.`,
      'Compare PUBLIC_URL with the route of the proxy in front: it must send both paths under /graph/ to LISTEN_PORT and keep the query.',
    );
  }
  if (body !== token) {
    return failed(
      part,
      `${where} is answered by 200, but with other text than the validation token (${body.length} characters).`,
      'Another program answers at PUBLIC_URL, or a proxy alters the query or the answer. Let it pass both untouched.',
    );
  }
  if (!/^text\/plain\b/i.test(type)) {
    return failed(
      part,
      `${where} is answered as ${type} in place of text/plain.`,
      'Let the proxy leave the content type alone.',
    );
  }
  return ok(part, `${where} answers Microsoft's handshake.`);
}

function unreachable(error: unknown, url: string): Finding {
  const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } };
  const code = cause?.code ?? (name === 'TimeoutError' ? 'timeout' : (cause?.message ?? 'unknown'));
  return failed(part, `${new URL(url).origin} cannot be reached (${code}).`, adviceFor(code));
}

function adviceFor(code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'Check the name in PUBLIC_URL and its entry in the DNS.';
  if (code === 'timeout')
    return 'Nothing answered within the ten seconds that Microsoft gives. Check the firewall and the proxy in front; some networks cannot reach their own public address, then repeat this from outside.';
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|HOSTNAME/.test(code))
    return 'The certificate at PUBLIC_URL is not trusted. Microsoft wants one of a public authority, for that very name, with all intermediate certificates sent along.';
  return 'Check that the proxy in front runs, listens on this port and has the right certificate.';
}
