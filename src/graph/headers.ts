// Owns reading the headers of an answer, and of an answer inside a batch.

/** Headers as `fetch` gives them, or as a batch item carries them. */
export type HeaderSource = Headers | Readonly<Record<string, unknown>>;

/** No wait that Microsoft asks for is believed beyond this. */
const longestWaitMs = 24 * 60 * 60 * 1000;

/** A header's value, by name without regard to case; `undefined` when absent or not text. */
export function headerOf(headers: HeaderSource | undefined, name: string): string | undefined {
  if (headers === undefined || headers === null) return undefined;
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  if (typeof headers !== 'object') return undefined;
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() !== name) continue;
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
  }
  return undefined;
}

/**
 * The wait that `Retry-After` asks for, in milliseconds; `undefined` when there is none or it is not positive.
 * A date is measured against the answer's own `Date`, so that a wrong clock on this side does not matter.
 * @see https://learn.microsoft.com/graph/throttling
 */
export function retryAfterOf(headers: HeaderSource | undefined): number | undefined {
  const value = headerOf(headers, 'retry-after')?.trim();
  if (value === undefined || value === '') return undefined;
  const waitMs = /^\d+(\.\d+)?$/.test(value)
    ? Math.ceil(Number(value) * 1000)
    : Date.parse(value) - Date.parse(headerOf(headers, 'date') ?? '');
  return waitMs > 0 ? Math.min(waitMs, longestWaitMs) : undefined;
}

/** A header's value as a number that is not negative. */
export function numberHeaderOf(headers: HeaderSource | undefined, name: string): number | undefined {
  const value = headerOf(headers, name);
  if (value === undefined || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}
