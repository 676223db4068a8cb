// Owns the proof that .env.example and the README say of the variables what the program does with them.
import { parseEnv } from 'node:util';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import {
  findEnvDocsDrift,
  renderEnvExample,
  renderVariablesTable,
  replaceVariablesTable,
  tableMarkers,
} from '../../scripts/env-docs.ts';
import { readConfig } from '../../src/config.ts';
import { variableList } from '../../src/config/variables.ts';

describe('.env.example', () => {
  it('and the table of the README are up to date (else run: node scripts/env-docs.ts)', () => {
    expect(findEnvDocsDrift().map(({ file }) => file)).toEqual([]);
  });

  it('names every variable once, in the order of the list', () => {
    const named = [...renderEnvExample().matchAll(/^(?:# )?([A-Z][A-Z_]+)=/gm)].map((match) => match[1]);
    expect(named).toEqual(variableList.map(({ name }) => name));
  });

  it('leaves to be filled in exactly what a start asks for', () => {
    const env = parseEnv(renderEnvExample());
    const result = readConfig(env, { read: () => '' });
    expect(result.ok ? [] : result.problems.map((problem) => problem.split(' ')[0])).toEqual([
      'AZURE_TENANT_ID',
      'AZURE_CLIENT_ID',
      'ADMIN_TOKEN',
      'AZURE_CLIENT_SECRET',
    ]);
  });

  it('means what the program does without it, once its comments are opened', () => {
    const filled = {
      AZURE_TENANT_ID: 'contoso.com',
      AZURE_CLIENT_ID: '66666666-7777-8888-9999-aaaaaaaaaaaa',
      AZURE_CLIENT_SECRET: 'value-of-the-secret',
      ADMIN_TOKEN: 'x'.repeat(32),
    };
    const opened = parseEnv(renderEnvExample().replaceAll(/^# ([A-Z][A-Z_]+=)/gm, '$1'));
    const files = { read: () => '' };
    expect(readConfig({ ...opened, ...filled }, files)).toEqual(readConfig(filled, files));
  });

  it('keeps its lines short', () => {
    for (const line of renderEnvExample().split('\n')) expect(line.length).toBeLessThanOrEqual(102);
  });
});

describe('the table of variables', () => {
  it('is already in the form that prettier gives it', async () => {
    const text = `# Title\n\n${tableMarkers.begin}\n\n${renderVariablesTable()}\n\n${tableMarkers.end}\n`;
    expect(await format(text, { parser: 'markdown' })).toBe(text);
  });

  it('replaces what stands between its markers, and nothing else', () => {
    const text = `before\n${tableMarkers.begin}\nold\n${tableMarkers.end}\nafter\n`;
    const made = replaceVariablesTable(text);
    expect(made).toMatch(
      /^before\n<!-- variables:begin -->\n\n\| Variable [\s\S]+\|\n\n<!-- variables:end -->\nafter\n$/,
    );
    expect(replaceVariablesTable(made ?? '')).toBe(made);
  });

  it('is not put where no markers are, or where they stand the wrong way round', () => {
    expect(replaceVariablesTable('nothing')).toBeUndefined();
    expect(replaceVariablesTable(tableMarkers.begin)).toBeUndefined();
    expect(replaceVariablesTable(`${tableMarkers.end}${tableMarkers.begin}`)).toBeUndefined();
  });
});
