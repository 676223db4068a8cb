// Owns the shapes of Graph's answers: status, headers, body, and the error body with its inner error.

export type Answer = { status: number; headers: Record<string, string>; body: string };

/** What every route is given. `query` keeps the raw text after the question mark. */
export type GraphRequest = {
  method: string;
  /** Without `/v1.0`, decoded segments. */
  segments: readonly string[];
  path: string;
  rawQuery: string;
  headers: Readonly<Record<string, string | undefined>>;
  body: string;
  roles: ReadonlySet<string>;
  inBatch: boolean;
};

export function jsonAnswer(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return textAnswer(status, JSON.stringify(body), headers);
}

/** An answer whose JSON text is already written. */
export function textAnswer(status: number, body: string, headers: Record<string, string> = {}): Answer {
  const type =
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8';
  return { status, headers: { 'content-type': type, ...headers }, body };
}

export function emptyAnswer(status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: '' };
}

/** Graph's error body; `inner` merges into the inner error, where the more exact code often stands. */
export function errorAnswer(
  status: number,
  code: string,
  message: string,
  extra: { headers?: Record<string, string>; inner?: Record<string, unknown>; innerName?: string } = {},
): Answer {
  const innerError = {
    date: new Date().toISOString().slice(0, 19),
    'request-id': crypto.randomUUID(),
    'client-request-id': crypto.randomUUID(),
    ...extra.inner,
  };
  return jsonAnswer(
    status,
    { error: { code, message, [extra.innerName ?? 'innerError']: innerError } },
    extra.headers,
  );
}

export function notFound(id: string): Answer {
  return errorAnswer(
    404,
    'Request_ResourceNotFound',
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );
}

export function denied(): Answer {
  return errorAnswer(
    403,
    'Authorization_RequestDenied',
    'Insufficient privileges to complete the operation.',
  );
}

export function badRequest(message: string, code = 'BadRequest'): Answer {
  return errorAnswer(400, code, message);
}

/** The query options by lower-case name, percent-decoded, in order. */
export function parseQuery(rawQuery: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQuery)) options.set(name.toLowerCase(), value);
  return options;
}
