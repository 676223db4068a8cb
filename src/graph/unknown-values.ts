// Owns looking into values of which nothing is known, without ever throwing.

/** Whether a value has properties that can be read. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The value's properties; none for what has none. */
export function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

/** The value when it is text that is not empty, cut at `limit` characters. */
export function textOf(value: unknown, limit = 200): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, limit) : undefined;
}

/** A code or an id of which nothing is known, as it may stand in a message and in a log. */
export function codeOf(value: unknown): string | undefined {
  return textOf(value)?.replace(/[^\w.:-]+/g, '_');
}
