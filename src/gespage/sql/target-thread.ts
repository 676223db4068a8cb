// Owns the thread of a SQL target.
import { workerData } from 'node:worker_threads';
import { serveTarget } from '../thread/serve-target.ts';
import { createSqlTarget, type SqlTargetOptions } from './create-sql-target.ts';

serveTarget(() => createSqlTarget(workerData as SqlTargetOptions));
