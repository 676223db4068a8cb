// Owns the proof of what GESPAGE_TRIGGER_URL may be, and that no sentence repeats any part of it.
import { describe, expect, it } from 'vitest';
import { secretsOf } from '../../src/config.ts';
import { configOf, problemsOf } from './environment.ts';

const triggerOf = (text: string) => configOf({ GESPAGE_TRIGGER_URL: text }).trigger;

describe('GESPAGE_TRIGGER_URL', () => {
  it('is split into address, host and credentials, all of them secret', () => {
    const config = configOf({
      GESPAGE_TRIGGER_URL: 'https://us%40er:pa%3Ass@print.example:8443/run?key=k3y',
    });
    expect(config.trigger).toEqual({
      url: 'https://print.example:8443/run?key=k3y',
      host: 'print.example:8443',
      credentials: { username: 'us@er', password: 'pa:ss' },
    });
    expect(secretsOf(config)).toEqual(
      expect.arrayContaining(['pa:ss', 'https://print.example:8443/run?key=k3y']),
    );
  });

  it.each([
    'http://localhost:9000/',
    'http://127.0.0.1/x',
    'http://[::1]:9/',
    'http://10.0.0.7/',
    'http://172.16.0.1/',
    'http://172.31.9.9/',
    'http://192.168.1.5/run',
    'http://[fd00::5]/',
    'http://printserver/run',
    'https://example.org/run',
  ])('may be %s', (text) => expect(triggerOf(text)?.url).toBe(text));

  it.each([
    'http://example.org/k3y',
    'http://172.32.0.1/k3y',
    'http://8.8.8.8/k3y',
    'http://[2001:db8::1]/k3y',
    'ftp://printserver/k3y',
    'printserver/k3y',
    'https://example.org/k3y#part',
  ])('may not be %s', (text) => {
    const [problem, ...others] = problemsOf({ GESPAGE_TRIGGER_URL: text });
    expect(problem).toMatch(/^GESPAGE_TRIGGER_URL (is not a web address|begins with http:|must not hold #)/);
    expect(problem).not.toContain('k3y');
    expect(others).toEqual([]);
  });
});

describe('GESPAGE_FILE_PATH', () => {
  it.each([
    ['./data/accounts.csv', 'csv'],
    ['C:\\share\\Accounts.XLSX', 'xlsx'],
  ])('may be %s', (path, kind) => {
    expect(configOf({ GESPAGE_FILE_PATH: path }).targets).toEqual({ sql: undefined, file: { path, kind } });
  });

  it.each(['accounts', 'accounts.xls', 'accounts.csv/', '.csv', 'folder/.xlsx'])('may not be %s', (path) => {
    expect(problemsOf({ GESPAGE_FILE_PATH: path })).toEqual([
      'GESPAGE_FILE_PATH must be the path of a file that ends in .csv or .xlsx, for example ./data/accounts.csv.',
    ]);
  });
});
