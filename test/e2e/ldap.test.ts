// Owns the proof of the LDAP directory in the whole service: a change in the tenant shows in a search, a restart serves
// the last whole state whatever else is down, and a search by pages stays in its revision.
import { createServer } from 'node:net';
import { Client } from 'ldapts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../helpers/eventually.ts';
import { freePort, makeRig, type Rig, type RigOptions } from '../helpers/rig.ts';

const password = 'the-password-of-the-ldap-reader';
const base = 'dc=gespage,dc=sync';
const people = `ou=people,${base}`;
const publishAll = { groups: { publish: ['*'] } };

async function makeLdapRig(
  options: RigOptions = {},
): Promise<{ rig: Rig; port: number; connect: () => Client }> {
  const port = await freePort();
  const rig = await makeRig({
    ...options,
    env: { GESPAGE_LDAP_PORT: `${port}`, GESPAGE_LDAP_BIND_PASSWORD: password, ...options.env },
  });
  onTestFinished(() => rig.close());
  const connect = (): Client => {
    const client = new Client({ url: `ldap://127.0.0.1:${port}`, timeout: 10_000, connectTimeout: 5_000 });
    onTestFinished(() => client.unbind());
    return client;
  };
  return { rig, port, connect };
}

async function bound(connect: () => Client): Promise<Client> {
  const client = connect();
  await client.bind(`cn=reader,${base}`, password);
  return client;
}

async function find(
  client: Client,
  filter: string,
  attributes: string[] = [],
): Promise<Record<string, unknown>[]> {
  const { searchEntries } = await client.search(base, { scope: 'sub', filter, attributes, paged: true });
  return searchEntries;
}

describe('the LDAP directory of a running service', () => {
  it('shows every person and group of the tenant after the first sync, and each later change', async () => {
    const { rig, connect } = await makeLdapRig({ tenant: { users: 30, groups: 3 }, mapping: publishAll });
    await rig.start();
    await rig.inSync();
    await rig.atRest();
    const client = await bound(connect);
    const accounts = [...rig.target().accounts.values()];
    expect((await find(client, '(objectClass=inetOrgPerson)')).map(({ uid }) => uid).sort()).toEqual(
      accounts.map(({ login }) => login).sort(),
    );
    const listed = await find(client, '(objectClass=groupOfNames)', ['cn', 'member']);
    expect(listed.map(({ cn }) => cn).sort()).toEqual(
      [...rig.target().groups.values()].map(({ name }) => name).sort(),
    );

    const [user] = rig.tenant.snapshot().users;
    const id = user?.id ?? '';
    rig.tenant.updateUser(id, { department: 'Moved Today' });
    await eventually(async () => {
      const found = await find(client, `(&(objectClass=user)(department=Moved Today))`, ['entryUUID']);
      return found.map(({ entryUUID }) => entryUUID).join() === id ? undefined : 'the change does not show';
    });
    rig.tenant.updateUser(id, { accountEnabled: false });
    await eventually(async () => {
      const found = await find(client, `(&(entryUUID=${id})(userAccountControl=514))`);
      return found.length === 1 ? undefined : 'the person is not disabled';
    });
  });

  it('[pitfall 30] refuses searches until the first sync is whole, and serves the last state at once after a restart, with Graph down', async () => {
    const { rig, connect } = await makeLdapRig({ tenant: { users: 30, groups: 0 } });
    rig.tenant.addFault({ action: { type: 'status', status: 503 } });
    await rig.start();
    const early = await bound(connect);
    await expect(find(early, '(objectClass=*)')).rejects.toThrow(/not filled yet/);
    rig.tenant.clearFaults();
    await rig.inSync(20_000);
    await rig.atRest();
    const before = (await find(early, '(objectClass=user)')).length;
    expect(before).toBe(rig.target().accounts.size);
    await rig.stop();
    rig.tenant.addFault({ action: { type: 'status', status: 503 } });
    // Without waiting for the end: signing in and subscribing do not succeed.
    const starting = rig.start();
    await eventually(async () => {
      try {
        const found = await find(await bound(connect), '(objectClass=user)');
        return found.length === before ? undefined : `${found.length} people`;
      } catch (error) {
        return String(error);
      }
    });
    await starting;
  });

  it('gives all pages of one search from one revision, while changes go on', async () => {
    const { rig, connect } = await makeLdapRig({ tenant: { users: 40, groups: 0 } });
    await rig.start();
    await rig.atRest();
    const client = await bound(connect);
    const options = {
      scope: 'sub' as const,
      filter: '(uid=*)',
      attributes: ['uid', 'department'],
      paged: { pageSize: 7 },
    };
    const pages = client.searchPaginated(people, options);
    const seen: Record<string, unknown>[] = [];
    const takePage = async (): Promise<boolean> => {
      const page = await pages.next();
      if (!page.done) seen.push(...page.value.searchEntries);
      return !page.done;
    };
    expect(await takePage()).toBe(true);
    for (const { id } of rig.tenant.snapshot().users) rig.tenant.updateUser(id, { department: 'Later' });
    await rig.atRest();
    while (await takePage());
    expect(seen.map(({ uid }) => uid).sort()).toEqual(
      [...rig.target().accounts.values()].map(({ login }) => login).sort(),
    );
    expect(seen.filter(({ department }) => department === 'Later')).toEqual([]);
    expect(await find(client, '(department=later)')).toHaveLength(seen.length);
  });

  it('says in words that its port is taken, and does not stop the other target', async () => {
    const { rig, port } = await makeLdapRig({ tenant: { users: 5, groups: 0 } });
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    await rig.start();
    await rig.inSync();
    const trouble = () =>
      rig
        .parts()
        .rooms.targets.list()
        .find(({ name }) => name === 'ldap');
    await eventually(() =>
      trouble()?.error?.includes('Another program has this port') ? undefined : 'no trouble yet',
    );
    await new Promise((resolve) => other.close(resolve));
    await eventually(() => (trouble()?.error === null ? undefined : 'the trouble stays'), 20_000);
  });
});
