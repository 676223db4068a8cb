// Owns the judgement of memory: whether it stays level once a process is warm.
import { readFileSync } from 'node:fs';

export interface Sample {
  /** How much of the work was done, from 0 to 1. */
  readonly at: number;
  readonly bytes: number;
}

export interface Level {
  readonly warm: number;
  readonly end: number;
  readonly highest: number;
  readonly isLevel: boolean;
}

/** How much more the end may have than the second tenth of the work. */
export interface Allowance {
  readonly share: number;
  readonly bytes: number;
}

/** Of memory as the system sees it: V8 collects late where there is room. */
export const resident: Allowance = { share: 0.25, bytes: 48 * 2 ** 20 };
/** Of what is alive right after a collection. */
export const alive: Allowance = { share: 0.1, bytes: 8 * 2 ** 20 };

/** Compares the second tenth of the work with the last. */
export function judgeMemory(samples: readonly Sample[], allowed: Allowance): Level {
  const warm = median(samples.filter(({ at }) => at >= 0.1 && at <= 0.2)) ?? median(samples) ?? 0;
  const end = median(samples.filter(({ at }) => at >= 0.9)) ?? warm;
  const highest = Math.max(0, ...samples.map(({ bytes }) => bytes));
  return { warm, end, highest, isLevel: end <= warm * (1 + allowed.share) + allowed.bytes };
}

export function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function median(samples: readonly Sample[]): number | undefined {
  const sizes = samples.map(({ bytes }) => bytes).sort((a, b) => a - b);
  return sizes[Math.floor(sizes.length / 2)];
}

/** Of a process, in bytes; undefined where the system does not tell. */
export function rssOf(pid: number | undefined): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
