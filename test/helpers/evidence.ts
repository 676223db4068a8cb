// Owns what is printed beside a failed property: everything that both sides know of the objects in question.
import Database from 'better-sqlite3';
import type { Emulator } from '../emulator/emulator.ts';

export const anId = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const mostObjects = 4;
const mostChanges = 12;

/** The truth, the mirror, the ledger, the pings, the audit and the streams, for the objects that the text names. */
export function gatherEvidence(
  tenant: Pick<Emulator, 'user' | 'group' | 'changesOf' | 'rounds'>,
  stateFile: string,
  text: string,
): string {
  const database = new Database(stateFile, { readonly: true });
  const rows = (sql: string, ...values: unknown[]): string[] =>
    database
      .prepare(sql)
      .all(...values)
      .map((row) => `    ${JSON.stringify(row)}`);
  const lines: string[] = [];
  const wanted = new Set(text.match(anId));
  let shown = 0;
  // Whoever is named on the way joins at the end.
  for (const id of wanted) {
    const truth = tenant.user(id) ?? tenant.group(id);
    if (!truth || (shown += 1) > mostObjects) continue;
    const named = rows(
      `SELECT detail FROM person_issue WHERE key = (SELECT key FROM directory_object WHERE id = ?)`,
      id,
    );
    for (const other of named.join().match(anId) ?? []) wanted.add(other);
    lines.push(`${id}:`, `  truth: ${JSON.stringify(truth)}`);
    lines.push(
      '  changes:',
      ...tenant
        .changesOf(id)
        .slice(-mostChanges)
        .map((change) => `    ${JSON.stringify(change)}`),
    );
    lines.push('  mirror:', ...rows('SELECT * FROM directory_object WHERE id = ?', id));
    const edges = `SELECT g.id AS in_group, e.nested, e.read FROM membership e JOIN directory_object g ON g.key = e.group_key
      JOIN directory_object m ON m.key = e.member_key WHERE m.id = ?`;
    lines.push('  memberships:', ...rows(edges, id));
    lines.push('  account:', ...rows('SELECT * FROM account WHERE external_id = ?', id));
    lines.push('  ping:', ...rows('SELECT * FROM ping WHERE object_id = ?', id));
    const of = 'WHERE key = (SELECT key FROM directory_object WHERE id = ?)';
    for (const table of ['unsettled', 'removal', 'person_issue'])
      lines.push(`  ${table}:`, ...rows(`SELECT * FROM ${table} ${of}`, id));
    lines.push(
      '  audit:',
      ...rows(`SELECT at, action, cause, reason, changes FROM audit ${of} ORDER BY id`, id),
    );
    lines.push(
      '  notifications:',
      ...rows(
        'SELECT received_at, verdict, event FROM notification WHERE object_id = ? ORDER BY id DESC LIMIT 5',
        id,
      ),
    );
  }
  lines.push(
    'streams:',
    ...rows(
      `SELECT name, round, round_read, sweep_read, full_read, full_wanted, due_at, completed_at, attempt, error FROM stream`,
    ),
  );
  lines.push('holds:', ...rows('SELECT * FROM hold'), `now: ${Date.now()}`);
  lines.push(
    'the last rounds at the tenant:',
    ...tenant
      .rounds()
      .slice(-6)
      .map((round) => `    ${JSON.stringify(round)}`),
  );
  database.close();
  return lines.join('\n');
}
