// Owns the proof that secrets can come as files, and that wrong files are explained.
import { describe, expect, it } from 'vitest';
import { type Config } from '../../src/config.ts';
import { configOf, failWith, filesWith, problemsOf } from './environment.ts';

describe('secrets from files', () => {
  const sources = [
    [
      'AZURE_CLIENT_SECRET',
      (config: Config) => config.azure.credential,
      { kind: 'secret', secret: 'from-the-file-0123456789-0123456789' },
    ],
    ['ADMIN_TOKEN', (config: Config) => config.adminDoor.token, 'from-the-file-0123456789-0123456789'],
  ] as const;

  it.each(sources)(
    '%s can come as a file, with or without a line end or a byte order mark',
    (name, pick, wanted) => {
      for (const frame of ['X', 'X\n', 'X\r\n', 'X\n\n', '\uFEFFX']) {
        const text = frame.replace('X', 'from-the-file-0123456789-0123456789');
        expect(
          pick(configOf({ [name]: undefined, [`${name}_FILE`]: '/run/secret' }, { '/run/secret': text })),
        ).toEqual(wanted);
      }
    },
  );

  it('takes the database address from a file instead of its default', () => {
    const config = configOf({ GESPAGE_SQL_URL_FILE: '/f' }, { '/f': 'postgres://u:p@h/d\n' });
    expect(config.targets.sql).toMatchObject({ kind: 'postgres', host: 'h', database: 'd' });
  });

  it.each(['AZURE_CLIENT_SECRET', 'ADMIN_TOKEN', 'GESPAGE_SQL_URL'])('%s may not come both ways', (name) => {
    const changes = { [name]: 'sqlite:x-0123456789-0123456789-0123456789', [`${name}_FILE`]: '/f' };
    expect(problemsOf(changes, filesWith({ '/f': 'x' }))).toEqual([
      `${name} and ${name}_FILE are both set, so it cannot be told which counts; remove one of them.`,
    ]);
  });

  it.each([
    ['ENOENT', 'does not exist'],
    ['EACCES', 'may not read'],
    ['EISDIR', 'names a directory'],
    ['EIO', 'could not be read (EIO)'],
  ])('says why a file cannot be read (%s), once', (code, words) => {
    const problems = problemsOf({ ADMIN_TOKEN: undefined, ADMIN_TOKEN_FILE: '/f' }, failWith(code));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^ADMIN_TOKEN_FILE names /);
    expect(problems[0]).toContain(words);
  });

  it.each(['', '\n', ' \r\n'])('refuses an empty file (%j) [pitfall 18]', (text) => {
    const problems = problemsOf(
      { AZURE_CLIENT_SECRET: '', AZURE_CLIENT_SECRET_FILE: '/f' },
      filesWith({ '/f': text }),
    );
    expect(problems).toEqual(['AZURE_CLIENT_SECRET_FILE names an empty file; write the secret into it.']);
  });
});
