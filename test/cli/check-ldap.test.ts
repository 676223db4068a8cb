// Owns the proof of what the check says of the LDAP directory: its port, its certificate, its reader and its entries.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { checkLdap } from '../../src/cli/check-ldap.ts';
import { createLdapTarget } from '../../src/gespage/ldap/create-ldap-target.ts';
import { ldapFilePath } from '../../src/gespage/ldap/file-path.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { configOf } from '../config/environment.ts';
import { makeAccount, makeBatch, makeGroup } from '../gespage/fixtures.ts';
import { freePort } from '../helpers/rig.ts';

const password = 'password-of-the-reader';
const day = 86_400_000;

describe('the check of the LDAP directory', () => {
  let folder: string;
  let port: number;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'gespage-check-ldap-'));
    port = await freePort();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const makeConfig = (tls?: { cert: string; private: string }, env: Record<string, string> = {}) =>
    configOf(
      {
        STATE_PATH: path.join(folder, 'state.db'),
        GESPAGE_LDAP_PORT: `${port}`,
        GESPAGE_LDAP_BIND_PASSWORD: password,
        ...(tls && { GESPAGE_LDAP_TLS_CERT: 'c', GESPAGE_LDAP_TLS_KEY: 'k' }),
        ...env,
      },
      tls && { c: tls.cert, k: tls.private },
    );

  const check = async (config: ReturnType<typeof makeConfig>, served: boolean, now = Date.now()) => {
    const { ldap } = config.targets;
    if (!ldap) throw new Error('no directory');
    const findings = await checkLdap(config, ldap, served, now);
    return findings.map(({ verdict, what }) => `${verdict}: ${what}`);
  };

  const serve = async (config: ReturnType<typeof makeConfig>) => {
    const { ldap } = config.targets;
    if (!ldap) throw new Error('no directory');
    const { host, baseDn, bindDn, tls } = ldap;
    const bind = { dn: bindDn, password };
    const file = ldapFilePath(config.state.path);
    const options = { file, host, port, baseDn, bind, ...(tls && { tls }) };
    const target = createLdapTarget(options, createMemoryLog([password]));
    onTestFinished(() => target.close());
    await target.serve?.();
    return target;
  };

  it('tells that the port is free while the service does not run, and whose it is where it is not', async () => {
    expect(await check(makeConfig(), false)).toEqual([
      expect.stringMatching(/^ok: Port \d+ at 127\.0\.0\.1 is free/),
      expect.stringMatching(/^note: .+state-ldap\.db is not there yet/),
    ]);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    const [first] = await check(makeConfig(), false);
    expect(first).toMatch(/^failed: .+ EADDRINUSE.+Another program has this port/);
    await new Promise((resolve) => other.close(resolve));
  });

  it.each([false, true])(
    'binds at the running service and counts what it holds; encrypted: %s',
    async (isEncrypted) => {
      const tls = isEncrypted
        ? await generate([{ name: 'commonName', value: 'ldap.example.org' }], { keySize: 2048 })
        : undefined;
      const config = makeConfig(tls);
      const target = await serve(config);
      expect(await check(config, true)).toContainEqual(expect.stringMatching(/^note: .+not filled yet/));
      const accounts = [makeAccount(1, 'ann'), makeAccount(2, 'bob')];
      await target.apply(makeBatch({ groups: [makeGroup(8, 'Staff')], accounts, isCurrent: true }));
      expect((await check(config, true)).slice(-2)).toEqual([
        expect.stringMatching(
          /^ok: The LDAP directory answers on port \d+ .+, and lets cn=reader,dc=gespage,dc=sync in/,
        ),
        'ok: The directory holds 2 people and 1 groups.',
      ]);
      const changed = makeConfig(tls, { GESPAGE_LDAP_BIND_PASSWORD: 'another' });
      expect(await check(changed, true)).toContainEqual(
        expect.stringMatching(/^failed: .+ not let .+ in \(result code 49\)/),
      );
    },
  );

  it('tells that the service runs and nobody answers, or somebody who does not speak LDAP', async () => {
    expect((await check(makeConfig(), true))[0]).toMatch(/^failed: The service runs, but .+ECONNREFUSED/);
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void web.close());
    port = (web.address() as AddressInfo).port;
    expect((await check(makeConfig(), true))[0]).toMatch(/^failed: .+ does not speak LDAP/);
  });

  it('announces the end of the certificate', async () => {
    const notAfterDate = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 100 * day);
    const tls = await generate([{ name: 'commonName', value: 'x' }], { keySize: 2048, notAfterDate });
    const at = async (days: number) =>
      (await check(makeConfig(tls), false, notAfterDate.getTime() - days * day))[0];
    expect(await at(60)).toMatch(/^ok: The certificate .+ \(CN=x\) ends on .+ and fits its key/);
    expect(await at(10)).toMatch(/^note: .+, in 10 days/);
    expect(await at(-1)).toMatch(/^failed: .+ past/);
  });
});
