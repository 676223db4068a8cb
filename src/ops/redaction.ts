// Owns what may stand in a log line: fields made plain, known secrets taken out by name, by shape and by value.

/** Stands where a secret stood. */
export const secretMark = '[secret]';

const longestText = 4_000;
const longestList = 100;
const deepest = 8;

/**
 * Names whose value is never written. Compared without case, `-`, `_`, `.` and `@`, and found anywhere in the
 * name, so that `x-gespage-clientState` and `@odata.deltaLink` are caught too.
 */
const secretNames =
  /authorization|clientstate|token|password|passphrase|secret|cookie|deltalink|nextlink|privatekey|assertion|apikey|connectionstring/;

const secretShapes: readonly [RegExp, string][] = [
  [/\b(bearer|basic)\s+[\w.~+/=-]{16,}/gi, `$1 ${secretMark}`],
  [/(\b[a-z][a-z\d+.-]*:\/\/[^\s/:@]*:)[^\s@/]+@/gi, `$1${secretMark}@`],
  [
    /((?:\$|%24)?(?:deltatoken|skiptoken)|validationtoken|client_secret|client_assertion|access_token|refresh_token)(=|%3d)[^&\s"'<>]+/gi,
    `$1$2${secretMark}`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, secretMark],
];

/** Makes fields fit for a log line: JSON values only, of bounded size, without what a name or shape gives away. */
export function cleanFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return cleanRecord(Object.entries(fields), 0, new Set([fields]));
}

/** Takes out of a text what looks like a credential, and bounds its length. */
export function cleanText(text: string): string {
  const bounded =
    text.length > longestText ? `${text.slice(0, longestText)}… (${text.length} characters)` : text;
  return secretShapes.reduce((rest, [shape, mark]) => rest.replace(shape, mark), bounded);
}

function cleanRecord(
  entries: readonly [string, unknown][],
  depth: number,
  above: ReadonlySet<object>,
): Record<string, unknown> {
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      hidesSecret(name, value) ? secretMark : cleanValue(value, depth, above),
    ]),
  );
}

/** Numbers, flags and times tell nothing: `tokenExpiresAt` and `secretsFound: 2` stay readable. */
function hidesSecret(name: string, value: unknown): boolean {
  if (value === null || value === undefined || value instanceof Date) return false;
  if (typeof value === 'number' || typeof value === 'boolean') return false;
  return secretNames.test(name.toLowerCase().replace(/[-_.@\s]/g, ''));
}

function cleanValue(value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  switch (typeof value) {
    case 'string':
      return cleanText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
    case 'symbol':
      return value.toString();
    case 'function':
      return '[function]';
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : cleanObject(value, depth, above);
  }
}

function cleanObject(value: object, depth: number, above: ReadonlySet<object>): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (value instanceof URL) return cleanText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (above.has(value)) return '[circular]';
  if (depth >= deepest) return '[deeper]';
  const within = new Set(above).add(value);
  if (value instanceof Error) return cleanError(value, depth + 1, within);
  if (value instanceof Map) return cleanList([...(value as Map<unknown, unknown>)], depth, within);
  if (value instanceof Set) return cleanList([...(value as Set<unknown>)], depth, within);
  if (Array.isArray(value)) return cleanList(value, depth, within);
  return cleanRecord(Object.entries(value), depth + 1, within);
}

function cleanList(list: readonly unknown[], depth: number, above: ReadonlySet<object>): unknown[] {
  const kept = list.slice(0, longestList).map((item) => cleanValue(item, depth + 1, above));
  return list.length > longestList ? [...kept, `… (${list.length} items)`] : kept;
}

/**
 * Of an error only what is named here: libraries hang whole requests, headers and bodies on theirs, and
 * drizzle writes the parameters of a failed query into the message.
 */
function cleanError(error: Error, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  const { code, status, statusCode, cause, errors } = error as Error & Record<string, unknown>;
  const message = withoutParameters(error.message);
  const clean: Record<string, unknown> = { type: error.name, message: cleanText(message) };
  for (const [name, value] of Object.entries({ code, status, statusCode }))
    if (typeof value === 'string' || typeof value === 'number') clean[name] = cleanValue(value, depth, above);
  if (error.stack !== undefined)
    clean['stack'] = cleanText(error.stack.replace(error.message, () => message));
  if (cause !== undefined) clean['cause'] = cleanValue(cause, depth, above);
  if (Array.isArray(errors)) clean['errors'] = cleanList(errors, depth, above);
  return clean;
}

function withoutParameters(message: string): string {
  const at = message.indexOf('\nparams: ');
  return at === -1 ? message : `${message.slice(0, at)}\nparams: [left out]`;
}

/**
 * The last line of defence: makes a function that takes every configured secret out of a finished JSON line,
 * however it got there. Values shorter than six characters are not hunted; the holes would give them away.
 */
export function createSecretFilter(secrets: readonly string[]): (line: string) => string {
  const wanted = [...new Set(secrets.flatMap(waysToWrite))]
    .filter((text) => text.length >= 6)
    .sort((a, b) => b.length - a.length);
  const inLine = wanted.map((text) => JSON.stringify(text).slice(1, -1));
  const hide = (text: string): string => wanted.reduce((rest, one) => rest.replaceAll(one, secretMark), text);

  return (line) => {
    if (!inLine.some((text) => line.includes(text))) return line;
    const end = line.endsWith('\n') ? '\n' : '';
    return JSON.stringify(hideWithin(JSON.parse(line), hide)) + end;
  };
}

/** As it is, and as a form body or URL would carry it. */
function waysToWrite(secret: string): string[] {
  const encoded = encodeURIComponent(secret.toWellFormed());
  return [secret, encoded, encoded.replaceAll('%20', '+')];
}

/** Works on values, not on the text of the line, so that the line stays JSON whatever the secret looks like. */
function hideWithin(value: unknown, hide: (text: string) => string): unknown {
  if (typeof value === 'string') return hide(value);
  if (typeof value === 'number') return hide(String(value)) === String(value) ? value : secretMark;
  if (Array.isArray(value)) return value.map((item) => hideWithin(item, hide));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [hide(name), hideWithin(item, hide)]),
  );
}
