// Owns a SQL target in a thread of its own.
import { threadFile } from '../../ops/thread-file.ts';
import type { Target } from '../target.ts';
import { createTargetThread } from '../thread/target-thread.ts';
import type { SqlTargetOptions } from './create-sql-target.ts';

/** Small limits: a target's thread holds one batch at a time. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/** The same target as `createSqlTarget`, at work in a thread. */
export function createThreadedSqlTarget(name: string, options: SqlTargetOptions): Target {
  return createTargetThread({
    name,
    file: threadFile(import.meta.url, 'target-thread'),
    data: options,
    resourceLimits,
  });
}
