// Owns timestamps as Graph writes them: `Z` or `+00:00`, with none to seven digits of a second.
import type { Random } from './random.ts';

/** Writes an instant (ms) in one of the forms seen on the wire; never later than the instant itself. */
export function graphTime(ms: number, random: Random): string {
  const iso = new Date(ms).toISOString();
  const digits = random.int(0, 7);
  const fraction = digits === 0 ? '' : `.${iso.slice(20, 23).padEnd(7, '0').slice(0, digits)}`;
  return `${iso.slice(0, 19)}${fraction}${random.chance(0.3) ? '+00:00' : 'Z'}`;
}
