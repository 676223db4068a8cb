// Owns the proof that a target which differs from the ledger is put right, and that a lost state database costs nobody.
import { rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { type Rig, startRig } from '../helpers/service.ts';
import { touched } from '../helpers/target-tables.ts';

const setting = {
  tenant: { users: 40, groups: 4, memberships: 40 },
  mapping: { groups: { publish: ['*'] } },
};

function edit(rig: Rig, ...statements: string[]): void {
  const file = rig.env['GESPAGE_SQL_URL']?.replace('sqlite:', '') ?? '';
  const database = new Database(file, { timeout: 5_000 });
  for (const statement of statements) database.exec(statement);
  database.close();
}

async function resync(rig: Rig): Promise<Record<string, number>> {
  const { rooms, engine } = rig.parts();
  const { id } = rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
  engine.asked();
  await expect.poll(() => rooms.runs.get(id)?.finishedAt ?? null, { timeout: 15_000 }).not.toBeNull();
  return JSON.parse(rooms.runs.get(id)?.counts ?? '{}') as Record<string, number>;
}

/** Ends the service, takes its database away, and starts it again. */
async function loseState(rig: Rig, meanwhile: () => void): Promise<void> {
  await rig.stop();
  meanwhile();
  for (const suffix of ['', '-wal', '-shm']) rmSync(rig.config.state.path + suffix, { force: true });
  await rig.start();
}

const idsOf = (rig: Rig): string[] => [...rig.target().accounts.keys()];

describe('a full resync compares the target with the ledger', () => {
  it('and puts right what somebody changed by hand, counts it, and leaves the rows of others alone', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    expect((await resync(rig))['repaired']).toBe(0);
    const [renamed = '', disabled = '', deleted = '', left = ''] = [...rig.target().memberships.keys()];
    const [group = ''] = rig.target().groups.keys();
    edit(
      rig,
      `UPDATE gespage_account SET display_name = 'by hand' WHERE external_id = '${renamed}'`,
      `UPDATE gespage_account SET enabled = 0 WHERE external_id = '${disabled}'`,
      `DELETE FROM gespage_account WHERE external_id = '${deleted}'`,
      `DELETE FROM gespage_membership WHERE account_id = '${left}'`,
      `UPDATE gespage_group SET name = 'by hand' WHERE external_id = '${group}'`,
      `INSERT INTO gespage_account(external_id, login, enabled, updated_at) VALUES ('foreign', 'foreign', 1, '2026-01-01')`,
    );
    expect((await resync(rig))['repaired']).toBe(5);
    expect(rig.differences().filter((line) => !line.includes('foreign'))).toEqual([]);
    expect(rig.target().accounts.get('foreign')).toMatchObject({ login: 'foreign', enabled: 1 });
    expect(rig.log.lines.map((line) => line.message)).toContain(
      'The target held other rows than the ledger; they were put right',
    );
    expect((await resync(rig))['repaired']).toBe(0);
  });

  it('and decides people of whom only the target knows, when a full round did not show them', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const stranger = '0badcafe-0000-4000-8000-000000000001';
    edit(
      rig,
      `INSERT INTO gespage_account(external_id, login, enabled, updated_at) VALUES ('${stranger}', 'stranger', 1, '2026-01-01')`,
      `INSERT INTO gespage_sync_row(external_id) VALUES ('${stranger}')`,
    );
    await resync(rig);
    await expect.poll(() => rig.target().accounts.get(stranger)?.enabled, { timeout: 15_000 }).toBe(0);
  });
});

describe('a lost state database', () => {
  it('is filled again from tenant and target: nothing is rewritten, and whoever left meanwhile loses the account', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const before = rig.target();
    const [gone = '', soft = ''] = idsOf(rig);
    await loseState(rig, () => {
      rig.tenant.hardDeleteUser(gone);
      rig.tenant.softDeleteUser(soft);
    });
    await rig.atRest();
    expect(touched(before, rig.target()).sort()).toEqual([gone, soft].sort());
    for (const id of [gone, soft]) expect(rig.target().accounts.get(id)?.enabled).toBe(0);
  });

  it('does not give one person the login that another one has', async () => {
    const rig = await startRig(setting);
    await rig.atRest();
    const users = rig.tenant.snapshot().users.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    const first = users[0];
    const last = users.at(-1);
    if (!first || !last) throw new Error('The tenant is empty.');
    const login = rig.target().accounts.get(last.id)?.login;
    await loseState(rig, () => {
      const names = {
        onPremisesSamAccountName: last.props['onPremisesSamAccountName'] ?? null,
        mailNickname: last.props['mailNickname'] ?? null,
      };
      rig.tenant.updateUser(first.id, names);
    });
    await rig.atRest();
    expect(rig.target().accounts.get(last.id)?.login).toBe(login);
    expect(rig.parts().rooms.people.countIssues()).toBe(1);
  });

  it('holds the removals when many are missing', async () => {
    const rig = await startRig({ ...setting, env: { REMOVAL_LIMIT: '10' } });
    await rig.atRest();
    const gone = idsOf(rig).slice(0, 15);
    await loseState(rig, () => {
      for (const id of gone) rig.tenant.softDeleteUser(id);
    });
    await expect.poll(() => rig.parts().rooms.removals.open()?.people, { timeout: 15_000 }).toBe(15);
    for (const id of gone) expect(rig.target().accounts.get(id)?.enabled).toBe(1);
  });
});
