// Owns the proof that the look for secrets can fail: deliberate leaks, in every way in which one could happen.
import { channel } from 'node:diagnostics_channel';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createMemoryLog } from '../../src/ops/log.ts';
import { makeClientCredential } from '../emulator/certificates.ts';
import { createSecretWatch, secretWatch, watchLines } from './secret-watch.ts';

/** Like a client state: random, so that nothing else holds it. */
const secret = randomBytes(32).toString('base64url');

describe('a secret is found', () => {
  const leaks: Record<string, string> = {
    'as it is': `{"msg":"made","state":"${secret}"}`,
    'in the middle of an address': `GET https://graph.example/v1.0/users/delta?$deltatoken=${secret}&x=y`,
    'in the middle of other letters': `xx${secret}yy`,
    'cut off at its end': `state ${secret.slice(0, 20)}…`,
    'in a header': `authorization: Bearer ${secret}`,
    'on the second of two lines': `first\nsecond ${secret}`,
  };
  it.each(Object.keys(leaks))('%s', (way) => {
    const watch = createSecretWatch();
    watch.keep('a client state', secret);
    watch.see('an innocent line');
    watch.see(leaks[way] ?? '');
    const found = watch.takeFindings();
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^a client state in: /);
    // The finding itself goes to the screen.
    expect(found[0]).not.toContain(secret.slice(0, 20));
    expect(watch.takeFindings()).toEqual([]);
  });

  it('by its variable, and a password within its address', () => {
    const watch = createSecretWatch();
    watch.keepEnvironment({
      ADMIN_TOKEN: 'token-of-the-admin-0123456789abcdef',
      AZURE_CLIENT_SECRET: 'value~of.the_client-secret',
      GESPAGE_SQL_URL: 'postgres://sync:password-of-sync@db.example/gespage',
      GESPAGE_TRIGGER_URL: 'https://sync:trigger-secret-word@gespage.example/run',
      AZURE_TENANT_ID: '11111111-2222-3333-4444-555555555555',
    });
    watch.see('postgres://db.example/gespage for 11111111-2222-3333-4444-555555555555');
    expect(watch.takeFindings()).toEqual([]);
    for (const leak of [
      'token-of-the-admin-0123456789abcdef',
      'value~of.the_client-secret',
      'password-of-sync',
      'trigger-secret-word',
    ])
      watch.see(`oh: ${leak}`);
    expect(watch.takeFindings()).toHaveLength(4);
  });

  it('where a line of a private key stands, and not where its certificate does', async () => {
    const { pem, certificate } = await makeClientCredential();
    const watch = createSecretWatch();
    watch.keep('a private key', pem.slice(0, pem.indexOf('-----BEGIN CERTIFICATE')));
    watch.see(JSON.stringify({ certificate }));
    expect(watch.takeFindings()).toEqual([]);
    watch.see(JSON.stringify({ key: pem.split('\n')[5] }));
    expect(watch.takeFindings()).toHaveLength(1);
  });

  it('where a signed token stands, whoever made it', () => {
    const watch = createSecretWatch();
    watch.see(`token eyJ0eXAiOiJKV1QifQ.eyJyb2xlcyI6W119.c2lnbmF0dXJl`);
    expect(watch.takeFindings()).toHaveLength(1);
  });
});

describe('the watch over all tests', () => {
  it('sees what a memory log writes, and knows what the emulated tenant hands out', () => {
    const leaked = randomBytes(32).toString('base64url');
    channel('emulated-tenant:secret').publish({ what: 'a deliberate leak', secret: leaked });
    const log = createMemoryLog();
    log.info('Nothing to see', { subscription: 'x' });
    expect(secretWatch.takeFindings()).toEqual([]);
    // Under a name that tells nothing, redaction cannot know it.
    log.info('A deliberate leak', { remark: `it is ${leaked}` });
    expect(secretWatch.takeFindings()).toHaveLength(1);
  });

  it('sees what a process prints, in whatever pieces it comes', () => {
    const leaked = randomBytes(32).toString('base64url');
    secretWatch.keep('a deliberate leak', leaked);
    const listen = watchLines();
    const line = `a line with ${leaked} in it\n`;
    for (const letter of line.slice(0, -1)) listen(letter);
    expect(secretWatch.takeFindings()).toEqual([]);
    listen('\nand more');
    expect(secretWatch.takeFindings()).toHaveLength(1);
  });
});
