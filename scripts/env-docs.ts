// Owns what people read about the variables: .env.example and the README's table, both made from the one list.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { variableList, type Variable } from '../src/config/variables.ts';

export const tableMarkers = { begin: '<!-- variables:begin -->', end: '<!-- variables:end -->' } as const;

const envExampleUrl = new URL('../.env.example', import.meta.url);
const readmeUrl = new URL('../README.md', import.meta.url);

/** The text of .env.example: required variables empty (so that a start names them), the others as comments. */
export function renderEnvExample(variables: readonly Variable[] = variableList): string {
  const head = [
    '# Made by scripts/env-docs.ts from src/config/variables.ts; change it there.',
    '# Copy to .env, fill in, and start with: node --env-file=.env dist/main.js',
    '# An empty value counts as not set. Put a value that holds a # into quotation marks.',
    '# A secret can come from a file instead: set NAME_FILE to its path.',
  ];
  const blocks = variables.map((variable) => {
    const sentences = [variable.meaning, ...describeDuties(variable)].map((text) => `${text}.`).join(' ');
    const comment = wrap(sentences.replaceAll('`', ''), 100);
    const assignment = `${variable.name}=${variable.default ?? ''}`;
    return [...comment.map((line) => `# ${line}`), variable.required ? assignment : `# ${assignment}`];
  });
  return [head, ...blocks].map((lines) => `${lines.join('\n')}\n`).join('\n');
}

/** The Markdown table, in the form that prettier gives it. */
export function renderVariablesTable(variables: readonly Variable[] = variableList): string {
  const rows = [
    ['Variable', 'Default', 'Meaning'],
    ...variables.map((variable) => [
      `\`${variable.name}\`${variable.secret ? ' or `' + variable.name + '_FILE`' : ''}`,
      describeDefault(variable),
      variable.meaning.replaceAll('|', '\\|'),
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

/**
 * A text with the table between its markers brought up to date; everything else stays as it is.
 * @returns undefined where the markers are absent or in the wrong order
 */
export function replaceVariablesTable(text: string): string | undefined {
  const begin = text.indexOf(tableMarkers.begin);
  const end = text.indexOf(tableMarkers.end);
  if (begin === -1 || end < begin) return undefined;
  const before = text.slice(0, begin + tableMarkers.begin.length);
  return `${before}\n\n${renderVariablesTable()}\n\n${text.slice(end)}`;
}

/** A file that should be made anew, with the text that it should have. */
export interface Drift {
  readonly file: string;
  readonly url: URL;
  readonly wanted: string;
}

/** Compares the committed files with what the list says. A README without markers is none of this script's business. */
export function findEnvDocsDrift(): Drift[] {
  const readme = readIfThere(readmeUrl);
  const candidates = [
    { file: '.env.example', url: envExampleUrl, is: readIfThere(envExampleUrl), wanted: renderEnvExample() },
    { file: 'README.md', url: readmeUrl, is: readme, wanted: replaceVariablesTable(readme ?? '') },
  ];
  return candidates.flatMap(({ file, url, is, wanted }) =>
    wanted === undefined || is === wanted ? [] : [{ file, url, wanted }],
  );
}

/** Brings both files up to date and returns the names of those that were not. */
export function writeEnvDocs(): string[] {
  return findEnvDocsDrift().map(({ file, url, wanted }) => {
    writeFileSync(url, wanted);
    return file;
  });
}

function describeDefault(variable: Variable): string {
  if (variable.required) return 'required';
  if (variable.default !== undefined) return `\`${variable.default}\``;
  return variable.defaultNote ?? 'none';
}

/** What the line itself does not show; a default stands in the line. */
function describeDuties({ required, secret, defaultNote }: Variable): string[] {
  const note = required ? 'required' : defaultNote;
  const sentence = note === undefined ? [] : [`${note.charAt(0).toUpperCase()}${note.slice(1)}`];
  return secret ? [...sentence, 'Secret'] : sentence;
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

function readIfThere(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (process.argv.includes('--check')) {
    const stale = findEnvDocsDrift().map(({ file }) => file);
    if (stale.length > 0) console.error(`Not up to date: ${stale.join(', ')}. Run: node scripts/env-docs.ts`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    const written = writeEnvDocs();
    console.log(written.length > 0 ? `Written: ${written.join(', ')}.` : 'Everything is up to date.');
  }
}
