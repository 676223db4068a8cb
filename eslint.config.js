// Owns the lint rules: type-aware correctness, and the rooms of the house (who may import whom).
import tseslint from 'typescript-eslint';

/** Each room may import only itself and the rooms named here; what is not named is refused. */
const rooms = {
  ops: [],
  accounts: [],
  graph: ['ops'],
  gespage: ['accounts', 'ops'],
  state: ['accounts', 'ops'],
  sync: ['state', 'gespage', 'graph', 'accounts', 'ops'],
  webhook: ['sync', 'state', 'ops'],
  admin: ['sync', 'state', 'accounts', 'ops'],
};

const roomRules = Object.entries(rooms).map(([room, below]) => {
  const forbidden = Object.keys(rooms).filter((other) => other !== room && !below.includes(other));
  return {
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^\\.\\./(\\.\\./)?(${[...forbidden, 'main\\.ts', 'cli', 'compose\\.ts', 'serve\\.ts', 'config'].join('|')})(/|$)`,
              message: `src/${room} knows only ${below.join(', ') || 'itself'}.`,
            },
          ],
        },
      ],
    },
  };
});

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'coverage', 'data', 'eslint.config.js', 'scripts/*.mjs'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'The environment is read in src/config.ts alone.' },
      ],
      'no-console': 'error',
    },
  },
  {
    files: ['scripts/**', 'test/**', '*.config.ts', 'src/config.ts', 'src/main.ts', 'src/cli.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-console': 'off' },
  },
  {
    // Objects of closures have no `this` to lose.
    files: ['test/**', 'scripts/**'],
    rules: { '@typescript-eslint/unbound-method': 'off', '@typescript-eslint/no-base-to-string': 'off' },
  },
  {
    files: ['src/accounts/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', 'Date', 'process', 'fetch', 'setTimeout', 'crypto', 'performance'],
    },
  },
  ...roomRules,
);
