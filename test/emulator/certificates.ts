// Owns the emulator's TLS material: its own authority, the server's certificate, and client-credential certificates for tests.
import { createHash, X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { generate } from 'selfsigned';
import { tellSecret } from './secrets.ts';

export type ServerCertificate = { caPem: string; key: string; cert: string };

let made: Promise<ServerCertificate> | undefined;

/** The certificate of every emulated server in this process: making one takes longer than many a test. */
export function serverCertificate(): Promise<ServerCertificate> {
  return (made ??= makeServerCertificate());
}

const trusted = new Set<string>();

/** Trusts an authority in this process, beside those trusted already. */
export function trustAuthority(caPem: string): void {
  if (trusted.has(caPem)) return;
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), caPem]);
  trusted.add(caPem);
}

/** The authorities that this process trusts only because a test asked for it. */
export const listTrusted = (): string[] => [...trusted];

/** Makes a certificate authority and a server certificate for localhost and 127.0.0.1, signed by it. */
async function makeServerCertificate(): Promise<ServerCertificate> {
  // A name of its own: with two authorities of one name in one process, OpenSSL tries the wrong key.
  const name = `Emulated Graph CA ${crypto.randomUUID()}`;
  const authority = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { caPem: authority.cert, key: server.private, cert: server.cert };
}

/** A certificate for client-credential sign-in. */
export type ClientCredential = {
  /** Key and certificate in one PEM, as AZURE_CLIENT_CERTIFICATE_PATH expects. */
  pem: string;
  /** The certificate alone, to register with the tenant. */
  certificate: string;
  /** The certificate's SHA-256 thumbprint, lower-case hexadecimal. */
  thumbprint: string;
};

/** Makes an RSA key with a self-signed certificate. `expires` lets a test have one that is over, or nearly. */
export async function makeClientCredential(options: { expires?: Date } = {}): Promise<ClientCredential> {
  const notAfterDate = options.expires ?? new Date(Date.now() + 365 * 86_400_000);
  const made = await generate([{ name: 'commonName', value: 'gespage-graph-sync test' }], {
    keyType: 'rsa',
    keySize: 2048,
    algorithm: 'sha256',
    notBeforeDate: new Date(Math.min(Date.now(), notAfterDate.getTime()) - 86_400_000),
    notAfterDate,
  });
  tellSecret('the private key of a certificate', made.private);
  const thumbprint = createHash('sha256').update(new X509Certificate(made.cert).raw).digest('hex');
  return { pem: `${made.private.trim()}\n${made.cert.trim()}\n`, certificate: made.cert, thumbprint };
}
