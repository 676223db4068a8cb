// Owns the filling of the embedded standard tables from the ledger's own file: by statements within SQLite, since row by
// row through this process takes several times as long.
import type { FieldName } from '../../accounts/model.ts';
import type { LedgerSource, Position } from '../target.ts';
import type { Statements } from './engine.ts';
import {
  accountTable,
  fieldColumns,
  groupNameLength,
  groupTable,
  idLength,
  loginLength,
  membershipTable,
  ownRowTable,
  stateKey,
  stateTable,
} from './tables.ts';

/** The schema under which the ledger's file is read. */
export const ledgerName = 'ledger';

/**
 * Fills empty tables with all that the attached ledger holds.
 * @returns the position reached and the number of accounts; undefined where the tables are not empty, or where somebody
 * cannot be written and has to be refused: nothing was written then.
 */
export function fillTables(
  { all, run }: Statements,
  source: LedgerSource,
  fields: readonly FieldName[],
  at: string,
): { position: Position; accounts: number } | undefined {
  for (const table of [accountTable, groupTable, ownRowTable, membershipTable, stateTable])
    if (all(`SELECT 1 AS found FROM ${table} LIMIT 1`).length > 0) return undefined;
  if (all(`${findMisfits(source, fields)} LIMIT 1`).length > 0) return undefined;

  const columns = fields.map((field) => fieldColumns[field].name);
  run(
    `INSERT INTO ${accountTable} (external_id, login, enabled, updated_at${columns.map((name) => `, ${name}`).join('')})
     SELECT external_id, login, enabled, ?${columns.map((name) => `, nullif(${name}, '')`).join('')}
     FROM (${source.accounts})`,
    at,
  );
  run(
    `INSERT INTO ${groupTable} (external_id, name, updated_at) SELECT external_id, name, ? FROM (${source.groups})`,
    at,
  );
  for (const table of [accountTable, groupTable])
    run(`INSERT INTO ${ownRowTable} (external_id) SELECT external_id FROM ${table} ORDER BY external_id`);
  run(
    `INSERT INTO ${membershipTable} (account_id, group_id)
     SELECT a.external_id, g.value FROM (${source.accounts}) a, json_each(a.groups) g WHERE a.groups <> '[]'`,
  );
  const [row] = all(source.revision);
  const position = { ledgerId: source.ledgerId, revision: Number(row?.['revision']) };
  run(
    `INSERT INTO ${stateTable} (id, ledger_id, revision, updated_at) VALUES (?, ?, ?, ?)`,
    stateKey,
    position.ledgerId,
    position.revision,
    at,
  );
  const [count] = all(`SELECT count(*) AS accounts FROM ${accountTable}`);
  return { position, accounts: Number(count?.['accounts']) };
}

/** Whoever the tables cannot hold: see `acceptable.ts`, which says why. */
function findMisfits(source: LedgerSource, fields: readonly FieldName[]): string {
  const texts: [string, number][] = [
    ['external_id', idLength],
    ['login', loginLength],
    ...fields.map((field): [string, number] => [fieldColumns[field].name, fieldColumns[field].length]),
  ];
  const misfit = ([name, length]: [string, number]): string =>
    `octet_length(${name}) > ${length} AND length(${name}) > ${length} OR instr(${name}, char(0)) > 0`;
  return `SELECT 1 AS found FROM (${source.accounts}) WHERE external_id = '' OR login = '' OR ${texts.map(misfit).join(' OR ')}
    UNION ALL SELECT 1 FROM (${source.groups})
    WHERE external_id = '' OR name = '' OR ${misfit(['external_id', idLength])} OR ${misfit(['name', groupNameLength])}`;
}
