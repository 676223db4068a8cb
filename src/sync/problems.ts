// Owns the sentences of the status: what is wrong, what it means, what to do about it.
import { credentialProblem } from './credential.ts';
import type { Status } from './status-model.ts';

/** One sentence or two for each thing that wants an operator's attention, the gravest first. */
export function findProblems(status: Omit<Status, 'problems'>): string[] {
  return [
    ...(status.storage === null ? [] : [status.storage]),
    ...holdProblems(status),
    ...groupProblems(status),
    ...groupNameProblems(status),
    ...credentialProblems(status),
    ...subscriptionProblems(status),
    ...streamProblems(status),
    ...targetProblems(status),
    ...triggerProblems(status),
    ...peopleProblems(status),
  ];
}

function holdProblems({ holds }: Pick<Status, 'holds'>): string[] {
  return holds.map(
    (hold) =>
      `Hold ${hold.id} keeps ${people(hold.people)} from being removed: more than the limit of ${hold.limit} within one ` +
      `hour. Look with "gespage-sync hold ${hold.id}", then add "approve" or "discard".`,
  );
}

function credentialProblems({
  at,
  credentialExpiresAt,
}: Pick<Status, 'at' | 'credentialExpiresAt'>): string[] {
  if (credentialExpiresAt === null) return [];
  const problem = credentialProblem(new Date(credentialExpiresAt), Date.parse(at));
  return problem === undefined ? [] : [problem];
}

function groupProblems({ refusedGroupLoss: loss }: Pick<Status, 'refusedGroupLoss'>): string[] {
  if (loss === null) return [];
  return [
    `The full round of groups at ${loss.at} lacked ${loss.unseen.toLocaleString('en')} of ` +
      `${loss.known.toLocaleString('en')} memberships, so it was not believed and they are kept. Look at the groups in ` +
      'Entra ID; if they are really gone, run "gespage-sync resync": it takes them away.',
  ];
}

function groupNameProblems({ renamedGroups: { count, first } }: Pick<Status, 'renamedGroups'>): string[] {
  const [one] = first;
  if (one === undefined) return [];
  return [
    `${count === 1 ? 'One published group has' : `${count} published groups have`} a name that another one has too, and so ` +
      `another name at the targets: ${one.wanted} is ${one.name}. Rename one of them in Entra ID, or publish one alone.`,
  ];
}

function subscriptionProblems(status: Omit<Status, 'problems'>): string[] {
  if (status.mode === 'polling') return [];
  return (['users', 'groups'] as const).flatMap((resource) => {
    const mine = status.subscriptions.filter((one) => one.resource === resource);
    if (mine.some((one) => one.state === 'active' || one.state === 'challenged')) return [];
    const why = mine.length === 0 ? 'there is none' : `it is ${mine[0]?.state ?? 'lost'}`;
    return [
      `No live subscription for ${resource} (${why}): their changes arrive with the delta rounds only. The service makes ` +
        'one by itself; if it stays so, run "gespage-sync check", then "gespage-sync renew".',
    ];
  });
}

function streamProblems({ streams, pausedUntil }: Pick<Status, 'streams' | 'pausedUntil'>): string[] {
  const problems = streams.flatMap((stream) => {
    if (stream.error !== null)
      return [
        `The stream of ${stream.name} failed ${times(stream.failures)} in a row and is tried again: ${stream.error}`,
      ];
    if (stream.lastFullRoundAt === null)
      return [
        `The stream of ${stream.name} was not read completely yet: until both are, no account is made or changed.`,
      ];
    return [];
  });
  if (pausedUntil !== null)
    problems.push(
      `Microsoft Graph asked to be left alone until ${pausedUntil}; the work goes on by itself then.`,
    );
  return problems;
}

function targetProblems({ targets, refusals }: Pick<Status, 'targets' | 'refusals'>): string[] {
  const problems = targets
    .filter((target) => target.failingSince !== null)
    .map(
      (target) =>
        `The target ${target.name} cannot be written since ${target.failingSince ?? ''} and lacks ` +
        `${target.behind} changes; it catches up by itself when it is back: ${target.error ?? 'no reason is known'}`,
    );
  if (refusals.count > 0)
    problems.push(
      `Targets refuse ${people(refusals.count)}; the others are written. "gespage-sync explain LOGIN" gives the ` +
        'reason; after it is mended, "gespage-sync resync" offers them again.',
    );
  return problems;
}

function triggerProblems({ trigger }: Pick<Status, 'trigger'>): string[] {
  if (trigger?.failingSince == null) return [];
  return [
    `The trigger cannot be called since ${trigger.failingSince} and is tried again; Gespage learns of changes by its own ` +
      `schedule meanwhile. ${trigger.error ?? ''}`.trimEnd(),
  ];
}

function peopleProblems({ issues, hiddenGroups }: Pick<Status, 'issues' | 'hiddenGroups'>): string[] {
  const problems: string[] = [];
  if (issues.collisions > 0)
    problems.push(
      `The login wanted for ${people(issues.collisions)} belongs to somebody else, who keeps it. Give one of each pair ` +
        'another login in Entra ID; it is settled by itself then.',
    );
  if (issues.failed > 0)
    problems.push(
      `${people(issues.failed)} could not be settled, which is a defect of the program: their accounts stay as they are. The log names them.`,
    );
  if (issues.withoutLogin > 0)
    problems.push(
      `For ${people(issues.withoutLogin)} no login can be made, so they have no account. "gespage-sync explain ID" says why.`,
    );
  if (hiddenGroups.count > 0)
    problems.push(
      `${hiddenGroups.count === 1 ? 'One group hides its members' : `${hiddenGroups.count} groups hide their members`} from ` +
        'this application and so looks empty. Grant the application permission Member.Read.Hidden if that matters to Gespage.',
    );
  return problems;
}

function people(count: number): string {
  return count === 1 ? 'one person' : `${count} people`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
