// Owns the words that tell an operator what to do about a failure: where to click, which variable to set.
import type { FailureKind } from './failure-kind.ts';

const registration =
  'in the Microsoft Entra admin center, under Entra ID > App registrations > your application';

/** Advice by sign-in code. The number picks the words only; it never decides what the program does. */
const signInAdvice: Readonly<Record<string, string>> = {
  AADSTS7000215: `The client secret is wrong. Create a new one ${registration} > Certificates & secrets, and set AZURE_CLIENT_SECRET to its value (the column "Value", not "Secret ID").`,
  AADSTS7000222: `The client secret has expired. Create a new one ${registration} > Certificates & secrets, and set AZURE_CLIENT_SECRET.`,
  AADSTS7000216:
    'The request carried no credential. Set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH.',
  AADSTS7000218:
    'The request carried no credential. Set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH.',
  AADSTS700016:
    "The application is unknown in this tenant. Compare AZURE_CLIENT_ID and AZURE_TENANT_ID with the application's Overview page in the Microsoft Entra admin center, and GRAPH_CLOUD with the cloud of the tenant.",
  AADSTS7000229:
    'The application has no service principal in this tenant. Open Entra ID > Enterprise applications in the Microsoft Entra admin center and add it, or grant admin consent once.',
  AADSTS7000112:
    'The application is disabled. Open Entra ID > Enterprise applications > your application > Properties and set "Enabled for users to sign in" to Yes.',
  AADSTS90002:
    'The tenant does not exist in this cloud. Compare AZURE_TENANT_ID with Entra ID > Overview, and check GRAPH_CLOUD.',
  AADSTS900023: 'The tenant id is not valid. Set AZURE_TENANT_ID to the id shown under Entra ID > Overview.',
  AADSTS90013:
    'The sign-in request is not valid. Check AZURE_TENANT_ID and AZURE_CLIENT_ID for stray characters.',
  AADSTS700027: `The certificate is not accepted: it is not registered, or it has expired. Upload it ${registration} > Certificates & secrets > Certificates, and check AZURE_CLIENT_CERTIFICATE_PATH.`,
  AADSTS700024: 'The signed assertion is outside its time. Set the clock of this machine right (NTP).',
  AADSTS700023: 'The signed assertion names another audience. Check AZURE_AUTHORITY_HOST and GRAPH_CLOUD.',
  AADSTS500011:
    'Microsoft Graph is not known under this address in this cloud. Check GRAPH_BASE_URL and GRAPH_CLOUD.',
  AADSTS70011: 'The scope is not valid in this cloud. Check GRAPH_BASE_URL and GRAPH_CLOUD.',
  AADSTS1002012: 'The scope is not valid in this cloud. Check GRAPH_BASE_URL and GRAPH_CLOUD.',
  AADSTS65001: `Consent is missing. Grant it ${registration} > API permissions > Grant admin consent.`,
  AADSTS53003:
    'A Conditional Access policy for workload identities blocks the application. Ask its administrator to except this application or the address of this machine (Protection > Conditional Access).',
  AADSTS53000: 'A Conditional Access policy blocks the application. Ask its administrator to except it.',
  AADSTS50034:
    "The account is unknown in this tenant. Compare AZURE_TENANT_ID and AZURE_CLIENT_ID with the application's Overview page.",
  AADSTS50053:
    "Sign-in is blocked for this address. Ask the tenant's administrator to look at Entra ID > Sign-in logs > Service principal sign-ins.",
  untrusted_authority:
    'Check AZURE_AUTHORITY_HOST: it is not an address at which tokens of this cloud are given.',
  issuer_validation_failed: 'Check AZURE_AUTHORITY_HOST: the server there speaks for another address.',
  authority_uri_insecure: 'AZURE_AUTHORITY_HOST must start with https.',
  'certificate-unreadable':
    'Check AZURE_CLIENT_CERTIFICATE_PATH: the PEM file must hold the unencrypted RSA private key and its certificate.',
  'certificate-key-mismatch':
    'Check AZURE_CLIENT_CERTIFICATE_PATH: the private key and the first certificate in it must belong together.',
};

/** Advice for a refused sign-in, by its code (`AADSTS…`, MSAL's, or our own). */
export function adviceForSignIn(code: string): string {
  return (
    (Object.hasOwn(signInAdvice, code) ? signInAdvice[code] : undefined) ??
    `Compare AZURE_TENANT_ID, AZURE_CLIENT_ID and the credential with the application ${registration}; Sign-in logs > Service principal sign-ins there tells the reason.`
  );
}

/** Advice for an answer of Graph. */
export function adviceFor(kind: FailureKind, status: number | undefined, operation: string): string {
  switch (kind) {
    case 'transient':
      return 'The request is repeated by itself. If this lasts, look at the service health page of Microsoft 365.';
    case 'throttled':
      return 'The service waits as long as Microsoft asks and goes on by itself.';
    case 'auth':
      if (status === 401)
        return `The token was refused. Check AZURE_TENANT_ID, GRAPH_CLOUD and that the application is enabled ${registration}.`;
      if (status === 407)
        return 'The HTTP proxy of this network wants a sign-in. Set the proxy variables of the service.';
      return operation.startsWith('subscriptions.create')
        ? `Grant admin consent to User.Read.All and Group.Read.All ${registration} > API permissions. If they are granted, the tenant has too many subscriptions: delete unused ones.`
        : `Grant admin consent to the missing application permission ${registration} > API permissions ("gespage-sync check" names it).`;
    case 'gone':
      return 'Nothing to do: the next round reads everything again.';
    case 'not-found':
      return 'Nothing to do if it was deleted; something just created can take a while to be found.';
    case 'halted':
      return 'Nothing to do: the work is taken up again.';
    case 'permanent':
      return 'Repeating it does not help. Note the request id and the code, and report them.';
    default:
      return kind satisfies never;
  }
}

/** Advice for a connection that failed, by the system's code. */
export function adviceForNetwork(code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return 'The name cannot be resolved. Check GRAPH_BASE_URL, AZURE_AUTHORITY_HOST and the DNS of this machine.';
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|ERR_TLS/.test(code)) {
    return 'The certificate of the other side is not trusted here. If a proxy inspects TLS, give its authority in NODE_EXTRA_CA_CERTS.';
  }
  return 'The request is repeated by itself. If this lasts, check that this machine may reach Microsoft Graph by HTTPS (firewall, proxy).';
}
