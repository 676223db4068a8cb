// Owns how drizzle is loaded: as CommonJS. Loaded as ES modules, Node reads drizzle's large package.json again for each
// of its hundreds of files, which costs half a second and 150 MiB at every start.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

export const { asc, desc, eq, inArray, isNotNull, sql } = load('drizzle-orm') as typeof import('drizzle-orm');
export const { index, integer, primaryKey, sqliteTable, text, uniqueIndex } = load(
  'drizzle-orm/sqlite-core',
) as typeof import('drizzle-orm/sqlite-core');
export const { drizzle } = load('drizzle-orm/better-sqlite3') as typeof import('drizzle-orm/better-sqlite3');
export const { readMigrationFiles } = load('drizzle-orm/migrator') as typeof import('drizzle-orm/migrator');
