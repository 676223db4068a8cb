// Owns the proof that a client certificate is taken only with the key that belongs to it.
import { generateKeyPairSync } from 'node:crypto';
import { generate } from 'selfsigned';
import { beforeAll, describe, expect, it } from 'vitest';
import { secretsOf } from '../../src/config.ts';
import { configOf, filesWith, problemsOf } from './environment.ts';

describe('the client certificate', () => {
  let own: { private: string; cert: string };
  let other: { private: string; cert: string };
  const notAfter = new Date('2031-05-06T07:08:09Z');
  const withCertificate = { AZURE_CLIENT_SECRET: undefined, AZURE_CLIENT_CERTIFICATE_PATH: 'c.pem' };
  const problemsWith = (pem: string) => problemsOf(withCertificate, filesWith({ 'c.pem': pem }));

  beforeAll(async () => {
    const options = { keySize: 2048, algorithm: 'sha256', notAfterDate: notAfter } as const;
    own = await generate([{ name: 'commonName', value: 'own' }], options);
    other = await generate([{ name: 'commonName', value: 'other' }], options);
  });

  it.each(['key first', 'certificate first', 'with a chain around', 'with bag attributes and CRLF'])(
    'is taken from a PEM file, %s',
    (order) => {
      const pem = {
        'key first': own.private + own.cert,
        'certificate first': `${own.cert}\n${own.private}`,
        'with a chain around': other.cert + own.private + own.cert,
        'with bag attributes and CRLF':
          `Bag Attributes\n  x: 1\n${own.private}\nsubject=/CN=own\n${own.cert}`.replaceAll(/\r?\n/g, '\r\n'),
      }[order];
      const { credential } = configOf(withCertificate, { 'c.pem': pem ?? '' }).azure;
      expect(credential).toMatchObject({
        kind: 'certificate',
        notAfter,
        thumbprintSha256: expect.stringMatching(/^[0-9A-F]{64}$/) as string,
        privateKey: expect.stringMatching(/^-----BEGIN PRIVATE KEY-----/) as string,
      });
      if (credential.kind !== 'certificate') throw new Error('not a certificate');
      expect(credential.certificates.replaceAll(/\s/g, '').startsWith(own.cert.replaceAll(/\s/g, ''))).toBe(
        true,
      );
      expect(credential.certificates.match(/BEGIN CERTIFICATE/g)).toHaveLength(
        order === 'with a chain around' ? 2 : 1,
      );
    },
  );

  it('may not come beside a secret', () => {
    const problems = problemsOf(
      { AZURE_CLIENT_CERTIFICATE_PATH: 'c.pem' },
      filesWith({ 'c.pem': own.private + own.cert }),
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('are both set');
  });

  it('is refused without its key, without itself, or with a key of another', () => {
    expect(problemsWith(own.cert)).toEqual([expect.stringContaining('without a private key')]);
    expect(problemsWith(own.private)).toEqual([expect.stringContaining('without a certificate')]);
    expect(problemsWith(own.private + other.cert)).toEqual([expect.stringContaining('belongs to none')]);
    expect(problemsWith(own.private + other.private + own.cert)).toEqual([
      expect.stringContaining('more than one private key'),
    ]);
    expect(problemsWith('')).toHaveLength(1);
  });

  it('is refused damaged', () => {
    const damage = (pem: string) => pem.replace(/\n[\s\S]{40}/, '\n');
    expect(problemsWith(damage(own.private) + own.cert)).toEqual([
      expect.stringContaining('private key is damaged'),
    ]);
    expect(problemsWith(own.private + damage(own.cert))).toEqual([
      expect.stringContaining('certificate is damaged'),
    ]);
  });

  it('is refused with a password or with a key that Entra does not know', () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const locked = pair.privateKey
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString();
    const lockedOldWay = pair.privateKey
      .export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString();
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    expect(problemsWith(locked + own.cert)).toEqual([expect.stringContaining('has a password')]);
    expect(problemsWith(lockedOldWay + own.cert)).toEqual([expect.stringContaining('has a password')]);
    expect(problemsWith(curve + own.cert)).toEqual([expect.stringContaining('not RSA')]);
  });

  it('must be there', () => {
    expect(problemsOf(withCertificate)).toEqual([
      'AZURE_CLIENT_CERTIFICATE_PATH names a file that does not exist; set it to the path of an existing one.',
    ]);
  });

  it('has a key that is kept from the log', () => {
    const config = configOf(withCertificate, { 'c.pem': own.private + own.cert });
    expect(secretsOf(config).some((secret) => secret.includes('PRIVATE KEY'))).toBe(true);
  });
});
