// Owns working without the service: the lease first, then the parts, and only those loops that a verb needs.
import { setTimeout as sleep } from 'node:timers/promises';
import { openParts, type Parts } from '../compose.ts';
import { type Config, secretsOf } from '../config.ts';
import { createLog, type Log } from '../ops/log.ts';
import { type Lease, takeLease } from '../state/lease.ts';
import type { Io } from './io.ts';

const lookEveryMs = 200;
const tellEveryMs = 2_000;

/** The log of a verb: warnings, or everything with `--verbose`, on standard error. */
export function openLog(io: Io, config: Config): Log {
  return createLog({
    level: io.verbose ? config.log.level : 'error',
    format: 'pretty',
    destination: { write: (line) => io.err(line) },
    secrets: secretsOf(config),
  });
}

/** The same configuration without subscriptions: rounds alone, no public door. */
export function withoutSubscriptions(config: Config): Config {
  return { ...config, mode: 'polling', publicDoor: { ...config.publicDoor, urls: undefined } };
}

/**
 * Opens the parts and starts the loops whose names begin with one of `loops`; all of them are stopped afterwards. The
 * caller holds the lease.
 */
export async function withEngine<T>(
  config: Config,
  log: Log,
  loops: readonly string[],
  work: (parts: Parts) => Promise<T>,
): Promise<T> {
  const parts = openParts(config, log);
  try {
    for (const loop of parts.engine.loops()) {
      if (loops.some((name) => loop.status().name.startsWith(name))) loop.start();
    }
    return await work(parts);
  } finally {
    await parts.engine.stop();
    parts.close();
  }
}

/**
 * Looks again and again until `isOver`, telling what goes on.
 * @returns false when the operator interrupted, or when `until` (ms) came first.
 */
export async function waitFor(
  io: Io,
  options: { isOver: () => boolean; tell: () => string; until?: number; giveUp?: () => boolean },
): Promise<boolean> {
  let told = '';
  for (let toldAt = -Infinity; !options.isOver();) {
    if (io.signal.aborted || options.giveUp?.() === true) return false;
    if (options.until !== undefined && io.now() > options.until) return false;
    const text = options.tell();
    if (text !== told && io.now() - toldAt >= tellEveryMs) {
      io.progress(text);
      told = text;
      toldAt = io.now();
    }
    await sleep(lookEveryMs, undefined, { signal: io.signal }).catch(() => undefined);
  }
  return true;
}

/** Takes the lease as soon as nobody else has it: asked at most once a second. */
export function leaseWatch(statePath: string, now: () => number): { tryTake(): Lease | undefined } {
  let askedAt = now();
  return {
    tryTake() {
      if (now() - askedAt < 1_000) return undefined;
      askedAt = now();
      return takeLease(statePath);
    },
  };
}
