#!/usr/bin/env node
// Owns the start of the operator's command: the right Node first, then the verb.
import { readFileSync } from 'node:fs';
import { requireNode } from './ops/node-version.ts';

const tooOld = requireNode(process.version);
if (tooOld === undefined) {
  // Loaded only now: the database driver crashes an old Node.
  const { runCommand } = await import('./cli/run.ts');
  process.exitCode = await runCommand(process.argv.slice(2), {
    env: process.env,
    files: { read: (path) => readFileSync(path, 'utf8') },
    now: Date.now,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    onInterrupt(listener) {
      process.once('SIGINT', listener);
      process.once('SIGTERM', listener);
    },
  });
  // A connection that somebody else keeps open must not keep the command from ending.
  setTimeout(() => process.exit(), 2_000).unref();
} else {
  console.error(tooOld);
  process.exitCode = 2;
}
