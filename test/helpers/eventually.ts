// Owns waiting in tests: for something to become true, never for a time to pass.
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again until `look` finds nothing wrong.
 * @param look gives what is still wrong: sentences, or one, or undefined (or an empty list) once all is well.
 * @throws Error with what was wrong at the last look.
 */
export async function eventually(
  look: () => readonly string[] | string | undefined | Promise<readonly string[] | string | undefined>,
  timeoutMs = 10_000,
): Promise<void> {
  const start = Date.now();
  const end = start + timeoutMs;
  for (;;) {
    const found = await look();
    const wrong = typeof found === 'string' ? [found] : (found ?? []);
    if (wrong.length === 0) return;
    if (Date.now() > end) {
      const more = wrong.length > 12 ? [`… and ${wrong.length - 12} more`] : [];
      throw new Error([`After ${timeoutMs} ms still:`, ...wrong.slice(0, 12), ...more].join('\n  - '));
    }
    // The longer it takes, the less a look more or less matters; looking costs the time of the work itself.
    await sleep(Math.min(30, 10 + (Date.now() - start) / 50));
  }
}

/** The same for a plain condition. */
export function eventuallyTrue(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  return eventually(async () => ((await holds()) ? undefined : `not so: ${what}`), timeoutMs);
}
