// Owns the check of the SQL target: reached, of the right shape, and with the rights that writing takes.
import { compileMapping } from '../accounts/decide.ts';
import { fieldNames } from '../accounts/model.ts';
import type { Config } from '../config.ts';
import type { SqlTarget } from '../config/sql-url.ts';
import type { SqlTargetOptions } from '../gespage/sql/connection.ts';
import { createSqlTarget } from '../gespage/sql/create-sql-target.ts';
import { inspectSqlTarget } from '../gespage/sql/inspect-sql-target.ts';
import { failed, type Finding, note, ok } from './finding.ts';

/** The SQL target of a configuration, to be worked with in this thread. */
export function sqlTargetOptions(
  { targets: { sqlMapping }, mapping }: Config,
  sql: SqlTarget,
): SqlTargetOptions {
  const { ownedFields, onceFields } = compileMapping(mapping);
  return {
    url: sql.kind === 'sqlite' ? `sqlite:${sql.path}` : sql.url,
    fields: fieldNames.filter((name) => !ownedFields.includes(name)),
    onceFields,
    mapping: sqlMapping,
  };
}

/** Looks before anything is written; only then are the standard tables made, where they are missing. */
export async function checkSql(config: Config, sql: SqlTarget): Promise<Finding[]> {
  const { sqlMapping } = config.targets;
  const options = sqlTargetOptions(config, sql);
  const where = sql.kind === 'sqlite' ? `sqlite: ${sql.path}` : `${sql.kind}: ${sql.database} on ${sql.host}`;
  try {
    const { problems, notes, missing } = await inspectSqlTarget(options);
    const hints = notes.map((text) => note('target', text));
    if (sqlMapping !== undefined) hints.push(...describeOwnRisk(missing));
    if (problems.length > 0)
      return [...problems.map(({ what, advice }) => failed('target', what, advice)), ...hints];
    if (sqlMapping === undefined) await openOnce(options);
    return [ok('target', `${where} is reachable, and its tables are as they should be.`), ...hints];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [failed('target', message, 'Check GESPAGE_SQL_URL, and the rights of its user.')];
  }
}

async function openOnce(options: SqlTargetOptions): Promise<void> {
  const target = createSqlTarget(options);
  try {
    await target.open();
  } finally {
    await target.close();
  }
}

function describeOwnRisk(missing: readonly string[]): Finding[] {
  const risk = note(
    'target',
    'The tables are those that GESPAGE_SQL_MAPPING_FILE names. If they are a source that Gespage reads, all is well.',
    "If they are Gespage's own tables, you do this at your own risk: their structure is not publicly documented and may change with any update. Make a backup first, and ask your reseller.",
  );
  if (missing.length === 0) return [risk];
  const made = note(
    'target',
    `${missing.join(', ')}: bookkeeping of this program that does not exist yet.`,
    'It is made beside your tables at the first start, which takes the right CREATE there.',
  );
  return [risk, made];
}
