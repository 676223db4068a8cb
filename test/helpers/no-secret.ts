// Owns the guard over every file of tests: no secret of its configuration stands in any line that it made the product write.
import { afterAll, expect } from 'vitest';
import { secretWatch } from './secret-watch.ts';

afterAll(() => {
  expect(secretWatch.takeFindings(), 'secrets in log lines or printed text').toEqual([]);
});
