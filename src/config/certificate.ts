// Owns the reading of the client certificate: a PEM file that must hold a certificate and the key that belongs to it.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { accept, refuse, type Parsed } from './parsed.ts';

/** What signing in with a certificate needs. */
export interface ClientCertificate {
  /** PKCS #8 in PEM. Secret. */
  readonly privateKey: string;
  /** In PEM: the certificate of the key first, then whatever else the file holds (its chain). */
  readonly certificates: string;
  /** SHA-256 over the certificate, hexadecimal without colons. */
  readonly thumbprintSha256: string;
  /** When Entra stops to accept it, to be announced weeks ahead. */
  readonly notAfter: Date;
}

const remake = 'write both into one PEM file: openssl pkcs12 -in FILE.pfx -nodes -out FILE.pem';

/** Reads a PEM file with a certificate and its RSA private key, in either order, among other blocks. */
export function parseClientCertificate(pem: string): Parsed<ClientCertificate> {
  const blocks = pem.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g) ?? [];
  const key = readKey(blocks.filter((block) => /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(block)));
  if (!key.ok) return key;
  const certificates = readCertificates(
    blocks.filter((block) => block.startsWith('-----BEGIN CERTIFICATE-----')),
  );
  if (!certificates.ok) return certificates;
  const own = certificates.value.find((certificate) => certificate.checkPrivateKey(key.value));
  if (own === undefined)
    return refuse(
      'names a file whose private key belongs to none of its certificates; put the matching pair into it',
    );
  const others = certificates.value.filter((certificate) => certificate !== own);
  return accept({
    privateKey: key.value.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificates: [own, ...others].map((certificate) => certificate.toString()).join(''),
    thumbprintSha256: own.fingerprint256.replaceAll(':', ''),
    notAfter: new Date(own.validTo),
  });
}

function readKey(blocks: readonly string[]): Parsed<KeyObject> {
  const [block, second] = blocks;
  if (block === undefined) return refuse(`names a file without a private key; ${remake}`);
  if (second !== undefined)
    return refuse('names a file with more than one private key; leave only the one in use');
  if (/ENCRYPTED/.test(block))
    return refuse(
      'names a file whose private key has a password; write it without: openssl pkey -in FILE.pem',
    );
  try {
    const key = createPrivateKey(block);
    // Entra verifies client assertions with RSA alone. https://learn.microsoft.com/entra/identity-platform/certificate-credentials
    if (key.asymmetricKeyType !== 'rsa')
      return refuse(
        'names a file whose key is not RSA, which Entra requires; make an RSA pair of 2048 bits or more',
      );
    return accept(key);
  } catch {
    return refuse(`names a file whose private key is damaged; ${remake}`);
  }
}

function readCertificates(blocks: readonly string[]): Parsed<X509Certificate[]> {
  if (blocks.length === 0) return refuse(`names a file without a certificate; ${remake}`);
  try {
    return accept(blocks.map((block) => new X509Certificate(block)));
  } catch {
    return refuse(`names a file whose certificate is damaged; ${remake}`);
  }
}
