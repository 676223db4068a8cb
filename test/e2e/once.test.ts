// Owns the proof in the whole service that what is written once is Gespage's own from then on.
import Database from 'better-sqlite3';
import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { eventually } from '../helpers/eventually.ts';
import { type Rig, startRig } from '../helpers/service.ts';

const setting = {
  tenant: { users: 20, groups: 0 },
  mapping: { fields: { printCode: { from: ['employeeId'], write: 'once' } } },
};

const codeOf = (rig: Rig, id: string) => rig.target().accounts.get(id)?.print_code;

function asGespage(rig: Rig, statement: string): void {
  const database = new Database(rig.env['GESPAGE_SQL_URL']?.replace('sqlite:', '') ?? '', { timeout: 5_000 });
  database.exec(statement);
  database.close();
}

async function resync(rig: Rig): Promise<Record<string, number>> {
  const { rooms, engine } = rig.parts();
  const { id } = rooms.runs.request({ kind: 'resync', requestedBy: 'test' }, Date.now());
  engine.asked();
  await eventually(() => (rooms.runs.get(id)?.finishedAt ? [] : 'the resync is not over'), 20_000);
  return JSON.parse(rooms.runs.get(id)?.counts ?? '{}') as Record<string, number>;
}

it('a print code is written with the account, and left to Gespage through changes, comparisons and a lost state', async () => {
  const rig = await startRig(setting);
  await rig.atRest();
  const person = { displayName: 'Anna', mailNickname: 'anna', employeeId: '1111' };
  const anna = rig.tenant.createUser(person).id;
  const bert = rig.tenant.createUser({ displayName: 'Bert', mailNickname: 'bert' }).id;
  await rig.atRest();
  expect([codeOf(rig, anna), codeOf(rig, bert)]).toEqual(['1111', null]);

  asGespage(
    rig,
    `UPDATE gespage_account SET print_code = '9' || external_id WHERE external_id IN ('${anna}', '${bert}')`,
  );
  const own = [`9${anna}`, `9${bert}`];
  rig.tenant.updateUser(anna, { employeeId: '2222', department: 'Law' });
  rig.tenant.updateUser(bert, { employeeId: '3333' });
  await rig.atRest();
  expect(rig.target().accounts.get(anna)?.department).toBe('Law');
  rig.tenant.updateUser(anna, { accountEnabled: false });
  await rig.atRest();
  rig.tenant.updateUser(anna, { accountEnabled: true });
  await rig.atRest();
  expect((await resync(rig))['repaired']).toBe(0);
  expect([codeOf(rig, anna), codeOf(rig, bert)]).toEqual(own);

  await rig.stop();
  for (const suffix of ['', '-wal', '-shm']) rmSync(rig.config.state.path + suffix, { force: true });
  await rig.start();
  await rig.atRest(20_000);
  rig.tenant.updateUser(bert, { department: 'Art' });
  await rig.atRest();
  expect([codeOf(rig, anna), codeOf(rig, bert)]).toEqual(own);
});
