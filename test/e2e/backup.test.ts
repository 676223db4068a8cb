// Owns the proof that a backup made under load is whole, and that a restored one and the tenant's present converge.
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../cli/command.ts';
import { eventuallyTrue } from '../helpers/eventually.ts';
import { type Rig, startRig } from '../helpers/service.ts';

const setting = {
  tenant: {
    users: 400,
    groups: 10,
    memberships: 900,
    settings: { delta: { pageSize: [20, 90] as const } },
  },
  mapping: { groups: { publish: ['*'] } },
};

function openFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const statePath = (rig: Rig): string => rig.env['STATE_PATH'] ?? '';

function read<T>(file: string, sql: string): T[] {
  const sqlite = new Database(file, { readonly: true });
  try {
    return sqlite.prepare(sql).pluck().all() as T[];
  } finally {
    sqlite.close();
  }
}

/** As the README says: the three files away, the copy in the place of the first. */
function restore(rig: Rig, copy: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${statePath(rig)}${suffix}`, { force: true });
  copyFileSync(copy, statePath(rig));
}

const enabled = (rig: Rig): string[] =>
  [...rig.target().accounts.values()].filter((row) => row.enabled === 1).map((row) => row.external_id);

describe('a backup', () => {
  it(
    'made while the service works on, is one whole state of it, in one file',
    { timeout: 60_000 },
    async () => {
      const rig = await startRig(setting);
      await rig.atRest(20_000);
      const { tenant } = rig;
      const folder = openFolder();
      let isOver = false;
      const copies = [1, 2, 3].map((number) => path.join(folder, `copy${number}.db`));
      const backups = (async () => {
        for (const copy of copies) {
          const { code, err } = await run(['backup', copy], { STATE_PATH: statePath(rig) });
          expect([code, err]).toEqual([0, '']);
        }
        isOver = true;
      })();
      // The other process writes all the while, and a copy that began anew at each write would never end.
      let seed = 0;
      const { rooms } = rig.parts();
      await eventuallyTrue(
        'the backups are made',
        () => {
          tenant.churn(5, { seed: (seed += 1) });
          rooms.meta.flush();
          return isOver;
        },
        40_000,
      );
      await backups;
      expect(readdirSync(folder).sort()).toEqual(copies.map((copy) => path.basename(copy)));
      for (const copy of copies) {
        expect(read(copy, 'PRAGMA integrity_check')).toEqual(['ok']);
        // What is written in one transaction is there as a whole: an account has its audit, and a revision is given once.
        const broken = `SELECT a.key FROM account a WHERE NOT EXISTS (SELECT 1 FROM audit u WHERE u.key = a.key)`;
        expect(read(copy, broken)).toEqual([]);
      }
      await rig.atRest(30_000);
    },
  );

  it('names another ledger than its original, and than every other copy', async () => {
    const rig = await startRig({ tenant: { users: 3 } });
    await rig.atRest();
    const folder = openFolder();
    const copies = ['one.db', 'two.db'].map((name) => path.join(folder, name));
    for (const copy of copies) await run(['backup', copy], { STATE_PATH: statePath(rig) });
    const ids = [statePath(rig), ...copies].flatMap((file) =>
      read<string>(file, `SELECT value FROM meta WHERE key = 'ledger-id'`),
    );
    expect(new Set(ids).size).toBe(3);
  });

  it(
    'restored after the tenant and the target went on, brings both together again',
    { timeout: 90_000 },
    async () => {
      const rig = await startRig(setting);
      await rig.atRest(20_000);
      const { tenant } = rig;
      const copy = path.join(openFolder(), 'copy.db');
      await run(['backup', copy], { STATE_PATH: statePath(rig) });

      const nameOf = (id: string): string => rig.target().accounts.get(id)?.display_name ?? '';
      const known = new Map(enabled(rig).map((id) => [id, nameOf(id)]));
      tenant.churn(60, { seed: 11 });
      await rig.atRest(30_000);
      // Of these the backup holds the name that they have now.
      const both = enabled(rig).filter((id) => known.get(id) === nameOf(id));
      const [renamed, restless, left, gone, moved] = both as [string, string, string, string, string];
      const before = nameOf(restless);
      tenant.updateUser(renamed, { displayName: 'Renamed after the backup' });
      tenant.updateUser(restless, { displayName: 'For a while' });
      tenant.softDeleteUser(left);
      tenant.hardDeleteUser(gone);
      tenant.updateUser(moved, { mailNickname: 'moved.after.the.backup' });
      const joined = tenant.createUser({ mailNickname: 'joined' }).id;
      const guest = tenant.createUser({ mailNickname: 'short.stay' }).id;

      await rig.atRest(30_000);
      expect([nameOf(restless), enabled(rig).includes(guest)]).toEqual(['For a while', true]);
      // The target holds what the backup will never hear of again from the tenant.
      await rig.stop();
      tenant.updateUser(restless, { displayName: before });
      tenant.hardDeleteUser(guest);

      restore(rig, copy);
      await rig.start();
      await rig.atRest(60_000);
      expect(nameOf(restless)).toBe(before);
      expect(nameOf(renamed)).toBe('Renamed after the backup');
      expect(enabled(rig)).toEqual(expect.arrayContaining([renamed, restless, moved, joined]));
      await eventuallyTrue(
        'nobody who has left is enabled',
        () => [left, gone, guest].every((id) => !enabled(rig).includes(id)),
        30_000,
      );
      expect(rig.log.text()).toContain('The target follows another state database');
      // And life goes on.
      tenant.churn(20, { seed: 12 });
      await rig.atRest(30_000);
    },
  );
});
