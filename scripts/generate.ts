// Owns the files of the repository that are made from the code: writes them, or with --check proves them current.
import { readFile, writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { mappingSchema } from '../src/accounts/mapping.ts';
import { sqlMappingSchema } from '../src/config/sql-mapping.ts';

/** A file made from the code; `path` is relative to the repository's root. */
export interface GeneratedFile {
  readonly path: string;
  readonly render: () => string;
}

/** Add further generated files here; prettier lays them out by their ending. */
export const generatedFiles: readonly GeneratedFile[] = [
  { path: 'mapping.schema.json', render: () => renderSchema(mappingSchema) },
  { path: 'sql-mapping.schema.json', render: () => renderSchema(sqlMappingSchema) },
];

const root = new URL('../', import.meta.url);

function renderSchema(schema: z.ZodType): string {
  // Editors know draft 7 best; `input`, since what has a default may be left out of the file.
  return JSON.stringify(z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }), null, 2);
}

/** The exact text that the file should have. */
export async function renderFile(file: GeneratedFile): Promise<string> {
  const target = new URL(file.path, root);
  const options = await resolveConfig(target);
  return format(file.render(), { ...options, filepath: file.path });
}

/** The generated files whose committed text differs from what the code gives, or that are missing. */
export async function findStaleFiles(): Promise<string[]> {
  const stale: string[] = [];
  for (const file of generatedFiles) {
    const committed = await readFile(new URL(file.path, root), 'utf8').catch(() => null);
    if (committed !== (await renderFile(file))) stale.push(file.path);
  }
  return stale;
}

async function writeAll(): Promise<void> {
  for (const file of generatedFiles) {
    await writeFile(new URL(file.path, root), await renderFile(file));
    console.log(`written: ${file.path}`);
  }
}

async function check(): Promise<void> {
  const stale = await findStaleFiles();
  for (const path of stale) {
    console.error(`${path} is not what the code gives; run "node scripts/generate.ts" and commit the result`);
  }
  if (stale.length > 0) process.exitCode = 1;
  else console.log(`current: ${generatedFiles.map(({ path }) => path).join(', ')}`);
}

if (import.meta.main) await (process.argv.includes('--check') ? check() : writeAll());
