// Owns `npm run soak`: random histories for as long as one likes, or kills of the built product; exit code 1 on a failure.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { requireNode } from '../src/ops/node-version.ts';
import { readOptions, usage } from './soak/options.ts';

async function main(args: readonly string[]): Promise<number> {
  const tooOld = requireNode(process.version);
  const parsed = readOptions(args);
  if (tooOld !== undefined || !parsed.ok) {
    console.error(tooOld ?? (parsed.ok ? '' : `${parsed.problem}\n${usage}`));
    return 2;
  }
  const { options } = parsed;
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  const folder = await mkdtemp(path.join(tmpdir(), 'gespage-soak-'));
  try {
    const { run } = await (options.kind === 'crash'
      ? import('./soak/crash.ts')
      : import('./soak/histories.ts'));
    const failures = await run(options as never, folder, stop.signal);
    return failures > 0 ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main(process.argv.slice(2));
