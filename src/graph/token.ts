// Owns signing in: one access token for Microsoft Graph, kept in memory and renewed ahead of its end.
import { ConfidentialClientApplication, LogLevel, type Configuration } from '@azure/msal-node';
import { readClientCertificate } from './certificate.ts';
import { classify, GraphFailure, unreadable } from './errors.ts';
import { createTokenWire, type TokenWire } from './token-wire.ts';
import { recordOf } from './unknown-values.ts';

export interface TokenSource {
  /**
   * An access token that is still valid. Concurrent callers share one request to Entra.
   * @param options.fresh asks Entra anew, after Graph refused the token held (revoked, or permissions changed).
   * @throws {GraphFailure} `auth`, `throttled` or `transient`.
   */
  token(options?: { readonly fresh?: boolean }): Promise<string>;
  /**
   * Names of the application permissions granted, from the token's `roles`; empty when none are, or when the token
   * cannot be looked into. For `check` only: to Graph's clients the token is opaque.
   */
  roles(): Promise<string[]>;
  /** When the certificate ends; `undefined` for a secret, whose end a token does not tell. */
  readonly credentialExpiresAt: Date | undefined;
}

export type Credential =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'certificate'; readonly pem: string };

export interface TokenSourceOptions {
  readonly tenantId: string;
  readonly clientId: string;
  readonly credential: Credential;
  /** `https://host[:port]`, without the tenant. */
  readonly authorityHost: string;
  readonly graphBaseUrl: string;
  now(): number;
}

interface HeldToken {
  readonly value: string;
  readonly expiresAt: number;
  readonly renewAt: number;
}

const operation = 'sign-in';
const requestTimeoutMs = 30_000;
/** A token is renewed this long before its end, or in the last fifth of a short life. */
const aheadMs = 5 * 60_000;
const aheadShare = 0.2;
/** No longer life is believed: Entra's tokens live about an hour, and a day at most for a client like this. */
const longestLifeMs = 24 * 60 * 60_000;
/** After a failed renewal ahead of the end, the next one is tried no sooner than this. */
const renewalPauseMs = 10_000;

/**
 * Signs in with client credentials through MSAL.
 * @throws {GraphFailure} `auth` at once when the certificate cannot be used.
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { credentialPart, credentialExpiresAt } = credentialOf(options.credential);
  const scope = `${new URL(options.graphBaseUrl).origin}/.default`;
  let held: HeldToken | undefined;
  let inFlight: Promise<HeldToken> | undefined;
  let barred: { readonly until: number; readonly failure: GraphFailure } | undefined;

  async function acquire(): Promise<HeldToken> {
    const wire = createTokenWire(requestTimeoutMs);
    try {
      // A new application each time: MSAL's own memory would otherwise block all attempts for a minute after one 5xx.
      const application = new ConfidentialClientApplication(configuration(options, credentialPart, wire));
      const result = await application.acquireTokenByClientCredential({ scopes: [scope], skipCache: true });
      const value: unknown = result?.accessToken;
      if (typeof value !== 'string' || !/^[\u0020-\u007e]+$/.test(value))
        throw unreadable(operation, 'it holds no token that could be sent');
      const endsAt = result?.expiresOn?.getTime() ?? Number.NaN;
      if (Number.isNaN(endsAt)) throw unreadable(operation, 'it does not say for how long its token lives');
      const expiresAt = Math.min(endsAt, options.now() + longestLifeMs);
      const ahead = Math.min(aheadMs, (expiresAt - options.now()) * aheadShare);
      return { value, expiresAt, renewAt: expiresAt - Math.max(0, ahead) };
    } catch (thrown) {
      const trouble = wire.trouble();
      throw classify({ operation, ...trouble, cause: trouble.cause ?? thrown });
    }
  }

  function renew(): Promise<HeldToken> {
    if (barred !== undefined && options.now() < barred.until)
      return Promise.reject(stillBarred(barred, options.now()));
    inFlight ??= acquire()
      .then((token) => {
        barred = undefined;
        held = token;
        return token;
      })
      .catch((failure: unknown) => {
        if (failure instanceof GraphFailure && failure.retryAfterMs !== undefined) {
          barred = { until: options.now() + failure.retryAfterMs, failure };
        }
        throw failure;
      })
      .finally(() => {
        inFlight = undefined;
      });
    return inFlight;
  }

  function renewAhead(token: HeldToken): void {
    renew().catch(() => {
      // The token held is still good; once it is not, the failure reaches the caller.
      if (held === token) held = { ...token, renewAt: options.now() + renewalPauseMs };
    });
  }

  async function token(request?: { readonly fresh?: boolean }): Promise<string> {
    const now = options.now();
    if (held === undefined || request?.fresh === true || now >= held.expiresAt) return (await renew()).value;
    if (now >= held.renewAt && inFlight === undefined) renewAhead(held);
    return held.value;
  }

  return { token, roles: async () => rolesOf(await token()), credentialExpiresAt };
}

type CredentialPart = Pick<Configuration['auth'], 'clientSecret' | 'clientCertificate'>;

function credentialOf(credential: Credential): {
  credentialPart: CredentialPart;
  credentialExpiresAt: Date | undefined;
} {
  if (credential.kind === 'secret') {
    return { credentialPart: { clientSecret: credential.secret }, credentialExpiresAt: undefined };
  }
  const { expiresAt, ...clientCertificate } = readClientCertificate(credential.pem);
  return { credentialPart: { clientCertificate }, credentialExpiresAt: expiresAt };
}

function configuration(
  options: TokenSourceOptions,
  credentialPart: CredentialPart,
  wire: TokenWire,
): Configuration {
  const host = new URL(options.authorityHost);
  return {
    auth: {
      clientId: options.clientId,
      authority: `${host.origin}/${options.tenantId}`,
      // Without this MSAL asks Microsoft's public cloud whether the host may be trusted.
      knownAuthorities: [host.host],
      ...credentialPart,
    },
    system: {
      networkClient: wire,
      disableInternalRetries: true,
      loggerOptions: { loggerCallback: () => undefined, piiLoggingEnabled: false, logLevel: LogLevel.Error },
    },
  };
}

function stillBarred(
  barred: { readonly until: number; readonly failure: GraphFailure },
  now: number,
): GraphFailure {
  const { failure } = barred;
  return new GraphFailure({
    kind: failure.kind,
    operation,
    status: failure.status,
    code: failure.code,
    retryAfterMs: barred.until - now,
    requestId: failure.requestId,
    what: 'Microsoft Entra asked to wait before the next sign-in, and that time is not over.',
    advice: failure.advice,
  });
}

function rolesOf(token: string): string[] {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const roles = recordOf(claims)['roles'];
    return Array.isArray(roles) ? roles.filter((role) => typeof role === 'string') : [];
  } catch {
    return [];
  }
}
