// Owns the judgement of application permissions: those granted against those that the mode needs.
import { failed, type Finding, note, ok } from './finding.ts';

const part = 'permissions';
const where =
  'In the Microsoft Entra admin center open Entra ID > App registrations > your application > API permissions: ' +
  'Add a permission > Microsoft Graph > Application permissions';

/**
 * Judges the permissions of the token. Subscriptions take exactly User.Read.All and Group.Read.All; reading alone is
 * content with less.
 * @see https://learn.microsoft.com/graph/api/subscription-post-subscriptions#permissions
 * @see https://learn.microsoft.com/graph/api/group-delta#permissions
 */
export function judgePermissions(roles: readonly string[], mode: 'notifications' | 'polling'): Finding[] {
  if (roles.length === 0) {
    return [
      note(
        part,
        'The token names no application permissions: none are granted, or the token cannot be looked into. The tests of Graph below decide.',
      ),
    ];
  }
  const has = (...names: readonly string[]): boolean => names.some((name) => roles.includes(name));
  const missing: string[] = [];
  if (mode === 'notifications') {
    if (!has('User.Read.All')) missing.push('User.Read.All');
    if (!has('Group.Read.All')) missing.push('Group.Read.All');
  } else {
    if (!has('User.Read.All', 'Directory.Read.All')) missing.push('User.Read.All');
    if (!has('GroupMember.Read.All', 'Group.Read.All', 'Directory.Read.All'))
      missing.push('GroupMember.Read.All');
  }
  const needed = mode === 'notifications' ? 'subscriptions and reading' : 'reading';
  return [
    missing.length === 0
      ? ok(part, `What ${needed} need is granted (${roles.join(', ')}).`)
      : failed(
          part,
          `Not granted: ${missing.join(', ')}. Granted: ${roles.join(', ')}.${almost(missing, roles)}`,
          `${where} > ${missing.join(' and ')}, then Grant admin consent.`,
        ),
    ...surplusNotes(roles, mode),
  ];
}

function almost(missing: readonly string[], roles: readonly string[]): string {
  if (missing.includes('Group.Read.All') && roles.includes('GroupMember.Read.All'))
    return ' GroupMember.Read.All is enough for reading, not for a subscription for groups.';
  if (roles.includes('Directory.Read.All'))
    return ' Directory.Read.All is enough for reading, not for subscriptions for users and groups.';
  return '';
}

function surplusNotes(roles: readonly string[], mode: 'notifications' | 'polling'): Finding[] {
  const surplus: string[] = [];
  if (roles.includes('Group.Read.All') && roles.includes('GroupMember.Read.All'))
    surplus.push('GroupMember.Read.All');
  if (roles.includes('Directory.Read.All') && roles.includes('User.Read.All'))
    surplus.push('Directory.Read.All');
  surplus.push(...roles.filter((role) => role.startsWith('AccessReview.') || role.includes('ReadWrite')));
  const notes: Finding[] = [];
  if (surplus.length > 0)
    notes.push(
      note(
        part,
        `Granted and not used: ${surplus.join(', ')}.`,
        `${where.split(':')[0] ?? ''}: remove them.`,
      ),
    );
  if (mode === 'polling' && roles.includes('Group.Read.All'))
    notes.push(
      note(part, 'Without PUBLIC_URL, GroupMember.Read.All would be enough in place of Group.Read.All.'),
    );
  if (!roles.includes('Member.Read.Hidden'))
    notes.push(
      note(
        part,
        'Without Member.Read.Hidden, groups that hide their members look empty. Most sites have none.',
      ),
    );
  return notes;
}
