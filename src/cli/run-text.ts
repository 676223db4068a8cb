// Owns the end of a run as text: what was done, what is held, what a dry run would do.
import type { RunStatus } from '../sync/status.ts';
import { alignColumns, describeCounts } from './table.ts';

interface PlannedPerson {
  readonly id: string;
  readonly login: string;
  readonly action: string;
  readonly changes: Readonly<Record<string, readonly [unknown, unknown]>> | null;
}

const shownPeople = 50;

export function runText(
  run: RunStatus & { readonly plan: unknown },
  behind: readonly { readonly name: string; readonly error: string | null }[],
  served: boolean,
): string {
  const lines = run.dryRun ? planLines(run) : [endLine(run)];
  for (const target of behind) {
    lines.push(
      `The target ${target.name} could not be written (${target.error ?? 'no reason is known'}). ` +
        (served
          ? 'It catches up by itself when it is back.'
          : 'It catches up when the service, or this command, runs again.'),
    );
  }
  return lines.join('\n');
}

function endLine(run: RunStatus): string {
  switch (run.status) {
    case 'failed':
      return `The resync failed: ${run.error ?? 'no reason is known'} Nothing was removed because of it.`;
    case 'held':
      return `The resync is done (${describeCounts(run.counts)}), but ${heldPart(run.counts)}`;
    case 'queued':
    case 'running':
    case 'succeeded':
      return `The resync is done: ${describeCounts(run.counts)}.`;
  }
}

function heldPart(counts: RunStatus['counts']): string {
  const memberships = counts?.['heldMemberships'] ?? 0;
  const removals = 'removals are held for approval: look with "gespage-sync holds".';
  if (memberships === 0) return removals;
  return (
    `${memberships.toLocaleString('en')} memberships that it did not show are kept: if they are really gone, run this ` +
    `command once more.${(counts?.['held'] ?? 0) > 0 ? ` And ${removals}` : ''}`
  );
}

function planLines(run: RunStatus & { readonly plan: unknown }): string[] {
  if (run.status === 'failed')
    return [`The dry run failed: ${run.error ?? 'no reason is known'} Nothing was changed.`];
  const { people = [] } = (run.plan ?? {}) as { people?: readonly PlannedPerson[] };
  const rows = people
    .slice(0, shownPeople)
    .map((person) => [person.action, person.login, person.id, changesOf(person)]);
  return [
    `A resync would do this (nothing was changed): ${describeCounts(run.counts)}.`,
    ...(rows.length === 0 ? [] : [alignColumns(rows, '  ')]),
    ...(people.length > shownPeople
      ? [`  … and more; --json lists the first ${people.length.toLocaleString('en')}`]
      : []),
    ...(run.status === 'held'
      ? ['The removals would be held for approval, since they are more than the limit.']
      : []),
  ];
}

function changesOf({ changes }: PlannedPerson): string {
  return Object.entries(changes ?? {})
    .map(([field, [before, after]]) => `${field}: ${show(before)} -> ${show(after)}`)
    .join('; ');
}

function show(value: unknown): string {
  return value === null || value === undefined ? 'nothing' : JSON.stringify(value);
}
