// Owns the verb check: every part of the set-up tested, each failure with what to click or set.
import { existsSync } from 'node:fs';
import { unmatchedPatterns } from '../accounts/scope.ts';
import { type Config, readConfig } from '../config.ts';
import { StateError } from '../state/database.ts';
import { viewStreams } from '../state/overview.ts';
import { wayBack } from '../state/trouble.ts';
import { checkFile } from './check-file.ts';
import { checkGraph } from './check-graph.ts';
import { checkLdap } from './check-ldap.ts';
import { checkPublicUrl } from './check-public.ts';
import { checkSql } from './check-target.ts';
import { isServed, withRooms } from './database.ts';
import { checkTrigger } from './check-trigger.ts';
import { failed, type Finding, note, ok } from './finding.ts';
import type { Io, Outcome } from './io.ts';
import { alignColumns } from './table.ts';

/** Exit code 2 where the configuration is wrong, 1 where another part fails. */
export async function check(io: Io): Promise<Outcome> {
  const result = readConfig(io.env, io.files);
  const hints = result.warnings.map((warning) => note('configuration', warning));
  if (!result.ok) {
    const problems = result.problems.map((problem): Finding => ({
      part: 'configuration',
      verdict: 'failed',
      what: problem,
    }));
    return conclude([...problems, ...hints], 2);
  }
  const { config } = result;
  const { served, findings: state } = await lookAtState(config);
  const findings = [
    ok('configuration', `Every variable is usable; mode: ${config.mode}.`),
    ...hints,
    ...state,
  ];
  io.progress('asking Microsoft …');
  findings.push(...(await checkGraph(config, io)));
  if (config.mode === 'notifications') io.progress('asking PUBLIC_URL …');
  findings.push(...(await checkPublicUrl(config, io, served)), ...(await checkTargets(config, io, served)));
  return conclude(findings, findings.some(({ verdict }) => verdict === 'failed') ? 1 : 0);
}

const marks = { ok: 'ok', note: 'note', failed: 'FAILED', skipped: 'skipped' } as const;

function conclude(findings: readonly Finding[], code: 0 | 1 | 2): Outcome {
  const rows = findings.flatMap(({ part, verdict, what, advice }) => [
    [marks[verdict], part, what],
    ...(advice === undefined ? [] : [['', '', `-> ${advice}`]]),
  ]);
  const count = findings.filter(({ verdict }) => verdict === 'failed').length;
  const end =
    count === 0 ? 'All is well.' : count === 1 ? 'One thing is wrong.' : `${count} things are wrong.`;
  return { code, data: { ok: count === 0, findings }, text: `${alignColumns(rows)}\n\n${end}` };
}

async function lookAtState(config: Config): Promise<{ served: boolean; findings: Finding[] }> {
  try {
    const served = isServed(config.state.path);
    return { served, findings: await checkState(config, served) };
  } catch (error) {
    // The message says what to do as well.
    if (error instanceof StateError) return { served: false, findings: [failed('state', error.message)] };
    throw error;
  }
}

async function checkState(config: Config, served: boolean): Promise<Finding[]> {
  const { path } = config.state;
  if (!existsSync(path)) {
    return [note('state', `There is no state database at ${path} yet; the service makes it when it starts.`)];
  }
  return withRooms(path, (rooms) => {
    rooms.meta.flush();
    const verdict = rooms.state.sql('PRAGMA quick_check(1)').pluck().get() as string;
    if (verdict !== 'ok') {
      const what = `The state database ${path} is damaged: ${verdict.replaceAll('\n', ' ')}.`;
      return [failed('state', what, wayBack(path))];
    }
    const who = served ? 'The service runs on it.' : 'No service runs on it now.';
    const findings = [
      ok('state', `The state database ${path} is whole, writable and of the present schema. ${who}`),
    ];
    const isRead = viewStreams(rooms.state).filter((stream) => stream.fullCompletedAt !== null).length === 2;
    return isRead ? [...findings, ...checkGroupNames(config, [...rooms.reach.groups()])] : findings;
  });
}

/** A group name that is spelt wrong puts nobody in scope, in silence. */
function checkGroupNames({ mapping }: Config, groups: Parameters<typeof unmatchedPatterns>[1]): Finding[] {
  return (
    [
      ['scope.groups', mapping.scope.groups],
      ['groups.publish', mapping.groups.publish],
      ['groups.never', mapping.groups.never],
    ] as const
  ).flatMap(([place, patterns]) => {
    const unknown = unmatchedPatterns(patterns, groups);
    if (unknown.length === 0) return [];
    const names = unknown.map((name) => `"${name}"`).join(', ');
    return [
      note(
        'mapping',
        `The tenant, as last read, has no group for ${names} under ${place}.`,
        'Check the spelling in MAPPING_FILE.',
      ),
    ];
  });
}

async function checkTargets(config: Config, io: Io, served: boolean): Promise<Finding[]> {
  const { sql, ldap, file } = config.targets;
  return [
    ...(sql ? await checkSql(config, sql) : []),
    ...(ldap ? await checkLdap(config, ldap, served, io.now()) : []),
    ...(file ? [await checkFile(file.path)] : []),
    ...(config.trigger ? [await checkTrigger(config.trigger)] : []),
  ];
}
