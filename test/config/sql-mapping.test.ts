// Owns the proof that the file of table and column names is read as it says, and that mistakes are explained.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSqlMapping } from '../../src/config/sql-mapping.ts';
import { configOf, filesWith, problemsOf as problemsOfConfig } from './environment.ts';

const accounts = {
  table: 'users',
  key: { column: 'id', from: 'database' },
  login: 'login',
  enabled: 'active',
};
const groups = { table: 'teams', key: { column: 'id', from: 'database' }, name: 'label' };
const memberships = { table: 'members', account: 'user', group: 'team' };

function problemsOf(content: unknown): string[] {
  const result = parseSqlMapping(JSON.stringify(content));
  return result.ok ? [] : result.problems;
}

describe('the file of table and column names', () => {
  it('is shown by an example', () => {
    const text = readFileSync('sql-mapping.example.json', 'utf8');
    const result = parseSqlMapping(`\uFEFF${text}`);
    expect(result.ok && result.mapping.accounts).toMatchObject({
      table: { name: 'print_users' },
      fields: { lastName: { column: 'last_name', empty: '' }, email: { column: 'mail', empty: null } },
      enabled: { column: 'locked', yes: 0, no: 1 },
    });
  });

  it('needs little', () => {
    expect(parseSqlMapping(JSON.stringify({ accounts }))).toEqual({
      ok: true,
      mapping: {
        accounts: {
          ...accounts,
          table: { name: 'users' },
          fields: {},
          enabled: { column: 'active' },
          constants: {},
        },
      },
    });
    expect(problemsOf({ accounts: { ...accounts, enabled: null }, groups, memberships })).toEqual([]);
    const named = parseSqlMapping(JSON.stringify({ accounts: { ...accounts, table: 'print.Users 2' } }));
    expect(named.ok && named.mapping.accounts.table).toEqual({ schema: 'print', name: 'Users 2' });
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing in it', {}, /^accounts must be an object/],
    [
      'no word on who is enabled',
      { accounts: { ...accounts, enabled: undefined } },
      /^accounts\.enabled must be the name of a column.*or null/,
    ],
    [
      'a field that nobody knows',
      { accounts: { ...accounts, fields: { phone: 'tel' } } },
      /^accounts\.fields\.phone is not known/,
    ],
    [
      'a field of the wrong form',
      { accounts: { ...accounts, fields: { email: 5 } } },
      /^accounts\.fields\.email must be the name of a column/,
    ],
    [
      'a key from elsewhere',
      { accounts: { ...accounts, key: { column: 'id', from: 'uuid' } } },
      /"object-id" or "login" or "database"/,
    ],
    [
      'groups by name',
      { accounts, groups: { ...groups, key: { column: 'label', from: 'login' } }, memberships },
      /"object-id" or "database"/,
    ],
    ['groups without memberships', { accounts, groups }, /^memberships is missing/],
    ['memberships without groups', { accounts, memberships }, /^groups is missing/],
    [
      'a column that holds two things',
      { accounts: { ...accounts, externalId: 'login' } },
      /^accounts names the column login twice/,
    ],
    [
      'a table twice',
      { accounts, groups: { ...groups, table: 'users' }, memberships },
      /names one table twice/,
    ],
    [
      'the login as a key elsewhere',
      { accounts: { ...accounts, key: { column: 'id', from: 'login' } } },
      /must be the login's column login/,
    ],
    [
      'yes and no alike',
      { accounts: { ...accounts, enabled: { column: 'a', yes: 1, no: 1 } } },
      /is the same as "yes"/,
    ],
    [
      'our own bookkeeping',
      { accounts: { ...accounts, table: 'public.gespage_sync_row' } },
      /own bookkeeping/,
    ],
    [
      'a name with a question mark',
      { accounts: { ...accounts, login: 'who?' } },
      /^accounts\.login holds a character/,
    ],
    ['an empty name', { accounts: { ...accounts, login: ' ' } }, /^accounts\.login is empty/],
    [
      'a name too long',
      { accounts: { ...accounts, login: 'x'.repeat(65) } },
      /longer than the 64 characters/,
    ],
    ['a name in three parts', { accounts: { ...accounts, table: 'a.b.c' } }, /more than one point/],
    [
      'a constant that is a list',
      { accounts: { ...accounts, constants: { source: [] } } },
      /^accounts\.constants\.source must be a text/,
    ],
  ])('with %s is refused in plain words', (_, content, problem) => {
    expect(problemsOf(content).join('\n')).toMatch(problem);
  });

  it('that is no JSON is refused at its place', () => {
    const result = parseSqlMapping('{ "accounts": ');
    expect(!result.ok && result.problems[0]).toMatch(/^the file is not JSON \(.+\); correct it/);
  });

  it('never makes the reader throw', () => {
    fc.assert(fc.property(fc.jsonValue(), (content) => void parseSqlMapping(JSON.stringify(content))));
  });
});

describe('GESPAGE_SQL_MAPPING_FILE', () => {
  it('is read with everything else, and its problems are told with the others', () => {
    const files = { '/names.json': JSON.stringify({ accounts }), '/wrong.json': '{}' };
    expect(configOf({ GESPAGE_SQL_MAPPING_FILE: '/names.json' }, files).targets.sqlMapping).toMatchObject({
      accounts: { login: 'login' },
    });
    expect(configOf({}).targets.sqlMapping).toBeUndefined();
    const problems = problemsOfConfig(
      { GESPAGE_SQL_MAPPING_FILE: '/wrong.json', LOG_LEVEL: 'loud' },
      filesWith(files),
    );
    expect(problems).toHaveLength(2);
    expect(problems.join('\n')).toMatch(/GESPAGE_SQL_MAPPING_FILE: accounts must be an object in \{ \}/);
    expect(problemsOfConfig({ GESPAGE_SQL_MAPPING_FILE: '/none.json' }, filesWith(files))[0]).toMatch(
      /^GESPAGE_SQL_MAPPING_FILE names a file that does not exist/,
    );
  });
});
