// Owns the status as text for a terminal.
import type { Status } from '../sync/status.ts';
import { alignColumns, describeAge, describeCounts, describeTime } from './table.ts';

/** The problems first, then the figures. */
export function statusText(status: Status, service: 'running' | 'stopped'): string {
  const blocks = [
    [
      ...problemLines(status),
      ...(service === 'stopped' ? ['! The service does not run: nothing is kept equal now.'] : []),
    ].join('\n'),
    alignColumns(figures(status, service)),
    alignColumns(parts(status)),
    alignColumns(runs(status)),
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

function problemLines({ problems }: Status): string[] {
  return problems.map((problem) => `! ${problem}`);
}

function figures(status: Status, service: string): string[][] {
  const { counts, inbox, propagation } = status;
  const n = (value: number): string => value.toLocaleString('en');
  return [
    ['service', `${service}, ${status.mode}`],
    ['tenant', `${n(counts.users)} users, ${n(counts.groups)} groups, ${n(counts.memberships)} memberships`],
    ['accounts', `${n(counts.enabledAccounts)} enabled of ${n(counts.accounts)}`],
    [
      'inbox',
      `${n(inbox.depth)} waiting${inbox.oldestSeconds === null ? '' : `, oldest ${describeAge(inbox.oldestSeconds)}`}` +
        (status.unsettled === 0 ? '' : `; ${n(status.unsettled)} people to decide`),
    ],
    ['notified', status.lastNotificationAt === null ? 'never' : describeTime(status.lastNotificationAt)],
    ...(propagation === null
      ? []
      : [
          [
            'delay',
            `p50 ${propagation.p50.toFixed(2)} s, p95 ${propagation.p95.toFixed(2)} s, p99 ${propagation.p99.toFixed(2)} s`,
          ],
        ]),
  ];
}

function parts(status: Status): string[][] {
  return [
    ...status.subscriptions.map((one) => [
      'subscription',
      one.resource,
      one.state,
      one.expiresInSeconds > 0
        ? `ends in ${describeAge(one.expiresInSeconds)}`
        : `ended ${describeAge(one.expiresInSeconds)} ago`,
    ]),
    ...status.streams.map((one) => [
      'stream',
      one.name,
      one.error === null ? 'well' : 'failing',
      (one.lastRoundSecondsAgo === null
        ? 'never read completely'
        : `read ${describeAge(one.lastRoundSecondsAgo)} ago`) +
        (one.running === null
          ? ''
          : `; a ${one.running.kind} round is at ${one.running.objects.toLocaleString('en')} objects`),
    ]),
    ...status.targets.map((one) => [
      'target',
      one.name,
      one.failingSince === null ? 'well' : 'failing',
      one.behind === 0 ? 'up to date' : `${one.behind.toLocaleString('en')} changes behind`,
    ]),
    ...status.holds.map((one) => [
      'hold',
      String(one.id),
      'open',
      `${one.people} people since ${describeTime(one.createdAt)}`,
    ]),
  ];
}

function runs(status: Status): string[][] {
  return status.runs
    .slice(0, 5)
    .map((one) => [
      'run',
      describeTime(one.requestedAt),
      `${one.kind}${one.dryRun ? ' (dry run)' : ''}`,
      one.status,
      one.error ?? describeCounts(one.counts),
    ]);
}
