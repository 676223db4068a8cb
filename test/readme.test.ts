// Owns the proof that the README is true where a program can tell: commands, variables, verbs, metrics, routes, links.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultMapping, parseMapping } from '../src/accounts/mapping.ts';
import { settingSchemas } from '../src/config/schema.ts';
import { variableList } from '../src/config/variables.ts';
import { createMetrics } from '../src/ops/metrics.ts';

const readme = readFileSync('README.md', 'utf8');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** Fenced blocks in order, with their language. */
const blocks = [...readme.matchAll(/^ *```(\w*)\n([\s\S]*?)\n *```$/gm)].map((match) => ({
  language: match[1] ?? '',
  text: match[2] ?? '',
}));

/** Outside of fenced blocks, where headings, links and code in the line stand. */
const prose = readme.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');

const inCode = [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');

/** The body of the table whose first column has this heading. */
function readTable(heading: string): string[][] {
  const lines = readme.split('\n');
  const head = lines.findIndex((line) => line.startsWith(`| ${heading} `));
  const rest = lines.slice(head + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end).map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

describe('the commands of the README', () => {
  it('begin with the demo and the tests', () => {
    expect(blocks.slice(0, 2).map(({ text }) => text)).toEqual([
      'npm ci && npm run demo',
      'npm ci && npm test',
    ]);
  });

  it('name only scripts that package.json has', () => {
    const named = [...readme.matchAll(/npm run ([a-z][a-z:-]*)/g)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(5);
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
    expect(scripts).toHaveProperty('test');
    expect(scripts).toHaveProperty('start');
  });
});

describe('the variables of the README', () => {
  it('are all in the table, in the order of the list', () => {
    const named = readTable('Variable').map((row) => /`([A-Z_]+)`/.exec(row[1] ?? '')?.[1]);
    expect(named).toEqual(variableList.map(({ name }) => name));
    expect([...named].sort()).toEqual(Object.keys(settingSchemas).sort());
  });

  it('exist wherever the text names one', () => {
    const known = new Set<string>(variableList.map(({ name }) => name));
    const ours =
      /\b(?:AZURE|GRAPH|PUBLIC|LISTEN|ADMIN|STATE|MAPPING|GESPAGE|POLL|SWEEP|FULL|REMOVAL|LOG)_[A-Z_]+\b/g;
    const named = [...readme.matchAll(ours)].map((match) => match[0].replace(/_FILE$/, ''));
    // MAPPING_FILE is a name of its own, not MAPPING as a file.
    const unknown = named.filter((name) => !known.has(name) && !known.has(`${name}_FILE`));
    expect([...new Set(unknown)]).toEqual([]);
  });
});

describe('the verbs of the README', () => {
  // A name in a variable, so that the compiler does not insist on a file that is made later.
  const place = '../src/cli/verbs.ts';
  const exists = existsSync(new URL(place, import.meta.url));
  if (!exists) console.warn('SKIPPED: the verbs of the README, since src/cli/verbs.ts does not exist yet.');

  it.skipIf(!exists)('are those of the command line, each with its words, in the same order', async () => {
    const { verbs } = (await import(place)) as { verbs: readonly { name: string; takes: string }[] };
    const named = readTable('Verb').map((row) => (row[1] ?? '').replaceAll('`', '').replaceAll('\\|', '|'));
    expect(named).toEqual(verbs.map(({ name, takes }) => `${name} ${takes}`.trim()));
  });

  it.skipIf(!exists)('exist wherever a command is shown', async () => {
    const { verbs } = (await import(place)) as { verbs: readonly { name: string }[] };
    const shown = [...readme.matchAll(/(?:npm run cli --|dist\/cli\.js|npx gespage-sync) ([a-z]+)/g)];
    expect(shown.length).toBeGreaterThan(3);
    const unknown = shown
      .map((match) => match[1])
      .filter((name) => !verbs.some((verb) => verb.name === name));
    expect(unknown).toEqual([]);
  });
});

describe('what the README says of the running service', () => {
  it('names every metric, and none that does not exist', async () => {
    const { body } = await createMetrics({ processMetrics: false }).render();
    const real = [...body.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? '');
    const named = [...readme.matchAll(/gespage_sync_[a-z_]+/g)].map((match) => match[0]);
    // Tables at the target bear the same prefix.
    const tables = ['gespage_sync_state', 'gespage_sync_row', 'gespage_sync_pending'];
    expect([...new Set(named)].filter((name) => !tables.includes(name)).sort()).toEqual(
      expect.arrayContaining(real.sort()),
    );
    expect(named.filter((name) => ![...real, ...tables, 'gespage_sync'].includes(name))).toEqual([]);
  });

  it('shows the mapping that holds by default', () => {
    const shown = blocks.find(({ language }) => language === 'json')?.text ?? '';
    expect(parseMapping(shown)).toEqual({ ok: true, mapping: defaultMapping() });
    expect(`${shown}\n`).toBe(readFileSync('mapping.example.json', 'utf8'));
  });
});

describe('the links of the README', () => {
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');

  it('lead to files that exist', () => {
    const files = targets
      .filter((target) => !/^(https?:|#)/.test(target))
      .map((target) => target.split('#')[0] ?? '');
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  });

  it('lead to headings that exist', () => {
    const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map((match) => toAnchor(match[1] ?? ''));
    const anchors = targets.filter((target) => target.startsWith('#')).map((target) => target.slice(1));
    expect(anchors.length).toBeGreaterThan(0);
    expect(anchors.filter((anchor) => !headings.includes(anchor))).toEqual([]);
    expect(new Set(headings).size).toBe(headings.length);
  });

  it('go outside by https alone', () => {
    expect(targets.filter((target) => target.startsWith('http:'))).toEqual([]);
  });
});

describe('the files that the README names', () => {
  it('exist, where they belong to the repository', () => {
    const paths = inCode.filter((text) => /^(?:src|test|scripts|bench|\.ci)\/[\w./-]*$/.test(text));
    // Made by the benchmarks.
    expect(paths.filter((path) => path !== 'bench/results/' && !existsSync(path))).toEqual([]);
  });
});

/** As GitHub does it: lower case, punctuation away, spaces to dashes. */
function toAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}
