// Owns what the tests of the configuration share: the smallest right environment, and files that are not there.
import { readConfig, type Config, type Environment, type FileReader } from '../../src/config.ts';

export const token = 'admin-token-of-thirty-two-chars!';
export const tenant = '11111111-2222-3333-4444-55555555555A';

/** The smallest environment that is complete. */
export const base: Environment = {
  AZURE_TENANT_ID: tenant,
  AZURE_CLIENT_ID: '66666666-7777-8888-9999-aaaaaaaaaaaa',
  AZURE_CLIENT_SECRET: 'client-secret-value',
  ADMIN_TOKEN: token,
};

export function filesWith(contents: Readonly<Record<string, string>> = {}): FileReader {
  return {
    read(path) {
      const text = Object.hasOwn(contents, path) ? contents[path] : undefined;
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
  };
}

export function failWith(code: string): FileReader {
  return {
    read() {
      throw Object.assign(new Error(code), { code });
    },
  };
}

export function configOf(changes: Environment = {}, files: Readonly<Record<string, string>> = {}): Config {
  const result = readConfig({ ...base, ...changes }, filesWith(files));
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.config;
}

export function problemsOf(changes: Environment, files: FileReader = filesWith()): string[] {
  const result = readConfig({ ...base, ...changes }, files);
  return result.ok ? [] : result.problems;
}

export function warningsOf(changes: Environment): string[] {
  return readConfig({ ...base, ...changes }, filesWith()).warnings;
}
