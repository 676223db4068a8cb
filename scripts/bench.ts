// Owns `npm run bench`: runs the parts named on the command line (all by default), prints tables, writes JSON.
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import type { Part, Result } from './bench/result.ts';
import { renderRequirements, renderTable } from './bench/result.ts';

/** Each part is loaded only when it runs, so that none weighs on the figures of another. */
const parts: Readonly<Record<string, () => Promise<Part>>> = {
  ack: () => import('./bench/ack.ts'),
  'first-sync': () => import('./bench/first-sync.ts'),
  ldap: () => import('./bench/ldap.ts'),
};

const results = new URL('../bench/results/', import.meta.url);

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !(name in parts));
  if (unknown.length > 0) {
    console.error(
      `There is no benchmark ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.`,
    );
    return 2;
  }
  let met = true;
  for (const [name, load] of Object.entries(parts)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const part = await load();
    const result = await part.run();
    for (const table of result.tables) console.log(`\n${renderTable(table)}`);
    console.log(`\n${renderRequirements(result.requirements)}`);
    met &&= result.requirements.every((requirement) => requirement.met);
    await save(name, result);
  }
  return met ? 0 : 1;
}

async function save(name: string, result: Result): Promise<void> {
  await mkdir(results, { recursive: true });
  const cpus = os.cpus();
  const machine = {
    cpu: cpus[0]?.model ?? 'unknown',
    cpus: cpus.length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    platform: `${os.platform()} ${os.arch()}`,
    node: process.version,
  };
  const file = new URL(`${name}.json`, results);
  const content = { benchmark: name, at: new Date().toISOString(), machine, ...result };
  await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
  console.log(`\nWritten to bench/results/${name}.json`);
}

process.exitCode = await main(process.argv.slice(2));
