// Owns the plain status page: what an operator wants to know at a glance, from the same status as the API.
import { html } from 'hono/html';
import type { Status } from '../../sync/status.ts';
import { type Html, layout, topBar } from './layout.ts';

const refreshSeconds = 10;

export function statusPage(status: Status): Html {
  return layout(
    `${status.problems.length > 0 ? `(${status.problems.length}) ` : ''}Status · gespage-graph-sync`,
    html`${topBar('gespage-graph-sync')}
      <main>
        ${problems(status)} ${figures(status)} ${subscriptions(status)} ${streams(status)} ${targets(status)}
        ${holds(status)} ${runs(status)} ${people(status)}
      </main>
      <footer>
        As of <time datetime="${status.at}">${clock(status.at)}</time>; the page loads itself again every
        ${refreshSeconds} seconds. Times are UTC.
      </footer>`,
    { refreshSeconds },
  );
}

function problems({ problems: found }: Status): Html {
  if (found.length === 0) return html`<p class="good"><strong>All is well.</strong></p>`;
  return html`<section class="problems" aria-label="Problems">
    <h2>Wants attention</h2>
    <ul>
      ${found.map((problem) => html`<li>${problem}</li>`)}
    </ul>
  </section>`;
}

function figures(status: Status): Html {
  const { counts, propagation, inbox } = status;
  const entries: [string, string][] = [
    ['Mode', status.mode],
    ['Enabled accounts', number(counts.enabledAccounts)],
    ['Accounts', number(counts.accounts)],
    ['Users in the tenant', number(counts.users)],
    ['Groups', number(counts.groups)],
    ['Memberships', number(counts.memberships)],
    ['Waiting in the inbox', number(inbox.depth)],
    ['Last notification', status.lastNotificationAt === null ? 'none yet' : clock(status.lastNotificationAt)],
    ...(propagation === null
      ? []
      : ([
          ['Change to target, p50', seconds(propagation.p50)],
          ['p95', seconds(propagation.p95)],
          ['p99', seconds(propagation.p99)],
        ] satisfies [string, string][])),
  ];
  return html`<dl>
    ${entries.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function subscriptions({ subscriptions: list, mode }: Status): Html {
  if (mode === 'polling') return html``;
  return section('Subscriptions', ['Resource', 'State', 'Ends', 'In'], list, (one) => [
    one.resource,
    html`<span class="${one.state === 'active' ? 'good' : 'bad'}">${one.state}</span>`,
    clock(one.expiresAt),
    age(one.expiresInSeconds),
  ]);
}

function streams({ streams: list }: Status): Html {
  return section(
    'Delta streams',
    ['Stream', 'Last round', 'Last full round', 'Under way', 'State'],
    list,
    (one) => [
      one.name,
      one.lastRoundSecondsAgo === null ? 'never' : `${age(one.lastRoundSecondsAgo)} ago`,
      one.lastFullRoundAt === null ? 'never' : clock(one.lastFullRoundAt),
      one.running === null
        ? '–'
        : `${one.running.kind}: ${number(one.running.objects)} objects, ${number(one.running.pages)} pages`,
      one.error === null
        ? html`<span class="good">well</span>`
        : html`<span class="bad">${one.failures} failures: ${one.error}</span>`,
    ],
  );
}

function targets({ targets: list }: Status): Html {
  return section(
    'Targets',
    ['Target', 'Changes behind', 'Last written', 'Compared', 'State'],
    list,
    (one) => [
      one.name,
      number(one.behind),
      one.appliedAt === null ? 'never' : clock(one.appliedAt),
      one.comparedAt === null
        ? 'never'
        : html`${clock(one.comparedAt)}${one.repaired === 0 ? '' : `, ${number(one.repaired)} rows put right`}`,
      one.failingSince === null
        ? html`<span class="good">well</span>`
        : html`<span class="bad">failing since ${clock(one.failingSince)}: ${one.error ?? ''}</span>`,
    ],
  );
}

function holds({ holds: list }: Status): Html {
  if (list.length === 0) return html``;
  return section('Held removals', ['Hold', 'People', 'Limit', 'Since', 'Decide'], list, (one) => [
    String(one.id),
    number(one.people),
    number(one.limit),
    clock(one.createdAt),
    html`<code>gespage-sync hold ${one.id} approve|discard</code>`,
  ]);
}

function runs({ runs: list }: Status): Html {
  return section('Last runs', ['Asked', 'What', 'Status', 'Counts'], list, (one) => [
    html`<time datetime="${one.requestedAt}">${clock(one.requestedAt)}</time> by ${one.requestedBy}`,
    `${one.kind}${one.dryRun ? ' (dry run)' : ''}${one.person === null ? '' : ` of ${one.person}`}`,
    html`<span class="${one.status === 'failed' ? 'bad' : one.status === 'succeeded' ? 'good' : 'wait'}"
        >${one.status}</span
      >${one.error === null ? '' : `: ${one.error}`}`,
    Object.entries(one.counts ?? {})
      .map(([name, count]) => `${name} ${number(count)}`)
      .join(', '),
  ]);
}

function people({ issues, refusals }: Status): Html {
  return html`${
    issues.first.length === 0
      ? ''
      : section('People without the wanted login', ['Person', 'Since', 'Why'], issues.first, (one) => [
          html`<code>${one.person}</code>`,
          clock(one.since),
          one.detail,
        ])
  }
  ${
    refusals.first.length === 0
      ? ''
      : section('Refused by a target', ['Person', 'Target', 'Why'], refusals.first, (one) => [
          `${one.login} (${one.person})`,
          one.target,
          one.reason,
        ])
  }`;
}

function section<Row>(
  title: string,
  heads: readonly string[],
  rows: readonly Row[],
  cells: (row: Row) => readonly (string | Html)[],
): Html {
  return html`<section>
    <h2>${title}</h2>
    ${
      rows.length === 0
        ? html`<p>None yet.</p>`
        : html`<table>
            <thead>
              <tr>
                ${heads.map((head) => html`<th scope="col">${head}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${rows.map(
                (row) =>
                  html`<tr>
                    ${cells(row).map((cell) => html`<td>${cell}</td>`)}
                  </tr>`,
              )}
            </tbody>
          </table>`
    }
  </section>`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(2)} s` : age(value);
}

/** `2026-01-31 12:00:05` */
function clock(at: string): string {
  return at.slice(0, 19).replace('T', ' ');
}

function age(wholeSeconds: number): string {
  const left = Math.max(0, wholeSeconds);
  if (left < 120) return `${Math.round(left)} s`;
  if (left < 7_200) return `${Math.round(left / 60)} min`;
  return left < 172_800 ? `${Math.round(left / 3_600)} h` : `${Math.round(left / 86_400)} days`;
}
