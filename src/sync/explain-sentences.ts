// Owns the plain English of an explanation: facts in, sentences out.
import type { PersonFacts } from './explain-model.ts';

/** The answer first, then what it rests on, then what comes next. */
export function tell(facts: PersonFacts): string[] {
  return [
    answer(facts),
    tenant(facts),
    ...scope(facts),
    ...login(facts),
    ...groups(facts),
    ...removal(facts),
    ...future(facts),
    ...targets(facts),
    ...past(facts),
  ];
}

function answer(facts: PersonFacts): string {
  const who = facts.displayName ?? facts.userPrincipalName ?? facts.id;
  const { account, decision } = facts;
  const why = reasonOf(decision);
  if (account?.present === true && account.enabled) {
    const has = `${who} has an enabled account with the login "${account.login}"`;
    return why === undefined ? `${has}.` : `${has}, though there is a reason against it: ${why}.`;
  }
  if (account?.present === true) {
    const has = `${who} has a disabled account with the login "${account.login}"`;
    return why === undefined ? `${has}.` : `${has}, because ${why}.`;
  }
  const had = account === null ? '' : ` Gespage had one with the login "${account.login}"; it was removed.`;
  if (facts.login.heldBy !== null)
    return `${who} has no account, because the login is taken: see below.${had}`;
  if (decision === undefined)
    return `${who} has no account, because the user was never read from Entra.${had}`;
  if (why !== undefined) return `${who} has no account, because ${why}.${had}`;
  return facts.ready
    ? `${who} has no account yet, but should have one.${had}`
    : `${who} has no account yet, because the first complete reading of the tenant has not ended.${had}`;
}

/** What speaks against an enabled account, to follow "because". */
function reasonOf(decision: PersonFacts['decision']): string | undefined {
  if (decision === undefined || decision.kind === 'active') return undefined;
  if (decision.kind === 'unmappable') return decision.reason ?? decision.text;
  return decision.text.replace(/^has no enabled account because /, '');
}

function tenant(facts: PersonFacts): string {
  const names = [facts.userPrincipalName, `object id ${facts.id}`].filter((name) => name !== null).join(', ');
  switch (facts.state) {
    case 'present':
      return `In Entra the user exists (${names}).`;
    case 'soft-deleted':
      return `In Entra the user is deleted (${names}) and can be restored for about 30 days; the account then comes back.`;
    case 'gone':
      return `In Entra the user is gone for good (${names}).`;
    case 'unread':
      return `The object is known as a member of a group only (${names}): it is no user, or it was not read yet.`;
  }
}

function scope({ scope, state }: PersonFacts): string[] {
  if (state === 'unread' || state === 'gone') return [];
  if (scope.everyone) return ['The mapping names no scope groups, so everybody counts as in scope.'];
  if (scope.inside) {
    if (scope.paths.length === 0) return ['The person is in scope.'];
    return scope.paths.map((path) => {
      const names = path.map(({ name }) => `"${name}"`);
      const last = names.at(-1) ?? '';
      return names.length <= 1
        ? `In scope as a direct member of ${last}.`
        : `In scope as a member of ${names[0] ?? ''}, which is nested in ${names.slice(1).join(', in ')}.`;
    });
  }
  const direct = scope.directGroups.map(({ name }) => `"${name}"`);
  const shown = direct.slice(0, 10).join(', ');
  const sentences = [
    direct.length === 0
      ? 'Not in scope: no group has the person as a member.'
      : `Not in scope: none of the person's groups (${shown}${direct.length > 10 ? ', …' : ''}) is, or is nested in, a scope group.`,
  ];
  if (scope.unmatched.length > 0) {
    const names = scope.unmatched.map((name) => `"${name}"`).join(', ');
    sentences.push(
      `The tenant has no group for ${names}, which the mapping names under scope.groups: check the spelling.`,
    );
  }
  return sentences;
}

function login({ login, account }: PersonFacts): string[] {
  const sentences: string[] = [];
  if (login.wanted !== null && login.from !== null)
    sentences.push(`The login "${login.wanted}" comes from ${login.from}.`);
  if (login.heldBy !== null) {
    const { heldBy } = login;
    const holder = `${heldBy.displayName ?? heldBy.login} (${heldBy.id})`;
    sentences.push(
      `The login belongs to ${holder}, who had it first and keeps it; since ${login.since ?? 'the last change'} ` +
        `${account?.present === true ? `this person stays "${account.login}"` : 'this person waits'}. Give one of the two another ` +
        'login in Entra: it is settled by itself then.',
    );
  }
  return sentences;
}

function groups({ account, publishesGroups }: PersonFacts): string[] {
  if (account?.present !== true || !publishesGroups) return [];
  const names = account.groups.map(({ name }) => name).join(', ');
  return [
    names === ''
      ? 'The person is a member of none of the published groups.'
      : `Published groups of the person: ${names}.`,
  ];
}

function removal({ removal }: PersonFacts): string[] {
  if (removal === null) return [];
  const what = `The removal (${removal.how}, because ${removal.reason}, since ${removal.since})`;
  const hold = removal.holdId === null ? '' : `hold ${removal.holdId}`;
  switch (removal.state) {
    case 'proposed':
      return [`${what} is about to pass the guard against mass removal.`];
    case 'approved':
      return [`${what} is approved and is carried out next.`];
    case 'held':
      return [
        `${what} is held with others in ${hold}, because too many would go at once: "gespage-sync ${hold}" shows them, ` +
          'and "approve" or "discard" decides.',
      ];
    case 'kept':
      return [
        `${what} was discarded by an operator (${hold}), so the account stays; "gespage-sync ${hold} approve" still removes it.`,
      ];
  }
}

function future({ account, waiting, policy }: PersonFacts): string[] {
  const sentences: string[] = [];
  if (account?.present === true && account.disabledSince !== null) {
    sentences.push(
      account.deletedAfter === null
        ? `The account is disabled since ${account.disabledSince}.`
        : `The account is disabled since ${account.disabledSince} and is deleted after ${account.deletedAfter}, unless the person comes back.`,
    );
  }
  if (account?.present === true && account.enabled && policy === 'keep')
    sentences.push('The removal policy is "keep": nobody who leaves is disabled or deleted.');
  if (waiting) sentences.push('A change of this person is known and waits to be worked in.');
  return sentences;
}

function targets({ targets, account }: PersonFacts): string[] {
  return targets.map((target) => {
    if (target.refused !== null) return `The target ${target.name} refuses the person: ${target.refused}`;
    if (target.current)
      return account?.present === true
        ? `The target ${target.name} holds the account as it should be.`
        : `The target ${target.name} has no account of the person, as it should be.`;
    return target.failingSince === null
      ? `The target ${target.name} does not have the last change yet.`
      : `The target ${target.name} does not have the last change, since it cannot be written since ${target.failingSince}: ${target.error ?? ''}`;
  });
}

function past({ audit }: PersonFacts): string[] {
  const [last] = audit;
  if (last === undefined) return [];
  const parts = Object.keys(last.changes ?? {}).join(', ');
  const detail = [parts, last.reason].filter((part) => part !== '' && part !== null).join('; ');
  return [
    `Last change: ${last.action} at ${last.at}, because of ${last.cause}${detail === '' ? '' : ` (${detail})`}.`,
  ];
}
