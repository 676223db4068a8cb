// Owns where the embedded target of a history works: mostly in the thread of its service, as the targets on servers do.
// To start a thread at each of some thirty restarts takes longer than all that the history does.
import { registerHooks } from 'node:module';

const threaded = new URL('../../src/gespage/sql/threaded-target.ts', import.meta.url).href;

/** Stands in place of the module; what it would have given is reached by an address of its own. */
const choosing = `
import { createSqlTarget } from './create-sql-target.ts';
import { createThreadedSqlTarget as inThread } from './threaded-target.ts?own.ts';
export const createThreadedSqlTarget = (name, options) =>
  globalThis.soakInThread ? inThread(name, options) : createSqlTarget(options);`;

declare global {
  var soakInThread: boolean | undefined;
}

/** Before the product is imported. */
export function letTargetsChoose(): void {
  registerHooks({
    load: (url, context, next) =>
      url === threaded ? { format: 'module', source: choosing, shortCircuit: true } : next(url, context),
  });
}

/** One history in four has its target in a thread of its own, as the product does. */
export function chooseThread(seed: number): void {
  globalThis.soakInThread = seed % 4 === 0;
}
