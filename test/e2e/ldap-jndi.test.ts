// Owns the proof that a change in the tenant shows in a JNDI search within a second of its notification: Gespage is a Java
// program.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort, startRig } from '../helpers/service.ts';

const hasJava = spawnSync('java', ['-version']).error === undefined;
if (!hasJava)
  console.warn(
    'Skipped: a change seen by JNDI needs a Java 17 development kit, such as default-jdk-headless.',
  );

const password = 'the-password-of-the-ldap-reader';
const base = 'dc=gespage,dc=sync';
const changes = 20;
const wantedMs = 1_000;

/** Gives, for a filter, when JNDI found something by it. */
async function startWatcher(port: number): Promise<(filter: string) => Promise<number>> {
  const program = path.join(import.meta.dirname, 'WatchDirectory.java');
  const child = spawn('java', [program, `${port}`, `cn=reader,${base}`, password, base], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill();
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('The Java program ended.');
    return value;
  };
  expect(await nextLine()).toBe('ready');
  return async (filter) => {
    child.stdin.write(`${filter}\n`);
    const [at, count] = (await nextLine()).split(' ').map(Number);
    expect(count).toBe(1);
    return at as number;
  };
}

describe.skipIf(!hasJava)('JNDI beside a running service', () => {
  it(`finds each of ${changes} changes within a second of its notification`, async () => {
    const port = await freePort();
    const rig = await startRig({
      tenant: { users: 200, groups: 10 },
      mapping: { groups: { publish: ['*'] } },
      env: { GESPAGE_LDAP_PORT: `${port}`, GESPAGE_LDAP_BIND_PASSWORD: password },
    });
    await rig.atRest();
    const seen = await startWatcher(port);
    const delays: number[] = [];
    // Not everybody of the tenant is a person of the directory.
    const people = [...rig.target().accounts.keys()].slice(0, changes);
    for (const [index, id] of people.entries()) {
      const change = rig.tenant.updateUser(id, { department: `Moved ${index}` });
      const at = await seen(`(&(objectClass=user)(department=moved ${index}))`);
      // Also what is still on its way, such as the next round, which would not come by itself in a second.
      await rig.atRest();
      const sent = rig.tenant.sentAt(change.seq);
      if (sent === null) throw new Error('The change was never notified.');
      delays.push(at - sent);
    }
    delays.sort((one, other) => one - other);
    expect(delays).toHaveLength(changes);
    // Found by its notification, not by luck before it.
    expect(delays[0]).toBeGreaterThanOrEqual(0);
    expect(delays.at(-1)).toBeLessThan(wantedMs);
  }, 120_000);
});
