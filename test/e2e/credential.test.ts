// Owns the proof that the end of the client certificate is told weeks before it comes.
import { expect, it, onTestFinished } from 'vitest';
import { checkGraph } from '../../src/cli/check-graph.ts';
import type { Io } from '../../src/cli/io.ts';
import { openParts } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import { readStatus } from '../../src/sync/status.ts';
import { makeClientCredential, trustAuthority } from '../emulator/certificates.ts';
import { startEmulator } from '../emulator/emulator.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { temporaryFile } from '../helpers/state.ts';

const day = 86_400_000;

/** A set-up whose certificate ends after so many days, and a bit. */
async function setUp(days: number): Promise<Config> {
  const tenant = await startEmulator({ users: 3 });
  onTestFinished(() => tenant.close());
  trustAuthority(tenant.caPem);
  const credential = await makeClientCredential({ expires: new Date(Date.now() + (days + 0.5) * day) });
  tenant.configure({ signIn: { certificates: [credential.certificate] } });
  const result = readConfig(
    {
      AZURE_TENANT_ID: tenant.tenantId,
      AZURE_CLIENT_ID: tenant.clientId,
      AZURE_CLIENT_CERTIFICATE_PATH: 'certificate.pem',
      AZURE_AUTHORITY_HOST: tenant.authorityHost,
      GRAPH_BASE_URL: tenant.graphBaseUrl,
      ADMIN_TOKEN: 'a-token-for-tests-with-forty-characters!',
      STATE_PATH: temporaryFile(),
      GESPAGE_SQL_URL: `sqlite:${temporaryFile('gespage.db')}`,
    },
    { read: () => credential.pem },
  );
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.config;
}

it.each([
  [29, 'note', /ends on \d{4}-\d\d-\d\d, in 29 days: then nothing works any more/],
  [31, 'ok', /ends on \d{4}-\d\d-\d\d, in 31 days/],
] as const)(
  'the check tells of a certificate that ends in %i days [pitfall 25]',
  async (days, verdict, words) => {
    const quiet = (): void => undefined;
    const io: Io = {
      ...{ env: {}, files: { read: () => '' }, now: Date.now, out: quiet, err: quiet, onInterrupt: quiet },
      ...{ json: false, verbose: false, signal: new AbortController().signal, progress: quiet },
    };
    const findings = await checkGraph(await setUp(days), io);
    const [credential] = findings.filter(({ part }) => part === 'credential');
    expect(credential).toMatchObject({ verdict, what: expect.stringMatching(words) as string });
  },
);

it('the service gives the time that its certificate has left as a metric, from its start on [pitfall 25]', async () => {
  const parts = openParts(await setUp(20), createMemoryLog());
  const { body } = await parts.metrics.render();
  parts.close();
  const seconds = Number(/^gespage_sync_credential_expiry_seconds (\d+)/m.exec(body)?.[1]);
  expect(seconds / 86_400).toBeGreaterThan(20);
  expect(seconds / 86_400).toBeLessThan(21);
});

it('the service says it in its log and in its status from thirty days before on [pitfall 25]', async () => {
  const told = async (days: number): Promise<[string | undefined, string | undefined]> => {
    const log = createMemoryLog();
    const parts = openParts(await setUp(days), log);
    await parts.engine.start();
    const isOfIt = (text: string): boolean => text.includes('client certificate');
    const status = readStatus({ ...parts, now: Date.now });
    await eventuallyTrue('the first tick is over', () =>
      parts.engine
        .loops()
        .some((loop) => loop.status().name === 'tick' && loop.status().lastSuccessAt !== undefined),
    );
    const line = log.lines.map(({ message }) => message).find(isOfIt);
    await parts.engine.stop();
    parts.close();
    return [line, status.problems.find(isOfIt)];
  };
  const [line, problem] = await told(20);
  expect(line).toMatch(/ends on \d{4}-\d\d-\d\d, in 20 days/);
  expect(problem).toBe(line);
  expect(await told(31)).toEqual([undefined, undefined]);
});
