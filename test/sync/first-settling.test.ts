// Owns the proof that settling by the pages of a first round comes to the same as settling afterwards.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileMapping } from '../../src/accounts/decide.ts';
import { defaultMapping } from '../../src/accounts/mapping.ts';
import { createMemoryLog } from '../../src/ops/log.ts';
import type { ObjectRead } from '../../src/state/directory.ts';
import type { StateRooms } from '../../src/state/rooms.ts';
import { type FirstRules, judgeFirst } from '../../src/sync/first-people.ts';
import { createFirstSettling } from '../../src/sync/first-settling.ts';
import { reconsiderIfRulesChanged } from '../../src/sync/first-steps.ts';
import { createSettler } from '../../src/sync/settle.ts';
import { silentLog } from '../../src/sync/dry-run.ts';
import { id, makeRooms, temporaryFile, tombstone, user, withRooms } from '../helpers/state.ts';

const mapping = compileMapping(defaultMapping());
const rules: FirstRules = { policy: 'disable', graceDays: 30 };
const now = () => 1_700_000_000_000;
const settlingOf = (rooms: StateRooms) => createFirstSettling({ rooms, mapping, rules, now, log: silentLog });

function addPage(
  rooms: StateRooms,
  settling: ReturnType<typeof settlingOf>,
  objects: readonly ObjectRead[],
): void {
  settling.add({ read: rooms.directory.beginRead(), objects, invalid: 0 });
}

function byPages(rooms: StateRooms, pages: readonly (readonly ObjectRead[])[]): void {
  const settling = settlingOf(rooms);
  rooms.firstUsers.begin(true);
  for (const page of pages) addPage(rooms, settling, page);
  finish(rooms, settling);
}

function finish(rooms: StateRooms, settling: ReturnType<typeof settlingOf>): void {
  rooms.firstUsers.makeIndex();
  while (settling.finish('full round'));
  rooms.firstUsers.end();
}

function afterwards(rooms: StateRooms, pages: readonly (readonly ObjectRead[])[]): void {
  rooms.firstUsers.begin(false);
  for (const page of pages) {
    const { ids, properties } = judgeFirst(page, mapping, rules);
    rooms.firstUsers.append({ ids, properties }, rooms.directory.beginRead());
  }
  rooms.firstUsers.makeIndex();
  rooms.people.markRange(0, 1_000_000, 'full round');
  rooms.firstUsers.end();
  const limit = { kind: 'share', share: 0.05 } as never;
  const settler = createSettler({ rooms, mapping, ...rules, limit, now, log: silentLog });
  while (settler.settleSome() === 'more');
}

/** All that a decision leaves behind, without keys and revisions. */
function outcome({ state }: StateRooms): unknown {
  return {
    accounts: state
      .sql(
        `SELECT a.external_id, o.id, login, login_key, display_name, first_name, email, department, print_code, enabled,
                groups, present, disabled_at, pinged_at FROM account a JOIN directory_object o ON o.key = a.key
         ORDER BY a.external_id`,
      )
      .all(),
    mirror: state.sql('SELECT id, state, properties FROM directory_object ORDER BY id').all(),
    issues: state
      .sql(
        `SELECT o.id, i.kind, i.detail, i.login_key FROM person_issue i JOIN directory_object o ON o.key = i.key ORDER BY o.id`,
      )
      .all(),
    audit: state
      .sql(
        'SELECT o.id, action, cause, changes FROM audit u JOIN directory_object o ON o.key = u.key ORDER BY o.id',
      )
      .all(),
    waiting: state.sql('SELECT count(*) FROM unsettled').pluck().get(),
    indexes: state
      .sql(
        `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('account', 'directory_object') ORDER BY name`,
      )
      .all()
      .map((row) => JSON.stringify(row).replaceAll(/[` ]/g, '').toLowerCase()),
  };
}

const anyObject: fc.Arbitrary<ObjectRead> = fc.oneof(
  { weight: 1, arbitrary: fc.nat(12).map((n) => tombstone(n, n % 2 ? 'deleted' : 'changed')) },
  {
    weight: 6,
    arbitrary: fc
      .record(
        {
          number: fc.nat(12),
          mailNickname: fc.constantFrom('anna', 'ANNA', 'ben', 'été', null),
          accountEnabled: fc.constantFrom(true, true, true, false, null),
          userType: fc.constantFrom('Member', 'Guest', null),
          displayName: fc.constantFrom('Anna', '', null),
          department: fc.string(),
        },
        { requiredKeys: ['number', 'mailNickname'] },
      )
      .map(({ number, ...properties }) => user(number, { userPrincipalName: null, ...properties })),
  },
);

describe('settling by the pages of the first full round of users', () => {
  it('comes to the same as settling when the round is complete', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyObject, { maxLength: 6 }), { maxLength: 5 }), (pages) => {
        const [one, other] = [byPages, afterwards].map((work) =>
          withRooms((rooms) => {
            work(rooms, pages);
            return outcome(rooms);
          }),
        );
        expect(one).toEqual(other);
      }),
      { numRuns: 100 },
    );
  });

  it('goes on after a restart at any page, and in the middle of its end', () => {
    const file = temporaryFile();
    const pages = [
      [user(1), user(2)],
      [user(3, { mailNickname: 'user1' }), user(2, { department: 'x' })],
    ];
    const first = makeRooms(file);
    first.firstUsers.begin(true);
    addPage(first, settlingOf(first), pages[0] ?? []);
    first.state.close();
    const second = makeRooms(file);
    expect(second.firstUsers.makesAccounts()).toBe(true);
    addPage(second, settlingOf(second), pages[1] ?? []);
    second.firstUsers.makeIndex();
    const settling = settlingOf(second);
    settling.finish('full round');
    second.firstAccounts.audit(0, 1, now(), 'full round');
    second.state.close();
    const third = makeRooms(file);
    expect(third.firstUsers.makesAccounts()).toBe(true);
    finish(third, settlingOf(third));
    const whole = withRooms((rooms) => {
      byPages(rooms, pages);
      return outcome(rooms);
    });
    expect(outcome(third)).toEqual(whole);
    expect(third.firstUsers.isAppending()).toBe(false);
  });

  it('forgets what it wrote when the round begins again, by either way of settling', () => {
    const rooms = makeRooms();
    rooms.firstUsers.begin(true);
    addPage(rooms, settlingOf(rooms), [user(1), user(2, { mailNickname: null, userPrincipalName: null })]);
    rooms.firstUsers.begin(false);
    expect(rooms.ledger.countPresent()).toBe(0);
    expect(rooms.people.countIssues()).toBe(0);
    expect(rooms.firstUsers.makesAccounts()).toBe(false);
    afterwards(rooms, [[user(3)]]);
    expect(rooms.state.sql('SELECT external_id FROM account').pluck().all()).toEqual([id(3)]);
    expect(outcome(rooms)).toEqual(
      withRooms((fresh) => {
        afterwards(fresh, [[user(3)]]);
        return outcome(fresh);
      }),
    );
  });

  it('begins again under other rules', () => {
    const rooms = makeRooms();
    rooms.streams.prepare('users', 'id', now());
    rooms.firstUsers.begin(true);
    rooms.streams.set('users', { round: 'full', nextLink: 'page 2' });
    addPage(rooms, settlingOf(rooms), [user(1)]);
    reconsiderIfRulesChanged(rooms, mapping, 'disable');
    expect(rooms.streams.get('users')).toMatchObject({ round: null, nextLink: null, sweepRead: null });
    expect(rooms.people.isEmpty()).toBe(true);
  });

  it('has few words for one login that everybody has', () => {
    const rooms = makeRooms();
    const log = createMemoryLog();
    const settling = createFirstSettling({ rooms, mapping, rules, now, log });
    rooms.firstUsers.begin(true);
    const everybody = Array.from({ length: 200 }, (_, index) => user(index + 1, { mailNickname: 'pupil' }));
    addPage(rooms, settling, everybody);
    finish(rooms, settling);
    expect(rooms.state.sql('SELECT count(*) FROM account').pluck().get()).toBe(1);
    expect(rooms.state.sql('SELECT count(*) FROM person_issue').pluck().get()).toBe(199);
    expect(log.lines).toHaveLength(21);
    expect(log.lines.at(-1)).toMatchObject({ level: 'error', fields: { people: 199 } });
  });

  it('leaves a ledger alone that held somebody before', () => {
    const rooms = makeRooms();
    rooms.ledger.audit({ at: 1, key: 1, action: 'disable', cause: 'x', reason: null, changes: null });
    rooms.firstUsers.begin(true);
    expect(rooms.firstUsers.makesAccounts()).toBe(false);
    expect(rooms.firstUsers.isAppending()).toBe(true);
    expect(rooms.ledger.countRemovedSince(0)).toBe(1);
  });
});
