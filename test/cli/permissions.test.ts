// Owns the proof that permissions are judged by what each mode really needs.
import { describe, expect, it } from 'vitest';
import { judgePermissions } from '../../src/cli/check-permissions.ts';

const verdict = (roles: string[], mode: 'notifications' | 'polling') => judgePermissions(roles, mode)[0];

describe('permissions', () => {
  it.each<[string[], 'notifications' | 'polling']>([
    [['User.Read.All', 'Group.Read.All'], 'notifications'],
    [['User.Read.All', 'GroupMember.Read.All'], 'polling'],
    [['User.Read.All', 'Group.Read.All'], 'polling'],
    [['Directory.Read.All'], 'polling'],
  ])('%j are enough for %s', (roles, mode) => {
    expect(verdict(roles, mode)?.verdict).toBe('ok');
  });

  it.each<[string[], 'notifications' | 'polling', RegExp, RegExp]>([
    [
      ['User.Read.All'],
      'notifications',
      /Not granted: Group\.Read\.All/,
      /Group\.Read\.All, then Grant admin consent/,
    ],
    [
      ['User.Read.All', 'GroupMember.Read.All'],
      'notifications',
      /not for a subscription for groups/,
      /Group\.Read\.All/,
    ],
    [
      ['Directory.Read.All'],
      'notifications',
      /not for subscriptions/,
      /User\.Read\.All and Group\.Read\.All/,
    ],
    [['Group.Read.All'], 'polling', /Not granted: User\.Read\.All/, /User\.Read\.All/],
    [['User.Read.All'], 'polling', /Not granted: GroupMember\.Read\.All/, /GroupMember\.Read\.All/],
  ])('%j are not enough for %s', (roles, mode, what, advice) => {
    expect(verdict(roles, mode)).toMatchObject({ verdict: 'failed' });
    expect(verdict(roles, mode)?.what).toMatch(what);
    expect(verdict(roles, mode)?.advice).toMatch(advice);
  });

  it('that a token does not name are left to the tests of Graph', () => {
    expect(judgePermissions([], 'notifications')).toMatchObject([{ verdict: 'note' }]);
  });

  it('that nobody uses are named, and do not fail', () => {
    const roles = [
      'User.Read.All',
      'Group.Read.All',
      'GroupMember.Read.All',
      'AccessReview.Read.All',
      'Member.Read.Hidden',
    ];
    const findings = judgePermissions(roles, 'notifications');
    expect(findings.map((one) => one.verdict)).toEqual(['ok', 'note']);
    expect(findings[1]?.what).toContain('GroupMember.Read.All, AccessReview.Read.All');
  });
});
