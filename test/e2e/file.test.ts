// Owns the proof of the file in the whole service: from a change in the tenant to the file, over restarts and crashes.
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, watch } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCsv, readXlsx } from '../gespage/file/read-back.ts';
import { eventually } from '../helpers/eventually.ts';
import { makeRig, type Rig, startRig } from '../helpers/service.ts';

const setting = {
  tenant: { users: 60, groups: 4, memberships: 60 },
  mapping: { groups: { publish: ['*'] } },
};

function filePath(name = 'accounts.csv'): string {
  const folder = mkdtempSync(join(tmpdir(), 'gespage-e2e-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

/** Login, enabled and groups of everybody, as the tables beside the file have them. */
function fromTables(rig: Rig): string[] {
  const { accounts, groups, memberships } = rig.target();
  return [...accounts.values()]
    .map(({ external_id: id, login, enabled }) => {
      const names = (memberships.get(id) ?? []).map((group) => groups.get(group)?.name ?? '').sort();
      return [login, String(enabled), names.join(';')].join(' | ');
    })
    .sort();
}

async function fromFile(path: string): Promise<string[]> {
  if (!existsSync(path)) return [];
  const [header = [], ...rows] = await (path.endsWith('csv') ? readCsv(path) : readXlsx(path));
  const place = (name: string): number => header.indexOf(name);
  return rows
    .map((row) => ['login', 'enabled', 'group_names'].map((name) => row[place(name)] ?? '').join(' | '))
    .sort();
}

async function isEqual(rig: Rig, path: string): Promise<void> {
  await rig.atRest(15_000);
  await eventually(async () => {
    const [wanted, found] = [fromTables(rig), await fromFile(path)];
    return JSON.stringify(wanted) === JSON.stringify(found)
      ? []
      : [`${wanted.length} people in the tables, ${found.length} in the file, or other ones`];
  });
}

describe('the service with a file', () => {
  it.each(['accounts.csv', 'accounts.xlsx'])('keeps it equal to the tenant: %s', async (name) => {
    const path = filePath(name);
    const rig = await startRig({ ...setting, env: { GESPAGE_FILE_PATH: path } });
    await isEqual(rig, path);
    const { tenant } = rig;
    const anna = tenant.createUser({ displayName: 'Anna', mailNickname: 'anna' }).id;
    const [first = '', second = ''] = [...rig.target().accounts.keys()];
    tenant.updateUser(first, { accountEnabled: false });
    tenant.softDeleteUser(second);
    const group = tenant.createGroup({ displayName: 'New' }).id;
    tenant.changeMembers(group, { add: [anna] });
    await isEqual(rig, path);
    expect((await fromFile(path)).filter((line) => line.startsWith('anna'))).toEqual(['anna | 1 | New']);
  });

  it('needs no other target: the embedded database is not made beside it', async () => {
    const path = filePath();
    const rig = await makeRig({ ...setting, env: { GESPAGE_FILE_PATH: path, GESPAGE_SQL_URL: '' } });
    onTestFinished(() => rig.close());
    expect(rig.config.targets).toMatchObject({ sql: undefined, file: { path, kind: 'csv' } });
    await rig.start();
    await eventually(async () => {
      const people = rig.parts().rooms.ledger.countPresent();
      return people > 0 && (await fromFile(path)).length === people ? [] : 'not all are there';
    }, 15_000);
    expect(rig.parts().engine.deliveries.map(({ target }) => target.name)).toEqual(['file']);
  });

  it('never shows a part of a first fill, nor of anything later', async () => {
    const path = filePath();
    await writeFile(path, '');
    const sizes = new Set<number>();
    const watcher = watch(path.replace(/accounts\.csv$/, ''), () => {
      void readFile(path).then(
        (bytes) => sizes.add(bytes.toString('utf8').split('\r\n').length - 2),
        () => undefined,
      );
    });
    const rig = await startRig({
      tenant: { users: 3_000 },
      env: { GESPAGE_FILE_PATH: path },
    });
    await isEqual(rig, path);
    watcher.close();
    // Empty as it was, or with everybody.
    expect([...sizes].filter((size) => size > 0)).toEqual([rig.target().accounts.size]);
  });

  it('brings it up to date after a crash at any moment', async () => {
    const path = filePath();
    const rig = await startRig({ ...setting, env: { GESPAGE_FILE_PATH: path } });
    for (let round = 0; round < 4; round += 1) {
      rig.tenant.createUser({ displayName: `Late ${round}`, mailNickname: `late${round}` });
      // Staged, but not in the file yet, the fourth time not even staged.
      if (round < 3) await rig.inSync();
      await rig.crash();
      await rig.start();
    }
    await isEqual(rig, path);
  });

  it('writes it again after a restart where somebody deleted it meanwhile', async () => {
    const path = filePath();
    const rig = await startRig({ ...setting, env: { GESPAGE_FILE_PATH: path } });
    await isEqual(rig, path);
    await rig.stop();
    rmSync(path);
    await rig.start();
    await isEqual(rig, path);
  });

  it('writes it again at a full resync where somebody edited it', async () => {
    const path = filePath();
    const rig = await startRig({ ...setting, env: { GESPAGE_FILE_PATH: path } });
    await isEqual(rig, path);
    await writeFile(path, 'edited by hand');
    const { rooms, engine } = rig.parts();
    rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
    engine.asked();
    await eventually(
      async () => ((await readFile(path, 'utf8')) === 'edited by hand' ? 'not yet' : []),
      20_000,
    );
    await isEqual(rig, path);
  });

  it('says in its status that the file cannot be written, and goes on by itself', async () => {
    const path = filePath();
    mkdirSync(path);
    const rig = await startRig({ ...setting, env: { GESPAGE_FILE_PATH: path } });
    const state = () =>
      rig
        .parts()
        .rooms.targets.list()
        .find(({ name }) => name === 'file');
    await eventually(() => (state()?.error?.includes('it is a folder') ? [] : 'no failure is noted'), 15_000);
    rmdirSync(path);
    await isEqual(rig, path);
    await eventually(() => (state()?.failingSince === null ? [] : 'the failure is still noted'));
  });
});
