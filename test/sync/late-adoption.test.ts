// Tests the target of a lost state database that comes back late: its rows are taken in amid a first round of users.
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { fieldNames } from '../../src/accounts/model.ts';
import { createSqlTarget } from '../../src/gespage/sql/create-sql-target.ts';
import { openState } from '../../src/state/database.ts';
import { createStateRooms } from '../../src/state/rooms.ts';
import { account, id, makeRooms, temporaryFile } from '../helpers/state.ts';
import { lastPage, makeEngine, memoryTarget, person, type Script, until } from './review-kit.ts';

const numbers = Array.from({ length: 40 }, (_, index) => index + 1);

/** A target that an earlier state database has written: forty people. */
async function makeOldTarget(): Promise<string> {
  const file = temporaryFile('gespage.db');
  const target = createSqlTarget({ url: `sqlite:${file}`, fields: fieldNames });
  await target.open();
  await target.position();
  await target.apply({
    to: { ledgerId: 'lost', revision: 40 },
    at: new Date(),
    groups: [],
    removedGroups: [],
    removedAccounts: [],
    accounts: numbers.map((number) => account(number)),
    isCurrent: true,
  });
  await target.close();
  return file;
}

/** A first start that cannot reach the target, and dies before its first round of users is complete. */
async function startInVain(file: string, script: Script, patch: object, isFar: (rooms: Rooms) => boolean) {
  const rooms = createStateRooms(openState(file));
  const down = { ...memoryTarget(), open: () => Promise.reject(new Error('down')) };
  const { engine } = makeEngine(script, { rooms, targets: [down], patch });
  await engine.start();
  await until(() => isFar(rooms), 'the first round is under way');
  await engine.stop();
  rooms.state.close();
}

type Rooms = ReturnType<typeof createStateRooms>;

const away: Script = async function* (stream, { beginRead }) {
  await Promise.resolve();
  if (beginRead() > 0) throw new Error(`Graph cannot be asked for ${stream}`);
  yield lastPage(0);
};

describe.each([
  ['a scope of groups', { scope: { groups: ['Staff'] } }],
  ['everybody in scope', {}],
])('with %s', (_, patch) => {
  // Ten are disabled in the tenant meanwhile; ten have gone.
  const present = numbers
    .filter((number) => number <= 30)
    .map((number) => person(number, number > 20 ? { accountEnabled: false } : {}));
  const staff = {
    id: id(900),
    properties: { displayName: 'Staff' },
    members: present.map((one) => ({ id: one.id, type: 'user' as const, removed: false })),
  };
  const here: Script = async function* (stream, { full, beginRead }) {
    const read = beginRead();
    await Promise.resolve();
    yield lastPage(read, full ? (stream === 'users' ? present : [staff]) : []);
  };
  /** Some pages come, the end of the round does not. */
  const breaking: Script = async function* (stream, { full, beginRead, signal }) {
    const read = beginRead();
    await Promise.resolve();
    if (stream === 'users' && full)
      yield { read, invalid: 0, objects: present.slice(0, 10), nextLink: 'next-page' };
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  };

  it.each([
    ['before its first page', away, (rooms: Rooms) => rooms.firstUsers.isAppending()],
    ['after a page', breaking, (rooms: Rooms) => rooms.directory.counts().users > 0],
  ])('nobody stands twice, and who has left passes the guard: killed %s', async (_when, script, isFar) => {
    const targetFile = await makeOldTarget();
    const file = temporaryFile();
    await startInVain(file, script, patch, isFar);

    const rooms = makeRooms(file);
    const target = createSqlTarget({ url: `sqlite:${targetFile}`, fields: fieldNames });
    const { engine } = makeEngine(here, {
      rooms,
      targets: [target],
      patch,
      removal: { policy: 'disable', graceDays: 30, limit: { kind: 'count', n: 100 } },
    });
    await engine.start();
    await until(() => {
      const database = new Database(targetFile, { readonly: true });
      const enabled = database.prepare('SELECT count(*) FROM gespage_account WHERE enabled = 1').pluck();
      const found = enabled.get() as number;
      database.close();
      return engine.isAtRest() && found === 20;
    }, 'the target holds twenty enabled people');
    const all = (sql: string): unknown[] => rooms.state.sql(sql).all();
    expect(all('SELECT 1 FROM account WHERE key NOT IN (SELECT key FROM directory_object)')).toEqual([]);
    expect(all('SELECT 1 FROM account GROUP BY external_id HAVING count(*) > 1')).toEqual([]);
    expect(all('SELECT * FROM person_issue')).toEqual([]);
    expect(all('SELECT 1 FROM account WHERE present = 1')).toHaveLength(40);
  });
});
