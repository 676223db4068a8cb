// Owns the text of an adoption: who is taken over with what would change, and who is not and why.
import type { Adopted, AdoptionPlan, ColumnChange, Match } from '../gespage/sql/adopt.ts';
import { alignColumns } from './table.ts';

const shown = 50;

/** First what is done or would be, then everybody who is left out. */
export function adoptionText(
  plan: AdoptionPlan,
  { adopted, failed }: Adopted,
  delivery: 'none' | 'delivered' | 'later',
  dryRun: boolean,
): string {
  const { by, matches, ambiguous, blocked, unknownRows, unknownPeople, ownRows } = plan;
  return [
    `Compared by ${by}: ${count(ownRows, 'row')} of this program already, ${count(matches.length, 'row')} of others with exactly one person.`,
    section(dryRun ? 'Would be adopted' : 'Matched', matches, matchLines),
    section('Not adopted, since the match is not clear', ambiguous, ({ value, rows, people }) => [
      `${value}: rows ${rows.map(({ key }) => key).join(', ')}; people ${people.map(({ externalId }) => externalId).join(', ')}`,
    ]),
    section('Not adopted, since the row could not be kept equal', blocked, ({ key, login, reason }) => [
      `${key} (${login}): ${reason}`,
    ]),
    section('Rows of nobody who is to have an account', unknownRows, ({ key, login }) => [
      key === login ? key : `${key} (${login})`,
    ]),
    section('People without a row of theirs in this table', unknownPeople, ({ login, externalId }) => [
      `${login} (${externalId})`,
    ]),
    section('Could not be adopted', failed, ({ key, login, reason }) => [`${key} (${login}): ${reason}`]),
    dryRun
      ? 'Nothing was changed. Without --dry-run the matched rows are adopted.'
      : `${count(adopted.length, 'row')} adopted. ${endings[adopted.length === 0 ? 'none' : delivery]}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const endings = {
  none: 'Nothing was changed.',
  delivered: 'The running service has brought them to the state of the tenant.',
  later:
    'The service brings them to the state of the tenant as soon as it runs and the target can be written.',
} as const;

function count(n: number, what: string): string {
  return `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
}

function section<T>(title: string, items: readonly T[], lines: (item: T) => string[]): string {
  if (items.length === 0) return '';
  const body = items.slice(0, shown).flatMap(lines);
  const rest =
    items.length > shown
      ? [`… and ${(items.length - shown).toLocaleString('en')} more; --json lists them`]
      : [];
  return [
    `${title} (${items.length.toLocaleString('en')}):`,
    ...[...body, ...rest].map((line) => `  ${line}`),
  ].join('\n');
}

function matchLines({ key, login, newLogin, externalId, changes }: Match): string[] {
  const head = `${key === login ? key : `${key} (${login})`} becomes ${newLogin} (${externalId})${changes.length === 0 ? ', unchanged' : ':'}`;
  const rows = changes.map(({ column, before, after }) => [column, `${show(before)} -> ${show(after)}`]);
  return [
    head,
    ...alignColumns(rows, '  ')
      .split('\n')
      .filter((line) => line !== ''),
  ];
}

function show(value: ColumnChange['before']): string {
  return value === null ? 'empty' : JSON.stringify(value);
}
