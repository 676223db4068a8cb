// Owns the raw side of the environment: what is set at all, secrets that come as files, names that nobody knows.
import { accept, refuse, type Parsed } from './parsed.ts';
import { variableList, type VariableName } from './variables.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a whole text file; throws as `node:fs` does. */
export interface FileReader {
  read(path: string): string;
}

/** What was found, before anybody looked at what it means. */
export interface Found {
  readonly values: ReadonlyMap<VariableName, string>;
  /** Variables that already have a problem, so that "is not set" would be a second one for the same fault. */
  readonly spoilt: ReadonlySet<VariableName>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Collects the known variables, with defaults. An empty text counts as absent everywhere. */
export function collectVariables(env: Environment, files: FileReader): Found {
  const values = new Map<VariableName, string>();
  const spoilt = new Set<VariableName>();
  const problems: string[] = [];
  for (const variable of variableList) {
    const found = variable.secret
      ? findSecret(env, variable.name, files)
      : accept(presentIn(env, variable.name)?.trim());
    if (!found.ok) {
      problems.push(found.problem);
      spoilt.add(variable.name);
      continue;
    }
    const value = found.value ?? variable.default;
    if (value !== undefined) values.set(variable.name, value);
  }
  return {
    values,
    spoilt,
    problems,
    warnings: findStrangers(env),
  };
}

/** Reads a file that a variable names, with the failure in words that follow the variable's name. */
export function readNamedFile(files: FileReader, path: string): Parsed<string> {
  try {
    return accept(files.read(path));
  } catch (error) {
    return refuse(describeReadFailure(error));
  }
}

function presentIn(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value.trim() === '' ? undefined : value;
}

/** The problem names the variable itself and repeats no path: people put the secret there by mistake. */
function findSecret(env: Environment, name: VariableName, files: FileReader): Parsed<string | undefined> {
  const byValue = presentIn(env, name);
  const path = presentIn(env, `${name}_FILE`)?.trim();
  if (path === undefined) return accept(byValue);
  if (byValue !== undefined)
    return refuse(
      `${name} and ${name}_FILE are both set, so it cannot be told which counts; remove one of them.`,
    );
  const text = readNamedFile(files, path);
  if (!text.ok) return refuse(`${name}_FILE ${text.problem}.`);
  const value = text.value.replace(/^\uFEFF/, '').replace(/[\r\n]+$/, '');
  if (value.trim() === '') return refuse(`${name}_FILE names an empty file; write the secret into it.`);
  return accept(value);
}

function describeReadFailure(error: unknown): string {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'names a file that does not exist; set it to the path of an existing one';
    case 'EACCES':
    case 'EPERM':
      return 'names a file that this user may not read; give the service the right to read it';
    case 'EISDIR':
      return 'names a directory; set it to the path of a file';
    default:
      return `names a file that could not be read (${code}); set it to the path of a readable one`;
  }
}

const prefixes = [...new Set(variableList.map(({ name }) => `${name.split('_')[0] ?? name}_`))];

/** From this length on, two wrong letters are a slip in any part of the name, the prefix too. */
const longName = 12;

/** Hints at names that look like ours and are not. Others use AZURE_ and LOG_ too, so a hint is all it can be. */
function findStrangers(env: Environment): string[] {
  const known = new Set<string>(
    variableList.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])),
  );
  return Object.keys(env)
    .filter((name) => presentIn(env, name) !== undefined && !known.has(name))
    .filter(
      (name) => name.length >= longName || prefixes.some((prefix) => name.toUpperCase().startsWith(prefix)),
    )
    .sort()
    .flatMap((name) => describeStranger(name, [...known]));
}

function describeStranger(name: string, known: readonly string[]): string[] {
  const plain = known.find((one) => `${one}_FILE` === name);
  if (plain !== undefined)
    return [`${name} is not known and has no effect: only a secret can come as a file. Set ${plain}.`];
  const near = known.find(
    (one) => Math.abs(one.length - name.length) <= 2 && distance(name.toUpperCase(), one) <= 2,
  );
  if (near !== undefined) return [`${name} is not known and has no effect. Did you mean ${near}?`];
  if (/^(GESPAGE|REMOVAL)_/.test(name)) return [`${name} is not known and has no effect.`];
  return [];
}

/** How many letters must be added, removed, changed or swapped with their neighbour (optimal string alignment). */
export function distance(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const changed = one[row - 1] === other[column - 1] ? 0 : 1;
      let least = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + changed,
      );
      if (row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1])
        least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] ?? 0;
}
