// Owns serving: configuration to running service, and the exit code.
import { setFlagsFromString } from 'node:v8';
import { createService } from './compose.ts';
import { loadConfig, secretsOf } from './config.ts';
import { createLog } from './ops/log.ts';
import { runUntilSignal } from './ops/shutdown.ts';

const deadlineMs = 10_000;

/**
 * Left alone, V8 gives the youngest objects up to 100 MiB, and lets the others grow to several times their size before it
 * looks after them; a first sync is no faster for it. The databases have better use for the room.
 */
const keepHeapSmall = '--semi-space-growth-factor=1 --heap-growing-percent=100';

/** Runs the service until a signal ends it; a wrong configuration ends it at once with exit code 2. */
export async function serve(): Promise<void> {
  const result = loadConfig();
  if (!result.ok) {
    process.stderr.write(
      ['The configuration is not usable:', ...result.problems.map((problem) => `  - ${problem}`), ''].join(
        '\n',
      ),
    );
    for (const warning of result.warnings) process.stderr.write(`  (hint) ${warning}\n`);
    process.exitCode = 2;
    return;
  }
  const { config } = result;
  setFlagsFromString(keepHeapSmall);
  const log = createLog({ ...config.log, secrets: secretsOf(config) });
  for (const warning of result.warnings) log.warn(warning);
  const service = createService(config, log);
  await runUntilSignal({
    start: (signal) => service.start(signal),
    stop: () => service.stop(),
    deadlineMs,
    log,
    process,
  });
}
