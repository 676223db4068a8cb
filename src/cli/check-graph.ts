// Owns the test of Microsoft's side: the token, its permissions, the end of the credential, and what must be readable.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { createGraphClient, type GraphClient } from '../graph/client.ts';
import { readPage } from '../graph/delta.ts';
import { GraphFailure } from '../graph/errors.ts';
import { createPauseGate } from '../graph/pause-gate.ts';
import { listSubscriptions } from '../graph/subscriptions.ts';
import { createTokenSource, type TokenSource } from '../graph/token.ts';
import { judgePermissions } from './check-permissions.ts';
import { failed, type Finding, note, ok, skipped } from './finding.ts';
import type { Io } from './io.ts';

const warnDays = 30;
const dayMs = 86_400_000;

/** Everything about Microsoft, in the order in which it can fail. */
export async function checkGraph(config: Config, io: Io): Promise<Finding[]> {
  let tokens: TokenSource;
  try {
    tokens = openTokens(config, io);
    await tokens.token();
  } catch (error) {
    return [failure('sign-in', error), skipped('permissions', 'no token'), skipped('graph', 'no token')];
  }
  const client = openClient(config, tokens, io);
  try {
    return [
      ok('sign-in', `Microsoft Entra gives a token for ${config.azure.clientId} in ${config.azure.tenant}.`),
      ...checkCredentialEnd(tokens, io.now()),
      ...judgePermissions(await tokens.roles(), config.mode),
      await readOnePage(client, 'users', io.signal),
      await readOnePage(client, 'groups', io.signal),
      ...(config.mode === 'polling' ? [] : [await checkSubscriptions(client, config, io)]),
    ];
  } finally {
    client.close();
  }
}

function openTokens(config: Config, io: Io): TokenSource {
  const { credential } = config.azure;
  return createTokenSource({
    tenantId: config.azure.tenant,
    clientId: config.azure.clientId,
    credential:
      credential.kind === 'secret'
        ? credential
        : { kind: 'certificate', pem: `${credential.privateKey}\n${credential.certificates}` },
    authorityHost: new URL(config.azure.authority).origin,
    graphBaseUrl: config.graph.baseUrl,
    now: io.now,
  });
}

function openClient(config: Config, tokens: TokenSource, io: Io): GraphClient {
  return createGraphClient({
    baseUrl: config.graph.baseUrl,
    tokens,
    gate: createPauseGate({
      now: io.now,
      sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}),
    }),
    now: io.now,
    random: Math.random,
    newId: randomUUID,
  });
}

function checkCredentialEnd({ credentialExpiresAt }: TokenSource, now: number): Finding[] {
  if (credentialExpiresAt === undefined) {
    return [
      note(
        'credential',
        'When a client secret ends cannot be read from here.',
        'Look at Entra ID > App registrations > your application > Certificates & secrets, and note the date.',
      ),
    ];
  }
  const days = Math.floor((credentialExpiresAt.getTime() - now) / dayMs);
  const day = credentialExpiresAt.toISOString().slice(0, 10);
  const advice =
    'Make a new certificate, upload it under Entra ID > App registrations > your application > Certificates & secrets > Certificates, and set AZURE_CLIENT_CERTIFICATE_PATH to it.';
  if (days >= warnDays) return [ok('credential', `The certificate ends on ${day}, in ${days} days.`)];
  return days < 0
    ? [failed('credential', `The certificate ended on ${day}.`, advice)]
    : [
        note(
          'credential',
          `The certificate ends on ${day}, in ${days} days: then nothing works any more.`,
          advice,
        ),
      ];
}

async function readOnePage(
  client: GraphClient,
  stream: 'users' | 'groups',
  signal: AbortSignal,
): Promise<Finding> {
  const operation = `${stream}.delta`;
  const select = stream === 'users' ? 'id,accountEnabled' : 'id,members';
  try {
    const answer = await client.request({ operation, path: `/${stream}/delta?$select=${select}`, signal });
    const page = readPage(answer.body, 0, operation);
    const seen = page.objects.length;
    return ok('graph', `The changes of ${stream} can be read (${seen} ${stream} on the first page).`);
  } catch (error) {
    return failure('graph', error);
  }
}

async function checkSubscriptions(client: GraphClient, config: Config, io: Io): Promise<Finding> {
  try {
    const all = await listSubscriptions(client, io.signal);
    const ours = all.filter((one) => one.notificationUrl === config.publicDoor.urls?.notification);
    const live = ours.filter((one) => one.expirationDateTime.getTime() > io.now());
    if (live.length >= 2) return ok('graph', `Microsoft holds ${live.length} subscriptions to PUBLIC_URL.`);
    return note(
      'graph',
      `Microsoft holds ${live.length} subscriptions to PUBLIC_URL; two are needed.`,
      'The service makes them when it starts; "gespage-sync renew" makes them now.',
    );
  } catch (error) {
    return failure('graph', error);
  }
}

function failure(part: string, error: unknown): Finding {
  if (error instanceof GraphFailure) return failed(part, error.what, error.advice);
  const message = error instanceof Error ? error.message : String(error);
  return failed(part, message, 'This is unexpected: repeat with --verbose and report it.');
}
