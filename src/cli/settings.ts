// Owns how much configuration a verb needs: all of it for work, next to nothing for a look.
import { compileMapping, type CompiledMapping } from '../accounts/decide.ts';
import { defaultMapping, parseMapping, type Mapping } from '../accounts/mapping.ts';
import type { RemovalPolicy } from '../accounts/plan.ts';
import { collectVariables, readNamedFile } from '../config/environment.ts';
import { settingSchemas, type Settings } from '../config/schema.ts';
import { type Config, readConfig } from '../config.ts';
import { CommandFailure, type Io } from './io.ts';

/** What looking at the state database takes. */
export interface LookSettings {
  readonly statePath: string;
  readonly mapping: CompiledMapping;
  readonly policy: RemovalPolicy;
  readonly graceDays: number;
}

/** The whole configuration. @throws CommandFailure (2) that names every problem. */
export function requireConfig(io: Io): Config {
  const result = readConfig(io.env, io.files);
  if (!result.ok) throw wrongConfiguration(result.problems);
  return result.config;
}

/** The whole configuration, or undefined where it is not complete: for work that can also wait for the service. */
export function findConfig(io: Io): Config | undefined {
  const result = readConfig(io.env, io.files);
  return result.ok ? result.config : undefined;
}

type LookName = 'STATE_PATH' | 'PUBLIC_URL' | 'MAPPING_FILE' | 'REMOVAL_POLICY' | 'REMOVAL_GRACE_DAYS';

/** STATE_PATH alone. @throws CommandFailure (2) */
export function requireStatePath(io: Io): string {
  return readSetting(io, 'STATE_PATH');
}

/** How the service learns of changes, by PUBLIC_URL. @throws CommandFailure (2) */
export function requireMode(io: Io): Config['mode'] {
  return readSetting(io, 'PUBLIC_URL') === undefined ? 'polling' : 'notifications';
}

/** What a look needs; secrets and addresses may be missing. @throws CommandFailure (2) */
export function requireLookSettings(io: Io): LookSettings {
  return {
    statePath: requireStatePath(io),
    mapping: compileMapping(readMapping(io, readSetting(io, 'MAPPING_FILE'))),
    policy: readSetting(io, 'REMOVAL_POLICY'),
    graceDays: readSetting(io, 'REMOVAL_GRACE_DAYS'),
  };
}

function readSetting<Name extends LookName>(io: Io, name: Name): Settings[Name] {
  const { values } = collectVariables(io.env, io.files);
  const result = settingSchemas[name].safeParse(values.get(name));
  if (result.success) return result.data as Settings[Name];
  throw wrongConfiguration(result.error.issues.map(({ message }) => `${name} ${message}.`));
}

function readMapping(io: Io, file: string | undefined): Mapping {
  if (file === undefined) return defaultMapping();
  const text = readNamedFile(io.files, file);
  if (!text.ok) throw wrongConfiguration([`MAPPING_FILE ${text.problem}.`]);
  const result = parseMapping(text.value);
  if (!result.ok) throw wrongConfiguration(result.problems.map((problem) => `MAPPING_FILE: ${problem}.`));
  return result.mapping;
}

function wrongConfiguration(problems: readonly string[]): CommandFailure {
  const count = problems.length === 1 ? 'One setting is' : `${problems.length} settings are`;
  return new CommandFailure(2, `${count} missing or wrong, so nothing was done.`, ...problems);
}
