// Owns how tests run: in processes, quickly, and so that TLS trust and the environment of one never reach another.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

// Node keeps what it compiled and what it stripped of types: each process and thread of a test starts in half the time.
process.env['NODE_COMPILE_CACHE'] ??= path.join(import.meta.dirname, 'node_modules/.cache/node');

/** Tests that change what belongs to the whole process (whom it trusts by TLS), or that are long. */
const alone = [
  'test/cli*.test.ts',
  'test/{e2e,emulator,graph}/**/*.test.ts',
  'test/sync/convergence.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    // One more than there are cores: a part of the tests waits for timers, disks and other processes.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    setupFiles: ['test/helpers/no-secret.ts'],
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          // Loading the program's libraries anew for each file takes longer than most files.
          isolate: false,
          setupFiles: ['test/helpers/no-trace.ts'],
        },
      },
    ],
  },
});
