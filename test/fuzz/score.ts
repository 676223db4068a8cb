// Owns the count of answers to generated requests, and the judgement of each.
import type { Verdict } from '../../src/state/inbox.ts';
import type { Exchange } from './exchange.ts';

export function createScore() {
  const statuses = new Map<string, number>();
  const sorts = new Map<string, number>();
  const items = new Map<Verdict, [number, number]>();
  const problems: string[] = [];
  const add = (map: Map<string, number>, name: string, count = 1): void =>
    void map.set(name, (map.get(name) ?? 0) + count);
  const sorted = (map: Map<string, number>): Record<string, number> =>
    Object.fromEntries([...map].sort(([one], [other]) => (one < other ? -1 : 1)));
  return {
    problems,
    statuses: () => sorted(statuses),
    sorts: () => sorted(sorts),
    items: () => items,
    take(exchange: Exchange, answers: readonly { status: number; body: string }[]): void {
      add(sorts, exchange.sort, exchange.requests);
      for (const { status } of answers) add(statuses, String(status));
      const missing = exchange.requests - answers.length;
      if (missing > 0) add(statuses, 'none', missing);
      const isWhole = missing <= 0;
      for (const [verdict, count] of Object.entries(exchange.items)) {
        const [least, most] = items.get(verdict as Verdict) ?? [0, 0];
        items.set(verdict as Verdict, [least + (isWhole ? count : 0), most + count]);
      }
      const wrong = findWrong(exchange, answers);
      if (wrong === undefined || problems.length >= 20) return;
      const bytes = Buffer.concat(exchange.pieces).subarray(0, 600).toString('latin1');
      problems.push(`${exchange.sort}: ${wrong}, after ${JSON.stringify(bytes)}`);
    },
  };
}

function findWrong(
  { then, requests, answers: expected, echo }: Exchange,
  answers: readonly { status: number; body: string }[],
): string | undefined {
  const stray = answers.find(({ status }) => !expected.includes(status));
  if (stray !== undefined) return `answered ${stray.status}`;
  if (then === 'keep' && answers.length < requests) return `${requests - answers.length} not answered`;
  if (echo !== undefined && answers[0]?.body !== echo) return 'the token came back changed';
  return undefined;
}

/** Items by verdict, as the metric tells them. */
export function readCounts(page: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, verdict = '', count = '0'] of page.matchAll(
    /^gespage_sync_notifications_total\{[^}]*verdict="([^"]+)"[^}]*\} (\S+)$/gm,
  )) {
    counts.set(verdict, (counts.get(verdict) ?? 0) + Number(count));
  }
  return counts;
}
