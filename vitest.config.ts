// Owns how tests run: in few processes, each file leaving its process as it found it; the long files first.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

// Node keeps what it compiled and what it stripped of types: each process and thread of a test starts in half the time.
process.env['NODE_COMPILE_CACHE'] ??= path.join(import.meta.dirname, 'node_modules/.cache/node');

/** The long ones: a process for each, and started first, so that none of them is still under way at the end. */
const alone = [
  'test/cli*.test.ts',
  'test/e2e/{process,restarts,mass-removal}.test.ts',
  'test/sync/convergence.test.ts',
  'test/gespage/sql-{convergence,target}.test.ts',
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
