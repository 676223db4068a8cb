// Owns reading the application's certificate: one PEM text with the private key and the certificate chain.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { adviceForSignIn } from './advice.ts';
import { GraphFailure } from './errors.ts';

/** What MSAL needs to sign in with a certificate, and when that certificate ends. */
export interface ClientCertificate {
  readonly thumbprintSha256: string;
  readonly privateKey: string;
  /** The chain in PEM, the application's own certificate first. */
  readonly x5c: string;
  readonly expiresAt: Date;
}

const certificateBlock = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;
const keyBlock = /-----BEGIN ((?:RSA )?PRIVATE KEY)-----.+?-----END \1-----/s;

/**
 * Reads the PEM text of `AZURE_CLIENT_CERTIFICATE_PATH`.
 * @throws {GraphFailure} `auth` when the key or the certificate is missing, unreadable, not RSA, or not a pair.
 */
export function readClientCertificate(pem: string): ClientCertificate {
  const blocks = (pem.match(certificateBlock) ?? []).map((block) => block.replaceAll('\r\n', '\n'));
  const keyText = keyBlock.exec(pem)?.[0].replaceAll('\r\n', '\n');
  if (keyText === undefined) throw refused('certificate-unreadable', 'holds no unencrypted private key');
  const key = parse(() => createPrivateKey(keyText), 'holds a private key that cannot be read');
  if (key.asymmetricKeyType !== 'rsa') throw refused('certificate-unreadable', 'holds a key that is not RSA');
  const certificates = blocks.map((block) =>
    parse(() => new X509Certificate(block), 'holds a certificate that cannot be read'),
  );
  const own = certificates.find((certificate) => certificate.checkPrivateKey(key));
  if (certificates.length === 0) throw refused('certificate-unreadable', 'holds no certificate');
  if (own === undefined)
    throw refused('certificate-key-mismatch', 'holds a key that fits none of its certificates');
  return {
    thumbprintSha256: own.fingerprint256.replaceAll(':', ''),
    privateKey: exportKey(key),
    x5c: [own, ...certificates.filter((certificate) => certificate !== own)].map(String).join('\n'),
    expiresAt: own.validToDate,
  };
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function parse<T>(read: () => T, why: string): T {
  try {
    return read();
  } catch {
    throw refused('certificate-unreadable', why);
  }
}

function refused(code: string, why: string): GraphFailure {
  return new GraphFailure({
    kind: 'auth',
    operation: 'sign-in',
    code,
    what: `The certificate file ${why}, so the service cannot sign in.`,
    advice: adviceForSignIn(code),
  });
}
