// Owns the token authority: OpenID discovery, client credentials by secret or certificate, and the bearer check.
import { createHmac, createHash, verify, X509Certificate, constants } from 'node:crypto';
import { errorAnswer, jsonAnswer } from './answers.ts';
import type { Answer } from './answers.ts';
import { tellSecret } from './secrets.ts';

export type SignInSettings = {
  tenantId: string;
  clientId: string;
  /** Each accepted secret with its end (ms); an expired one is refused with AADSTS7000222. */
  secrets: { value: string; expires: number }[];
  /** PEM certificates registered with the app. */
  certificates: string[];
  /** Application permissions that new tokens carry. */
  roles: string[];
  /** Seconds. */
  expiresIn: number;
  /** Seconds, or null to leave `refresh_in` out. */
  refreshIn: number | null;
};

export type SignIn = {
  settings: SignInSettings;
  /** Answers below the authority host, or undefined for a path that is not the authority's. */
  handle(method: string, path: string, query: string, body: string): Answer | undefined;
  /** The roles of a bearer token, or the answer that refuses it. */
  check(authorization: string | undefined): ReadonlySet<string> | Answer;
  revokeAll(): void;
  issued(): number;
};

/** An error of the token endpoint, in the shape MSAL reads. */
function authorityError(status: number, error: string, code: number, text: string): Answer {
  const trace = crypto.randomUUID();
  return jsonAnswer(status, {
    error,
    error_description: `AADSTS${code}: ${text} Trace ID: ${trace} Correlation ID: ${crypto.randomUUID()} Timestamp: ${new Date().toISOString()}`,
    error_codes: [code],
    timestamp: new Date().toISOString(),
    trace_id: trace,
    correlation_id: crypto.randomUUID(),
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
  });
}

/** Makes the token authority of one tenant and one app. */
export function createSignIn(
  settings: SignInSettings,
  context: { now: () => number; authorityHost: () => string; graphBaseUrl: () => string },
): SignIn {
  const key = crypto.randomUUID();
  const live = new Map<string, { expires: number; roles: ReadonlySet<string> }>();
  let issued = 0;

  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  const issue = (scope: string): Answer => {
    const iat = Math.floor(context.now() / 1000);
    const claims = {
      aud: scope.replace(/\/\.default$/, ''),
      iss: `https://sts.windows.net/${settings.tenantId}/`,
      iat,
      nbf: iat,
      exp: iat + settings.expiresIn,
      appid: settings.clientId,
      roles: [...settings.roles],
      tid: settings.tenantId,
      uti: crypto.randomUUID(),
      ver: '1.0',
    };
    const text = `${encode({ typ: 'JWT', alg: 'HS256', kid: 'emulated' })}.${encode(claims)}`;
    const token = `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
    live.set(token, { expires: claims.exp * 1000, roles: new Set(claims.roles) });
    issued += 1;
    tellSecret('an access token', token);
    return jsonAnswer(
      200,
      {
        token_type: 'Bearer',
        expires_in: settings.expiresIn,
        ext_expires_in: settings.expiresIn,
        ...(settings.refreshIn === null ? {} : { refresh_in: settings.refreshIn }),
        access_token: token,
      },
      { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
    );
  };

  const checkAssertion = (assertion: string): Answer | undefined => {
    const refuse = (code: number, text: string): Answer => authorityError(401, 'invalid_client', code, text);
    const [head = '', payload = '', signature = ''] = assertion.split('.');
    let header: Record<string, unknown>;
    let claims: Record<string, unknown>;
    try {
      header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>;
      claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    } catch {
      return authorityError(400, 'invalid_request', 50027, 'JWT token is invalid or malformed.');
    }
    const certificate = settings.certificates
      .map((pem) => new X509Certificate(pem))
      .find((each) => {
        const sha256 = createHash('sha256').update(each.raw).digest('base64url');
        const sha1 = createHash('sha1').update(each.raw).digest();
        return (
          header['x5t#S256'] === sha256 ||
          header['x5t'] === sha1.toString('base64url') ||
          header['kid'] === sha1.toString('hex').toUpperCase()
        );
      });
    if (!certificate) {
      return refuse(
        700027,
        'The certificate used to sign the client assertion is not registered on application.',
      );
    }
    if (certificate.validToDate.getTime() < context.now()) {
      return refuse(700027, 'Client assertion failed signature validation: the certificate is expired.');
    }
    const genuine = verify(
      'sha256',
      Buffer.from(`${head}.${payload}`),
      header['alg'] === 'PS256'
        ? {
            key: certificate.publicKey,
            padding: constants.RSA_PKCS1_PSS_PADDING,
            saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
          }
        : certificate.publicKey,
      Buffer.from(signature, 'base64url'),
    );
    if (!genuine) return refuse(700027, 'Client assertion failed signature validation.');
    const authority = `${context.authorityHost()}/${settings.tenantId}/`;
    if (typeof claims['aud'] !== 'string' || !claims['aud'].startsWith(authority)) {
      return refuse(700023, 'Client assertion audience claim does not match Realm issuer.');
    }
    if (claims['iss'] !== settings.clientId || claims['sub'] !== settings.clientId) {
      return refuse(700021, 'Client assertion application identifier does not match client_id parameter.');
    }
    if (Number(claims['exp']) * 1000 < context.now()) {
      return refuse(700024, 'Client assertion is not within its valid time range.');
    }
    return undefined;
  };

  const checkSecret = (secret: string): Answer | undefined => {
    const known = settings.secrets.find(({ value }) => value === secret);
    if (!known) {
      return authorityError(401, 'invalid_client', 7000215, 'Invalid client secret provided.');
    }
    if (known.expires < context.now()) {
      const text = `The provided client secret keys for app '${settings.clientId}' are expired.`;
      return authorityError(401, 'invalid_client', 7000222, text);
    }
    return undefined;
  };

  const grant = (tenant: string, body: string): Answer => {
    const form = new URLSearchParams(body);
    if (tenant.toLowerCase() !== settings.tenantId.toLowerCase()) {
      return authorityError(400, 'invalid_request', 90002, `Tenant '${tenant}' not found.`);
    }
    if (form.get('grant_type') !== 'client_credentials') {
      return authorityError(
        400,
        'unsupported_grant_type',
        70003,
        'The app requested an unsupported grant type.',
      );
    }
    const client = form.get('client_id') ?? '';
    if (client.toLowerCase() !== settings.clientId.toLowerCase()) {
      const text = `Application with identifier '${client}' was not found in the directory.`;
      return authorityError(400, 'unauthorized_client', 700016, text);
    }
    const assertion = form.get('client_assertion');
    const secret = form.get('client_secret');
    if (!assertion && !secret) {
      const text = "The request body must contain the parameter 'client_assertion' or 'client_secret'.";
      return authorityError(401, 'invalid_client', 7000218, text);
    }
    const refused = assertion ? checkAssertion(assertion) : checkSecret(secret ?? '');
    if (refused) return refused;
    const scope =
      form
        .get('scope')
        ?.split(' ')
        .find((each) => each.endsWith('/.default')) ?? '';
    const resource = scope.replace(/\/+\.default$/, '');
    if (resource !== context.graphBaseUrl() && resource !== 'https://graph.microsoft.com') {
      const text = `The resource principal named '${resource}' was not found in the tenant.`;
      return authorityError(400, 'invalid_resource', 500011, text);
    }
    return issue(scope);
  };

  const discover = (tenant: string): Answer => {
    const known = [settings.tenantId.toLowerCase(), 'common', 'organizations'].includes(tenant.toLowerCase());
    if (!known) return authorityError(400, 'invalid_tenant', 90002, `Tenant '${tenant}' not found.`);
    const root = `${context.authorityHost()}/${tenant}`;
    return jsonAnswer(200, {
      token_endpoint: `${root}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
      jwks_uri: `${root}/discovery/v2.0/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      issuer: `${root}/v2.0`,
      authorization_endpoint: `${root}/oauth2/v2.0/authorize`,
      end_session_endpoint: `${root}/oauth2/v2.0/logout`,
      tenant_region_scope: 'EU',
    });
  };

  const handle: SignIn['handle'] = (method, path, query, body) => {
    const [, tenant = '', ...rest] = path.split('/');
    const tail = rest.join('/').toLowerCase();
    if (tail === 'oauth2/v2.0/token') {
      return method === 'POST'
        ? grant(tenant, body)
        : authorityError(400, 'invalid_request', 900561, 'The endpoint only accepts POST requests.');
    }
    if (tail === 'v2.0/.well-known/openid-configuration') return discover(tenant);
    if (tail === 'discovery/v2.0/keys') return jsonAnswer(200, { keys: [] });
    if (tail === 'discovery/instance') {
      const host = new URL(context.authorityHost()).host;
      const asked = new URLSearchParams(query).get('authorization_endpoint') ?? '';
      return jsonAnswer(200, {
        tenant_discovery_endpoint: `${asked.replace(/\/oauth2\/.*$/, '')}/v2.0/.well-known/openid-configuration`,
        'api-version': '1.1',
        metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
      });
    }
    return undefined;
  };

  return {
    settings,
    handle,
    issued: () => issued,
    revokeAll: () => live.clear(),
    check: (authorization) => {
      const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
      const refuse = (message: string): Answer =>
        errorAnswer(401, 'InvalidAuthenticationToken', message, {
          headers: {
            'www-authenticate': `Bearer realm="", error="invalid_token", error_description="${message}"`,
          },
        });
      if (!token) return refuse('Access token is empty.');
      const found = live.get(token);
      if (!found) return refuse('Access token validation failure. Invalid audience or signature.');
      if (found.expires <= context.now()) {
        live.delete(token);
        return refuse('Lifetime validation failed, the token is expired.');
      }
      return found.roles;
    },
  };
}
