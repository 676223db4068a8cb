// Owns the proof that existing rows are adopted by an operator's word alone, with the service running, stopped or killed.
import Database from 'better-sqlite3';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { takeLease } from '../../src/state/lease.ts';
import { offerAgainLater, offerAgainWhenDue } from '../../src/sync/offer-again.ts';
import { call, start } from '../cli/command.ts';
import { makeRig, type Rig } from '../helpers/service.ts';

const table = `CREATE TABLE users (id INTEGER PRIMARY KEY, entra_id varchar(36) UNIQUE, login varchar(20) NOT NULL UNIQUE,
  name varchar(60), mail varchar(80), locked int NOT NULL DEFAULT 0, credit int NOT NULL DEFAULT 0)`;

const mapping = {
  accounts: {
    table: 'users',
    key: { column: 'id', from: 'database' },
    externalId: 'entra_id',
    login: 'login',
    fields: { displayName: 'name', email: 'mail' },
    enabled: { column: 'locked', yes: 0, no: 1 },
  },
};

interface UserRow {
  readonly id: number;
  readonly entra_id: string | null;
  readonly login: string;
  readonly name: string | null;
  readonly credit: number;
}

interface Plan {
  readonly matches: { key: string; newLogin: string; changes: { column: string }[] }[];
  readonly ambiguous: { value: string; rows: unknown[]; people: unknown[] }[];
  readonly unknownRows: { login: string }[];
  readonly unknownPeople: unknown[];
  readonly adopted: string[];
  readonly delivery: string;
}

/** A tenant beside a table of the site's own; nothing is started. */
async function makeSite(): Promise<{ rig: Rig; sql: (text: string) => UserRow[] }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-adopt-'));
  const file = path.join(folder, 'own.db');
  const names = path.join(folder, 'names.json');
  writeFileSync(names, JSON.stringify(mapping));
  const sql = (text: string): UserRow[] => {
    const database = new Database(file, { timeout: 5_000 });
    try {
      const statement = database.prepare(text);
      return statement.reader ? (statement.all() as UserRow[]) : (statement.run(), []);
    } finally {
      database.close();
    }
  };
  sql(table);
  const rig = await makeRig({
    tenant: { users: 12, groups: 0 },
    env: { GESPAGE_SQL_URL: `sqlite:${file}`, GESPAGE_SQL_MAPPING_FILE: names },
  });
  onTestFinished(async () => {
    await rig.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { rig, sql };
}

/** Object id and login of the people who are to have an account. */
function peopleOf(rig: Rig): { id: string; login: string; mail: string }[] {
  return rig.tenant
    .snapshot()
    .users.filter(
      ({ status, props }) =>
        status === 'active' && props['accountEnabled'] === true && props['userType'] === 'Member',
    )
    .map(({ id, props }) => ({
      id,
      login: String(props['onPremisesSamAccountName'] ?? props['mailNickname']).toLowerCase(),
      mail: String(props['mail'] ?? props['userPrincipalName']),
    }));
}

/** A service holds the lease, which a rig leaves alone. */
function hold(rig: Rig): void {
  const lease = takeLease(rig.config.state.path);
  onTestFinished(() => lease?.release());
}

const settled = (rig: Rig) =>
  expect.poll(() => rig.parts().engine.isAtRest(), { timeout: 15_000 }).toBe(true);
const adopt = async (rig: Rig, ...options: string[]) => {
  const ended = await call(['adopt', '--json', ...options], rig.env);
  expect(ended.code, ended.out + ended.err).toBe(0);
  return ended.json<Plan>();
};

it('shows who would be adopted, changes nothing until told, and the running service then brings the rows up to date', async () => {
  const { rig, sql } = await makeSite();
  const [one] = peopleOf(rig);
  sql(
    `INSERT INTO users (login, name, credit) VALUES ('stranger', 'Nobody', 8), ('${one?.login}', 'Old Name', 7)`,
  );
  await rig.start();
  await settled(rig);
  const before = sql('SELECT * FROM users WHERE credit > 0');
  expect(before.map((row) => row.entra_id)).toEqual([null, null]);

  const plan = await adopt(rig, '--dry-run');
  expect(plan.matches).toMatchObject([{ key: '2', externalId: one?.id, newLogin: one?.login }]);
  expect(plan.matches[0]?.changes.map(({ column }) => column)).toEqual(['entra_id', 'name', 'mail']);
  expect(plan.unknownRows).toEqual([{ key: '1', login: 'stranger' }]);
  expect(plan.unknownPeople).toEqual([]);
  expect(plan.adopted).toEqual([]);
  expect(sql('SELECT * FROM users WHERE credit > 0')).toEqual(before);

  hold(rig);
  const done = await adopt(rig);
  expect(done).toMatchObject({ adopted: [one?.id], delivery: 'delivered' });
  const [stranger, adopted] = sql('SELECT * FROM users WHERE credit > 0');
  expect(stranger).toEqual(before[0]);
  expect(adopted).toMatchObject({ id: 2, login: one?.login, credit: 7, entra_id: one?.id });
  expect(adopted?.name).not.toBe('Old Name');
  expect(rig.parts().rooms.targets.refusals(9)).toEqual([]);
  expect(await adopt(rig)).toMatchObject({ matches: [], adopted: [] });
}, 60_000);

it('says so and does nothing while the first sync is not complete', async () => {
  const { rig, sql } = await makeSite();
  sql(`INSERT INTO users (login) VALUES ('stranger')`);
  expect((await call(['migrate'], rig.env)).code).toBe(0);
  const { code, err } = await call(['adopt'], rig.env);
  expect(code).toBe(1);
  expect(err).toContain('The first sync is not complete yet');
  expect(sql('SELECT * FROM users')).toHaveLength(1);
}, 60_000);

it('matches by another column, and never where two rows or two people are alike', async () => {
  const { rig, sql } = await makeSite();
  const [one, two, three, four] = peopleOf(rig);
  sql(
    `INSERT INTO users (login, mail) VALUES ('old-one', '${one?.mail.toUpperCase()}'), ('old-two', '${two?.mail}'),
       ('older-two', '${two?.mail}'), ('${four?.login}', '${three?.mail}')`,
  );
  await rig.start();
  await settled(rig);
  await rig.stop();
  // As where the table comes into use after the first sync went elsewhere: nobody has a row of ours yet.
  sql('DELETE FROM users WHERE entra_id IS NOT NULL');
  sql('DELETE FROM gespage_sync_row');
  const plan = await adopt(rig, '--by', 'mail', '--dry-run');
  expect(plan.matches.map(({ key, newLogin }) => [key, newLogin])).toEqual([
    ['1', one?.login],
    ['4', three?.login],
  ]);
  expect(plan.ambiguous).toMatchObject([
    { rows: [{ key: '2' }, { key: '3' }], people: [{ externalId: two?.id }] },
  ]);
  expect(await adopt(rig, '--by', 'email')).toMatchObject({
    adopted: [one?.id, three?.id],
    delivery: 'later',
  });
  const unknown = await call(['adopt', '--by', 'credit'], rig.env);
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain('Choose a column that this program writes: login, name, mail, entra_id');
  await rig.start();
  await settled(rig);
  await expect
    .poll(() => sql(`SELECT * FROM users WHERE id IN (1, 4)`))
    .toMatchObject([
      { login: one?.login, entra_id: one?.id },
      { login: three?.login, entra_id: three?.id },
    ]);
}, 60_000);

it('killed in the middle has taken each row whole or not at all, and is brought to its end by the next call', async () => {
  const { rig, sql } = await makeSite();
  const people = peopleOf(rig);
  for (const { login } of people) sql(`INSERT INTO users (login, credit) VALUES ('${login}', 7)`);
  await rig.start();
  await settled(rig);
  const { meta } = rig.parts().rooms;
  let hasEnded = false;
  const killed = start(['adopt', '--json'], { ...rig.env, NODE_EXTRA_CA_CERTS: rig.tenant.caPath });
  void killed.ended.then(() => (hasEnded = true));
  await expect
    .poll(() => hasEnded || meta.counter('offer-again-at') > 0, { interval: 1, timeout: 20_000 })
    .toBe(true);
  killed.kill();
  await killed.ended;
  const listed = sql('SELECT * FROM gespage_sync_row').length;
  expect([0, people.length]).toContain(listed);
  await adopt(rig);
  await expect
    .poll(() => sql('SELECT * FROM users').map((row) => [row.login, row.entra_id, row.credit]), {
      timeout: 10_000,
    })
    .toEqual(people.map(({ login, id }) => [login, id, 7]));
  await expect.poll(() => rig.parts().rooms.targets.hasRefusals('sqlite'), { timeout: 10_000 }).toBe(false);
}, 60_000);

it('killed between the table and the state database leaves the service to offer the people by itself', async () => {
  const { rig, sql } = await makeSite();
  const [one] = peopleOf(rig);
  sql(`INSERT INTO users (login, credit) VALUES ('${one?.login}', 7)`);
  await rig.start();
  await settled(rig);
  const { rooms } = rig.parts();
  const before = rooms.ledger.revision();
  // What the command does before it takes rows over; its end never comes.
  offerAgainLater(rooms, Date.now());
  sql(`UPDATE users SET entra_id = '${one?.id}' WHERE credit = 7`);
  sql(`INSERT INTO gespage_sync_row (external_id, row_key) VALUES ('${one?.id}', 'a:1')`);
  expect(offerAgainWhenDue(rooms, Date.now() + 599_000)).toBe(false);
  expect(rooms.ledger.revision()).toBe(before);
  expect(offerAgainWhenDue(rooms, Date.now() + 601_000)).toBe(true);
  expect(offerAgainWhenDue(rooms, Date.now() + 601_000)).toBe(false);
  for (const loop of rig.parts().engine.loops()) loop.wake();
  await expect
    .poll(() => sql('SELECT * FROM users WHERE credit = 7'), { timeout: 10_000 })
    .toMatchObject([{ login: one?.login, id: 1 }]);
  await expect.poll(() => rooms.targets.hasRefusals('sqlite'), { timeout: 10_000 }).toBe(false);
}, 60_000);
