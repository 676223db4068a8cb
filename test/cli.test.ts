// Owns the proof that the command answers to its words: usage, configuration, looks, upkeep, and exit codes.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openState } from '../src/state/database.ts';
import { closeWorlds, idOf, openWorld, user, type World } from './admin/fixture.ts';
import { call, openFolder, removeFolders, run } from './cli/command.ts';

afterEach(closeWorlds);
afterEach(removeFolders);

const verbs = [
  'serve',
  'check',
  'renew',
  'resync',
  'status',
  'subscriptions',
  'holds',
  'hold',
  'explain',
  'adopt',
  'migrate',
  'backup',
];

function held(): World {
  const world = openWorld();
  const people = (enabled: boolean) =>
    Array.from({ length: 12 }, (_, n) => user(n, { accountEnabled: enabled }));
  world.read('user', people(true));
  world.settle();
  world.read('user', people(false));
  world.settle();
  return world;
}

describe('the usage', () => {
  it('is told by --help, for all verbs and for one', async () => {
    const [all, one] = await Promise.all([run(['--help']), call(['resync', '-h'])]);
    expect(all.code).toBe(0);
    for (const verb of verbs) expect(all.out).toMatch(new RegExp(`^  ${verb}\\b`, 'm'));
    expect(one.out).toContain('--dry-run');
  });

  it.each([
    ['no verb', []],
    ['an unknown verb', ['sync']],
    ['an unknown option', ['status', '--fast']],
    ['an option of another verb', ['status', '--dry-run']],
    ['a word too many', ['holds', '1']],
    ['a word too few', ['explain']],
    ['an option without its value', ['resync', '--user']],
    ['a hold without a number', ['hold', 'first', 'approve']],
    ['a decision that is none', ['hold', '1', 'maybe']],
  ])('with %s ends with 2 and says what to write', async (_, args) => {
    const { code, out, err } = await call(args, { STATE_PATH: path.join(openFolder(), 'none.db') });
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^gespage-sync: .+\n {2}- .+/);
  });

  it('is answered as JSON where JSON was asked for', async () => {
    const ended = await run(['sync', '--json']);
    expect(ended.code).toBe(2);
    expect(ended.json()).toMatchObject({ error: 'There is no verb "sync".' });
  });
});

describe('the configuration', () => {
  it.each([
    ['renew', call],
    ['resync', run],
    ['check', call],
    ['serve', run],
  ] as const)('that is missing ends %s with 2 and all problems', async (verb, start) => {
    const { code, out, err } = await start([verb]);
    expect(code).toBe(2);
    for (const name of ['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET', 'ADMIN_TOKEN']) {
      expect(out + err).toContain(name);
    }
  });

  it('that a look needs is judged too', async () => {
    const file = path.join(openFolder(), 'mapping.json');
    writeFileSync(file, '{"scope": {"groups": "Staff"}}');
    const { code, err } = await call(['explain', 'anna'], {
      STATE_PATH: openWorld().file,
      MAPPING_FILE: file,
    });
    expect(code).toBe(2);
    expect(err).toContain('MAPPING_FILE: scope.groups must be a list');
  });
});

describe('a look', () => {
  it.each(['status', 'subscriptions', 'holds'])(
    'at %s makes no database where there is none',
    async (verb) => {
      const file = path.join(openFolder(), 'state.db');
      const { code, err } = await call([verb], { STATE_PATH: file });
      expect(code).toBe(1);
      expect(err).toContain('no state database');
      expect(existsSync(file)).toBe(false);
    },
  );

  it('at the status needs nothing but the state database', async () => {
    const { file } = held();
    const [text, data] = await Promise.all([
      call(['status'], { STATE_PATH: file }),
      run(['status', '--json'], { STATE_PATH: file }),
    ]);
    expect(text.code).toBe(0);
    expect(text.out).toContain('Hold 1 keeps 12 people');
    expect(text.out).toContain('The service does not run');
    expect(text.out).toMatch(/^accounts +12 enabled of 12$/m);
    expect(data.json()).toMatchObject({
      service: 'stopped',
      counts: { accounts: 12 },
      holds: [{ id: 1, people: 12 }],
    });
  });

  it('at the holds and at one of them shows who is concerned', async () => {
    const { file } = held();
    const [all, one, data, none] = await Promise.all([
      call(['holds'], { STATE_PATH: file }),
      call(['hold', '1'], { STATE_PATH: file }),
      call(['hold', '1', '--json'], { STATE_PATH: file }),
      run(['hold', '2'], { STATE_PATH: file }),
    ]);
    expect(all.out).toMatch(/^1 +open +12 people/m);
    expect(one.out).toMatch(/^ {2}user3 +User 3 +disable +disabled +held/m);
    expect(data.json<{ items: unknown[] }>().items).toHaveLength(12);
    expect([all.code, one.code, data.code, none.code]).toEqual([0, 0, 0, 1]);
  });

  it('at one person explains, by login and by object id', async () => {
    const { file } = held();
    const [byLogin, byId, nobody] = await Promise.all([
      call(['explain', 'USER3'], { STATE_PATH: file }),
      call(['explain', idOf(3), '--json'], { STATE_PATH: file }),
      call(['explain', 'nobody'], { STATE_PATH: file }),
    ]);
    expect(byLogin.out).toContain('is held with others in hold 1');
    expect(byId.json<{ people: { id: string }[] }>().people).toMatchObject([{ id: idOf(3) }]);
    expect([byLogin.code, byId.code, nobody.code]).toEqual([0, 0, 1]);
  });

  it('never shows a client state', async () => {
    const world = openWorld();
    world.rooms.subscriptions.save({
      id: 'one',
      resource: 'users',
      clientState: 'must-stay-hidden',
      notificationUrl: 'https://sync.example/graph/notifications',
      expiresAt: Date.now() + 86_400_000,
      createdAt: 0,
      touchedAt: 0,
      challengedAt: null,
      lostAt: null,
    });
    const ended = await Promise.all([
      call(['subscriptions'], { STATE_PATH: world.file }),
      call(['subscriptions', '--json'], { STATE_PATH: world.file }),
      call(['status', '--json'], { STATE_PATH: world.file }),
    ]);
    for (const { code, out } of ended) {
      expect(code).toBe(0);
      expect(out).toContain('users');
      expect(out).not.toContain('must-stay-hidden');
    }
  });
});

describe('a hold decided without a service and without its configuration', () => {
  it('is stored, and said to be carried out later', async () => {
    const world = held();
    const approved = await run(['hold', '1', 'approve', '--json'], { STATE_PATH: world.file });
    expect(approved.code).toBe(0);
    expect(approved.json()).toMatchObject({ status: 'approved', decidedPeople: 12, carriedOut: false });
    expect(world.rooms.ledger.countEnabled()).toBe(12);
    world.settle();
    expect(world.rooms.ledger.countEnabled()).toBe(0);
    const again = await call(['hold', '1', 'discard'], { STATE_PATH: world.file });
    expect(again.code).toBe(1);
    expect(again.err).toContain('already approved');
  });

  it('keeps the accounts when it is discarded', async () => {
    const world = held();
    const discarded = await call(['hold', '1', 'discard'], { STATE_PATH: world.file });
    expect(discarded).toMatchObject({ code: 0 });
    expect(discarded.out).toContain('accounts are kept');
    world.settle();
    expect(world.rooms.ledger.countEnabled()).toBe(12);
  });
});

describe('upkeep', () => {
  it('makes the state database, and finds nothing to do the second time', async () => {
    const env = { STATE_PATH: path.join(openFolder(), 'data', 'state.db') };
    const first = await run(['migrate', '--json'], env);
    expect(first.code).toBe(0);
    expect(first.json<{ applied: number }>().applied).toBeGreaterThan(0);
    const second = await call(['migrate'], env);
    expect(second.out).toContain('nothing had to be done');
    expect((await call(['status'], env)).code).toBe(0);
  });

  it('sends a look at an older schema to migrate', async () => {
    const { rooms, file } = openWorld();
    rooms.state.sql('DELETE FROM __drizzle_migrations').run();
    const { code, err } = await call(['status'], { STATE_PATH: file });
    expect(code).toBe(1);
    expect(err).toContain('gespage-sync migrate');
  });

  it('copies the database while it is in use, for its owner alone', async () => {
    const world = held();
    const file = path.join(openFolder(), 'copy.db');
    const { code, out } = await run(['backup', file], { STATE_PATH: world.file });
    expect(code).toBe(0);
    expect(out).toContain('client states');
    expect(statSync(file).mode & 0o077).toBe(0);
    const copy = openState(file, { migrations: 'require' });
    expect(copy.sql('SELECT count(*) FROM account').pluck().get()).toBe(12);
    copy.close();
  });

  it('never writes a backup over another file', async () => {
    const file = path.join(openFolder(), 'copy.db');
    writeFileSync(file, 'precious');
    const { code, err } = await call(['backup', file], { STATE_PATH: openWorld().file });
    expect(code).toBe(1);
    expect(err).toContain('never replaces');
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });

  it('leaves nothing behind where a backup cannot be written', async () => {
    const file = path.join(openFolder(), 'no', 'such', 'folder.db');
    const { code, err } = await call(['backup', file], { STATE_PATH: openWorld().file });
    expect(code).toBe(1);
    expect(err).toContain('Check that the folder exists');
  });
});
