// Owns errors as the private door gives them: application/problem+json in plain words (RFC 9457).
import type { Context } from 'hono';

/** What a handler throws to answer with a problem. `detail` says what happened and what to do. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: ProblemStatus;
  readonly detail: string;
  readonly errors: readonly string[] | undefined;

  constructor(status: ProblemStatus, detail: string, errors?: readonly string[]) {
    super(detail);
    this.status = status;
    this.detail = detail;
    this.errors = errors;
  }
}

export type ProblemStatus = keyof typeof titles;

const titles = {
  400: 'The request is not as it should be',
  401: 'Not signed in',
  403: 'Not allowed from there',
  404: 'Not found',
  409: 'Not possible now',
  413: 'The request is too large',
  415: 'The body is not JSON',
  500: 'The service failed',
  503: 'Not ready',
} as const;

/** The answer for a problem. */
export function answerProblem(c: Context, problem: Problem): Response {
  const { status, detail, errors } = problem;
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="gespage-sync"';
  const body = { type: 'about:blank', title: titles[status], status, detail, ...(errors && { errors }) };
  return c.body(JSON.stringify(body), status, headers);
}
