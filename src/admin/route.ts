// Owns what a route is: data from which the door, its checks and its description all follow.
import type { Context } from 'hono';
import { z } from 'zod';
import { Problem } from './problem.ts';

/** The parts of a request that a route takes, checked and typed. */
export interface Input<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

interface Description {
  readonly method: 'get' | 'post';
  /** With `:name` for parameters. */
  readonly path: string;
  readonly tag: 'service' | 'runs' | 'subscriptions' | 'accounts' | 'holds' | 'notifications' | 'audit';
  readonly summary: string;
  /** What each status means. */
  readonly answers: Readonly<Record<number, string>>;
}

export interface Definition<
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
> extends Description {
  readonly params?: P;
  readonly query?: Q;
  /** A body may always be left out; then it is taken for `{}`. */
  readonly body?: B;
  readonly handle: (
    input: Input<z.output<P>, z.output<Q>, z.output<B>>,
    c: Context,
  ) => Response | Promise<Response>;
}

/** A route with its checks inside. */
export interface Route extends Description {
  readonly params: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  readonly serve: (c: Context) => Promise<Response>;
}

const nothing = z.object({});

/** Makes a route: what does not pass its schemas is answered with a 400 that names every fault. */
export function defineRoute<
  P extends z.ZodType = typeof nothing,
  Q extends z.ZodType = typeof nothing,
  B extends z.ZodType = typeof nothing,
>(definition: Definition<P, Q, B>): Route {
  const { params, query, body, handle, ...description } = definition;
  return {
    ...description,
    params,
    query,
    body,
    async serve(c) {
      const input = {
        params: check(params ?? nothing, c.req.param(), 'path'),
        query: check(query ?? nothing, c.req.query(), 'query'),
        body: check(body ?? nothing, body === undefined ? {} : await readBody(c), 'body'),
      };
      return handle(input as Input<z.output<P>, z.output<Q>, z.output<B>>, c);
    },
  };
}

function check(schema: z.ZodType, value: unknown, where: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => {
    const place = issue.path.map(String).join('.');
    return `${where}${place === '' ? '' : ` ${place}`}: ${issue.message}`;
  });
  throw new Problem(
    400,
    `Nothing was done: ${errors.join('; ')}. Correct the request; /docs describes it.`,
    errors,
  );
}

async function readBody(c: Context): Promise<unknown> {
  const text = await c.req.text().catch(() => {
    throw new Problem(400, 'Nothing was done: the body did not arrive as a whole. Send it again.');
  });
  if (text.trim() === '') return {};
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(c.req.header('content-type') ?? ''))
    throw new Problem(415, 'Send the body as JSON, with the header "content-type: application/json".');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Problem(400, 'Nothing was done: the body is not JSON. Correct it, or leave it out.');
  }
}

/** Query parameters of every list. */
export const page = {
  limit: z.coerce
    .number('must be a whole number from 1 to 500')
    .int('must be a whole number from 1 to 500')
    .min(1, 'must be a whole number from 1 to 500')
    .max(500, 'must be a whole number from 1 to 500')
    .default(50)
    .meta({ description: 'Entries in one answer' }),
  cursor: z.coerce
    .number('must be the nextCursor of an answer')
    .int('must be the nextCursor of an answer')
    .nonnegative('must be the nextCursor of an answer')
    .optional()
    .meta({ description: 'The nextCursor of the answer before' }),
};

/** A list answer; `nextCursor` is null at the end. */
export function pageOf<Item>(
  items: readonly Item[],
  limit: number,
  cursorOf: (item: Item) => number,
): { items: readonly Item[]; nextCursor: number | null } {
  const last = items.at(-1);
  return { items, nextCursor: last !== undefined && items.length === limit ? cursorOf(last) : null };
}
