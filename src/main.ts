#!/usr/bin/env node
// Owns the start of the service: the right Node, the configuration, then run until told to stop.
import { requireNode } from './ops/node-version.ts';

const tooOld = requireNode(process.version);
if (tooOld === undefined) {
  // Loaded only now: the database driver crashes an old Node.
  const { serve } = await import('./serve.ts');
  await serve();
} else {
  console.error(tooOld);
  process.exitCode = 2;
}
